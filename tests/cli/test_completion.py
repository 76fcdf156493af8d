"""Shell completion: a script for each shell, which names the commands and their options."""

import os
import subprocess

import pytest

from reweigh.cli.app import app
from reweigh.cli.guard import run
from reweigh.settings.settings import by_name

SCRIPTS = {
    "bash": ".local/share/bash-completion/completions/reweigh",
    "zsh": ".zsh/completions/_cyclopts_reweigh",
    "fish": ".config/fish/completions/reweigh.fish",
}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_names_commands_and_options(shell):
    script = app.generate_completion(shell=shell)
    for command in ("demo", "train", "audit", "report", "review", "predict"):
        assert command in script
    missing = [name for name in by_name() if name.replace("_", "-") not in script]
    assert missing == []
    assert "forward" in script  # a word that an option may be


def test_the_script_of_bash_is_one_that_bash_reads(tmp_path):
    (tmp_path / "script").write_text(app.generate_completion(shell="bash"))
    done = subprocess.run(["bash", "-n", tmp_path / "script"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SCRIPTS)
def test_it_is_put_where_the_shell_looks(shell, tmp_path, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith(("ZSH", "ZDOT", "XDG"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(["--install-completion", "--shell", shell]) == 0, capsys.readouterr()
    assert "--keep-clean-in-train" in (tmp_path / SCRIPTS[shell]).read_text().replace("-l ", "--")
