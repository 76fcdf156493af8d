"""How a run ends: what stands there for each kind of run. Nothing is trained here."""

import pytest

from reweigh.cli.ending import ended
from reweigh.verdict import Difference, Rival, Verdict

SUMMARY = {
    "score": "test_accuracy",
    "test_accuracy": 0.9,
    "test_macro_f1": 0.8,
    "rule": "l2rw",
    "task": "classification",
}
VERDICT = Verdict(
    "test_macro_f1",
    0.8,
    (
        Rival("plain training on all rows", 0.7, Difference(0.1, 0.05, 50)),
        Rival("the checked rows alone", 0.6, Difference(0.2, 0.05, 50)),
    ),
)


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "ledger").mkdir(parents=True)
    (tmp_path / "run" / "encoding.json").write_text("{}")
    return tmp_path.relative_to(tmp_path) / "run"


def test_score_table_verdict_and_commands_in_this_order(output, capsys):
    answer = ended({**SUMMARY, "best_epoch": 7}, output, VERDICT, ["a note"], {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "Test accuracy at epoch 7, the best: 90.00 % (macro F1 80.00 %)"
    assert [line.split("  ")[0] for line in lines[2:6]] == [
        "model",
        "this model (l2rw)",
        *(r.words for r in VERDICT.rivals),
    ]
    assert lines[4].split("  ")[-1].strip() == "+10.0 ± 5.0"
    after = " ".join(" ".join(lines[6:]).split())
    assert after.startswith(f"{answer.outcome} All of it is in run. Next: reweigh review run")
    assert answer.outcome == f"Verdict: {VERDICT.sentence}."
    assert answer.content["next"] == ["reweigh review run", "reweigh audit run", "reweigh report run"]
    assert answer.content["notes"] == ["a note"]
    assert answer.content["files"] == {"encoding.json": "run/encoding.json", "ledger": "run/ledger"}


def test_wrong_labels_that_are_known(output, capsys):
    ended({**SUMMARY, "auroc": 0.98, "wrong_labels": 500}, output, None, [], {})
    assert "the 500 wrong labels: 0.980" in capsys.readouterr().out


def test_code_is_named_again_and_what_is_long_stands_alone(output, capsys):
    answer = ended(SUMMARY, output, None, [], {"model": "my models:build"})
    assert answer.outcome.startswith("Test accuracy at the last epoch: ")
    assert "Next:\n  reweigh review run --model 'my models:build'" in capsys.readouterr().out
    far = output.parent / ("far" * 20)
    output.rename(far)
    ended(SUMMARY, far, None, [], {})
    assert f"  reweigh report {far}\n" in capsys.readouterr().out


def test_a_task_that_nobody_reviews_and_a_run_without_a_ledger(output, capsys):
    assert ended({**SUMMARY, "task": "translation"}, output, None, [], {}).content["next"][0] == "reweigh audit run"
    (output / "ledger").rmdir()
    assert ended(SUMMARY, output, None, [], {}).content["next"] == []
    assert capsys.readouterr().out.endswith("All of it is in run\n")
