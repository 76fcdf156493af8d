"""`--quiet` and `--json` of each command: one line, or one object, on stdout and nothing else."""

import json

import pytest

from reweigh.cli import voice
from reweigh.cli.guard import run
from reweigh.run.finished import open_run
from reweigh.verdict import read_verdict


@pytest.fixture
def folder(recorded_run):
    return recorded_run.folder


def said(capsys, *arguments):
    assert run([str(argument) for argument in arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def test_training_says_its_results_its_verdict_and_its_files(folder, capsys):
    mine = folder / "mine"
    found = json.loads(said(capsys, "train", "--output", mine, "--resume", "--json"))
    assert found["run"] == str(mine)
    assert found["summary"] == json.loads((mine / "summary.json").read_text())
    assert found["verdict"] == json.loads((mine / "verdict.json").read_text())
    assert found["files"]["weights.parquet"] == str(mine / "weights.parquet")
    assert found["notes"] == [f"the run in {mine} is finished: nothing is left to do"]
    assert found["next"][0] == f"reweigh review {mine}"


def test_quiet_training_says_the_verdict(folder, capsys):
    sentence = read_verdict(open_run(folder / "mine")).sentence
    assert said(capsys, "train", "--output", folder / "mine", "--resume", "-q") == f"Verdict: {sentence}.\n"


def test_without_a_verdict_it_says_the_score(tmp_path, capsys):
    few = ["train", "--dataset", "digits", "--steps", "2", "--no-ledger", "--output", tmp_path / "run"]
    assert said(capsys, *few, "--quiet").startswith("Test accuracy at the last epoch: ")
    assert said(capsys, *few, "--overwrite").rstrip().endswith(f"All of it is in {tmp_path / 'run'}")
    found = json.loads(said(capsys, *few, "--overwrite", "--json"))
    assert (found["verdict"], found["next"]) == (None, [])


def test_auditing(folder, capsys):
    found = json.loads(said(capsys, "audit", folder / "mine", "--top", 3, "--json"))
    assert len(found["most_distrusted"]) == 3
    assert found["examples"] > found["issues"] > 0
    assert set(found["most_distrusted"][0]) == {"id", "given", "suggested", "right", "sure", "weight"}
    quiet = said(capsys, "audit", folder / "mine", "-q")
    assert len(quiet.splitlines()) == 1
    assert quiet.casefold().startswith(found["said"][:20].casefold())


@pytest.mark.parametrize("command", ["report", "review"])
def test_pages_are_told_by_their_paths(folder, capsys, command):
    page = folder / "mine" / f"{command}.html"
    assert json.loads(said(capsys, command, folder / "mine", "--json"))["page"] == str(page)
    assert said(capsys, command, folder / "mine", "-q").strip() == str(page)


def test_predicting(folder, capsys):
    arguments = [
        "predict",
        folder / "mine",
        folder / "data" / "new.csv",
        "--output",
        folder / "told.csv",
        "--overwrite",
    ]
    found = json.loads(said(capsys, *arguments, "--json"))
    assert (found["predictions"], found["output"]) == (40, str(folder / "told.csv"))
    assert found["scores"]["test_accuracy"] >= 0
    assert said(capsys, *arguments, "-q") == f"{folder / 'told.csv'}\n"


def test_applying_exporting_and_importing(folder, capsys):
    cleaned = ["apply", folder / "mine", "--auto", "--output", folder / "cleaned", "--overwrite"]
    found = json.loads(said(capsys, *cleaned, "--json"))
    assert found["next"][0].startswith("reweigh train --config ")
    assert found["files"]["train"].endswith("noisy.csv")
    assert len(said(capsys, *cleaned, "-q").splitlines()) == 1
    tasks = folder / "tasks.json"
    assert json.loads(said(capsys, "export", folder / "mine", tasks, "--json"))["files"] == [str(tasks)]
    assert said(capsys, "export", folder / "mine", tasks, "--overwrite", "-q") == f"{tasks}\n"
    annotated = [{**task, "annotations": []} for task in json.loads(tasks.read_text())]
    (folder / "annotated.json").write_text(json.dumps(annotated))
    back = ["import", folder / "mine", folder / "annotated.json", "--output", folder / "decisions.csv", "--overwrite"]
    assert json.loads(said(capsys, *back, "--json"))["output"] == str(folder / "decisions.csv")


def test_the_demo(tmp_path, capsys):
    few = ["demo", "--quick", "--seeds", "1", "--output", tmp_path / "demo"]
    found = json.loads(said(capsys, *few, "--json"))
    assert len(found["methods"]) == 5
    assert found["files"] == [str(tmp_path / "demo" / name) for name in ("demo.png", "distrusted.png", "results.json")]


def test_more_and_less_contradict_each_other(capsys):
    assert run(["train", "--dataset", "digits", "-v", "-q"]) == 2
    assert "--verbose says more" in capsys.readouterr().err


def test_a_mistake_is_said_in_any_voice(tmp_path, capsys):
    assert run(["audit", str(tmp_path), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("reweigh: ")
    assert run(["report", str(tmp_path), "-q"]) == 2
    assert capsys.readouterr().err.startswith("reweigh: ")


def test_what_others_print_does_not_get_between(capsys):
    with voice.Voice(json=True).speaking():
        print("from somewhere")
        voice.console.print("for people")
    voice.Voice(json=True).answer(voice.Answer("", {"a": float("nan")}))
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": None}
    assert captured.err == "from somewhere\n"
    voice.console.print("again")
    assert capsys.readouterr().out == "again\n"
