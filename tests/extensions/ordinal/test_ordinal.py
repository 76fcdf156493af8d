"""A task of somebody's own, from a CSV to the page, and none of the package changed."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import torch
from sklearn.metrics import cohen_kappa_score

from reweigh.cli.guard import run
from reweigh.tasks import registry

NAMED = ("--task", "grades:Ordinal")


def write(path, x, grades, checked=None):
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["a", "b", "grade", *([] if checked is None else ["checked"])])
        for row, values in enumerate(zip(x[:, 0], x[:, 1], grades, strict=True)):
            rows.writerow([*values, *([] if checked is None else [int(checked[row])])])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Grades 3 to 7 of which a fifth are four grades off, a run on them, and new rows."""
    made = tmp_path_factory.mktemp("ordinal")
    (made / "grades.py").write_text((Path(__file__).parent / "grades.py").read_text())
    draw = np.random.default_rng(0)
    x = draw.normal(size=(700, 2)).round(4)
    true = 5 + np.digitize(x @ [1.0, -1.0], [-1.5, -0.5, 0.5, 1.5]) - 2
    wrong = (draw.random(700) < 0.2) & (np.arange(700) >= 150) & (true != 5)
    write(made / "noisy.csv", x[:500], np.where(wrong, 10 - true, true)[:500], np.arange(500) < 150)
    write(made / "new.csv", x[500:], true[500:])
    np.save(made / "wrong.npy", wrong[150:500])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        said = [
            "train",
            "--train",
            "noisy.csv",
            "--target",
            "grade",
            "--clean-column",
            "checked",
            "--output",
            "run",
            "--rule",
            "l2rw",
            "--quick",
        ]
        assert run([*said, *NAMED, "--steps", "80", "--batch-size", "100", "--lr", "0.01"]) == 0
        yield made


def test_training_scores_it(folder):
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert (summary["task"], summary["score"]) == ("grades:Ordinal", "test_kappa")
    assert summary["test_kappa"] > 0.85
    assert summary["test_grades_off"] < 0.4
    assert set(summary["mass_per_class"]) == {"3", "4", "5", "6", "7"}
    encoding = json.loads((folder / "run" / "encoding.json").read_text())
    assert (encoding["classes"], encoding["outputs"]) == (["3", "4", "5", "6", "7"], 4)
    weights = pyarrow.parquet.read_table(folder / "run" / "weights.parquet")["mean_weight"].to_numpy()[:350]
    wrong = np.load(folder / "wrong.npy")
    assert weights[wrong].mean() < 0.5 * weights[~wrong].mean()


def test_new_rows_are_predicted_and_scored(folder, capsys):
    assert run(["predict", "run", "new.csv", "--output", "said.csv", "--probabilities", *NAMED]) == 0
    told = capsys.readouterr().out
    rows = list(csv.DictReader((folder / "said.csv").open()))
    given = [row["grade"] for row in csv.DictReader((folder / "new.csv").open())]
    kappa = cohen_kappa_score(given, [row["prediction"] for row in rows], weights="quadratic")
    assert f"weighted kappa {kappa:.3f}" in told
    assert kappa > 0.85
    each = np.array([[float(row[f"probability of {grade}"]) for grade in range(3, 8)] for row in rows])
    assert each.sum(1) == pytest.approx(1)
    assert [str(3 + place) for place in each.argmax(1)] == [row["prediction"] for row in rows]


def test_an_audit_finds_the_wrong_ones_in_the_tasks_words(folder, capsys):
    assert run(["audit", "run", "--output", "audit.csv", "--overwrite", *NAMED]) == 0
    assert "Examples by grade" in capsys.readouterr().out
    rows = list(csv.DictReader((folder / "audit.csv").open()))
    wrong = np.load(folder / "wrong.npy")
    issues = [row for row in rows if row["is_label_issue"] in ("True", "true", "1")]
    assert len(issues) > 20
    assert all(abs(int(row["given_label"]) - int(row["suggested_label"])) > 1 for row in issues)
    assert np.mean([wrong[int(row["id"].removeprefix("row ")) - 150] for row in issues]) > 0.9


def test_a_report_speaks_of_grades(folder):
    assert run(["report", "run", *NAMED]) == 0
    page = (folder / "run" / "report.html").read_text()
    assert "Noise rate of each grade" in page
    assert "the finished model says something more than a grade away" in page
    assert "Test weighted kappa" in page


def test_no_file_chooses_code(folder, monkeypatch, capsys):
    """Somebody who was sent the run has to say that its task is theirs."""
    known = {name: kind for name, kind in registry._TASKS.items() if ":" not in name}
    monkeypatch.setattr(registry, "_TASKS", known)
    for command in (["audit", "run"], ["report", "run"], ["predict", "run", "new.csv", "--output", "other.csv"]):
        assert run(command) == 2
        assert "name it yourself with --task grades:Ordinal" in capsys.readouterr().err
    assert run(["train", "--output", "run", "--resume"]) == 2
    assert "--task grades:Ordinal" in capsys.readouterr().err
    assert "grades:Ordinal" not in known
    assert run(["train", "--output", "run", "--resume", "--quick", *NAMED]) == 0
    assert run(["audit", "run", "--task", "regression"]) == 2
    assert "was made with the task 'grades:Ordinal', not 'regression'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("grades:Nothing", "has no class 'Nothing': write --task grades:CLASS"),
        ("nowhere_at_all:Task", "there is no module 'nowhere_at_all'"),
        ("grades:np.array", "is no task: let the class inherit"),
        ("reweigh.tasks:Task", "has no '_losses', "),
        ("ordinal", "there is no task 'ordinal': choose one of 'classification'"),
        (":x", "there is no task ':x': choose one of"),
    ],
)
def test_what_is_no_task_is_a_sentence(folder, capsys, name, said):
    assert run(["train", "--train", "noisy.csv", "--target", "grade", "--clean-column", "checked", "--task", name]) == 2
    assert said in capsys.readouterr().err


def test_losses_are_those_of_a_loop_over_thresholds(folder):
    task = sys.modules["grades"].Ordinal(("1", "2", "3"))
    outputs, y = torch.randn(5, 2, dtype=torch.float64), torch.tensor([0, 1, 2, 2, 0])
    by_hand = [
        sum(-torch.log(p if grade > k else 1 - p) for k, p in enumerate(row.sigmoid()))
        for row, grade in zip(outputs, y.tolist(), strict=True)
    ]
    torch.testing.assert_close(task.losses(outputs, y), torch.stack(by_hand))
