"""Ctrl-C at any time is one sentence and exit code 130, in a process of its own."""

import importlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from own_files import bare
from reweigh.cli.guard import run
from terminal import recorded

START = "import sys; print(flush=True); from reweigh.__main__ import main; main()"


def stopped(arguments, *after):
    """What a command says that is interrupted so many seconds after it began, and again after more; None: it was over."""
    command = [sys.executable, "-c", START, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()  # Python itself has begun
        time.sleep(after[0])
        over = process.poll() is not None
        process.send_signal(signal.SIGINT)
        for seconds in after[1:]:
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    return None if over else (process.returncode, said)


def check(found):
    code, said = found
    assert code == 130, said
    assert said.startswith("reweigh: stopped")
    assert len(said.splitlines()) == 1


@pytest.fixture
def train(tmp_path):
    return bare("table", tmp_path / "data", tmp_path / "run")


@pytest.mark.parametrize("after", [0.3, 3.0])
def test_training_while_it_imports_reads_and_tries(train, after):
    check(stopped(train, after))


def test_twice(train):
    check(stopped(train, 0.5, 0.01))


def test_on_a_terminal_the_line_goes_away_and_what_is_done_is_kept(train, tmp_path):
    found, code = recorded([*train, "--rule", "uniform", "--epochs", "2000"], at="/2000  loss")  # an epoch is done
    assert code == 130
    assert not found.hidden
    assert found.lines[-1].startswith("reweigh: stopped; epoch")
    assert found.lines[-1].endswith(f"go on with `reweigh train --output {tmp_path / 'run'} --resume`")
    assert not any(line.endswith(" left") for line in found.lines)
    assert (tmp_path / "run" / "checkpoint.pt").exists()
    assert not (tmp_path / "run" / "summary.json").exists()


@pytest.mark.slow
def test_while_comparing_it_says_that_the_run_is_complete(recorded_run, tmp_path):
    shutil.copytree(recorded_run.folder / "mine", tmp_path / "mine")
    (tmp_path / "mine" / "verdict.json").unlink()
    found, code = recorded(["train", "--output", tmp_path / "mine", "--resume"], at="comparing with")
    assert code == 130
    assert not found.hidden
    assert found.lines[-1].startswith(
        f"reweigh: stopped while comparing with other ways; the run in {tmp_path / 'mine'} is"
    )
    assert not any(line.endswith(" left") for line in found.lines)


def test_while_the_first_of_its_modules_is_imported(tmp_path):
    """The import is stopped by itself: no signal comes as early as that for sure."""
    code = (
        "import sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'reweigh.cli': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from reweigh.__main__ import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "reweigh: stopped before it was done\n")


@pytest.mark.parametrize("command", [["audit"], ["report"], ["review"], ["apply", "--auto"], ["predict", "new.csv"]])
def test_any_command_says_that_it_stopped(command, capsys, monkeypatch):
    """In this process: what each calls first is stopped."""

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    importlib.import_module("reweigh.cli.app")
    module = f"reweigh.cli.{command[0]}"
    called = {"audit": "audit_run", "report": "write_report", "review": "write_review", "apply": "apply_run"}
    monkeypatch.setattr(sys.modules[module], called.get(command[0], "predict_new"), stop)
    assert run([command[0], "run", *command[1:]]) == 130
    assert capsys.readouterr().err == "reweigh: stopped before it was done\n"


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.1, 0.7, 1.3, 2.0, 2.6, 3.3, 4.0, 6.0])
@pytest.mark.parametrize("command", ["train", "audit", "report", "review", "apply", "predict", "demo"])
def test_any_command_at_any_moment(recorded_run, tmp_path, command, after):
    mine, out = recorded_run.folder / "mine", tmp_path / "out"
    new = recorded_run.folder / "data" / "new.csv"
    arguments = {
        "train": bare("table", tmp_path / "data", out),
        "apply": ["apply", mine, "--auto", "--output", out],
        "predict": ["predict", mine, new, "--output", f"{out}.csv"],
        "demo": ["demo", "--output", out],
    }
    found = stopped(arguments.get(command, [command, mine]), after)
    if found is not None and found[0] != 0:  # it may just have ended
        check(found)
