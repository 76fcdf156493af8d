"""A table: the breast tumours of Wisconsin (569 rows, ten measurements each), as scikit-learn brings them.

A fifth of the training labels are wrong. `truth.csv` has the right ones, and two files what a reviewer made of forty rows.
"""

import json
import random
from pathlib import Path

from reweigh.errors import require
from reweigh.exchange.format import GIVEN, ID
from reweigh.exchange.label_studio import CONTROL, SHOWN
from reweigh.samples.sample import Sample, mislabelled, row_name, write_csv

WRONG, CHECKED, TESTED, NEW = 0.2, 100, 120, 29
_MEASURED = 10  # the means; their errors and extremes come after


def write_tumours(folder: Path) -> None:
    """The table in four parts, the truth of the noisy one, and decisions about it.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    found = require("sklearn.datasets", "cli").load_breast_cancer()
    names = [str(name).removeprefix("mean ") for name in found.feature_names[:_MEASURED]]
    rows = [
        ([f"{value:.4g}" for value in cells[:_MEASURED]], str(found.target_names[target]))
        for cells, target in zip(found.data.tolist(), found.target.tolist(), strict=True)
    ]
    draw = random.Random(0)
    draw.shuffle(rows)
    heads = [*names, "label"]
    for name, count in (("checked", CHECKED), ("test", TESTED)):
        write_csv(folder / f"{name}.csv", heads, [[*cells, label] for cells, label in rows[:count]])
        rows = rows[count:]
    write_csv(folder / "new.csv", names, [cells for cells, _ in rows[:NEW]])
    rows = rows[NEW:]
    truth = [label for _, label in rows]
    given = mislabelled(truth, WRONG, draw)
    write_csv(folder / "noisy.csv", heads, [[*cells, label] for (cells, _), label in zip(rows, given, strict=True)])
    write_csv(folder / "truth.csv", ["id", "label"], [[row_name(k), label] for k, label in enumerate(truth)])
    _write_review(folder, given, truth)


def _write_review(folder: Path, given: list[str], truth: list[str]) -> None:
    """Thirty wrong labels and ten right ones, as the review page and as Label Studio save what was decided."""
    wrong = [k for k, (one, other) in enumerate(zip(given, truth, strict=True)) if one != other][:30]
    right = [k for k in range(len(truth)) if k not in wrong and given[k] == truth[k]][:10]
    reviewed = sorted([*wrong, *right])
    decided = [("change", truth[k]) if k in wrong else ("keep", "") for k in reviewed]
    write_csv(
        folder / "decisions.csv",
        ["id", "given", "decision", "label"],
        [[row_name(k), given[k], *said] for k, said in zip(reviewed, decided, strict=True)],
    )
    tasks = [
        {
            "id": place,
            "data": {ID: row_name(k), GIVEN: given[k]},
            "annotations": [{"completed_by": 1, "was_cancelled": False, "result": [_chosen(truth[k])]}],
        }
        for place, k in enumerate(reviewed, 1)
    ]
    (folder / "annotations.json").write_text(json.dumps(tasks, indent=1) + "\n", encoding="utf-8")


def _chosen(label: str) -> dict[str, object]:
    return {"from_name": CONTROL, "to_name": SHOWN, "type": "choices", "value": {"choices": [label]}}


TUMOURS = Sample(
    "a table, a fifth of whose labels are wrong (noisy.csv, checked.csv, test.csv, new.csv)",
    write_tumours,
    (
        "reweigh train --train noisy.csv --clean checked.csv --target label --output runs/mine",
        "reweigh audit runs/mine --output suspects.csv",
        "reweigh review runs/mine",
        "reweigh apply runs/mine decisions.csv --output cleaned",
        "reweigh predict runs/mine new.csv",
    ),
)
