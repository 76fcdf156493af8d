"""What is seen before anything is trained: the ten options, all of them, the version without torch."""

import subprocess
import sys
import time

from reweigh import __version__
from reweigh.cli.guard import run
from reweigh.cli.short_help import TEN


def test_ten_options_in_eighty_columns_and_no_name_cut(capsys):
    assert run(["train", "-h"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert [line.split()[0] for line in shown.splitlines() if line.startswith("  --") and "runs/mine" not in line] == [
        f"--{name}" for name in TEN
    ]
    assert "…" not in shown
    assert "--help` shows all" in shown


def test_help_shows_all(capsys):
    assert run(["train", "--help"]) == 0
    assert "Rules that learn" in capsys.readouterr().out


def test_the_module_says_its_version_without_torch():
    code = (
        "import runpy, sys; sys.argv = ['reweigh', '--version']\n"
        "try: runpy.run_module('reweigh', run_name='__main__')\n"
        "finally: assert not {'torch', 'numpy', 'cyclopts'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, f"reweigh {__version__}", "")


def test_the_version_is_there_at_once():
    """A fresh process; the best of a few, since a machine may be busy."""
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "reweigh", "--version"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.5
