"""An audit of pairs: both sides in view, kinds with shares and intervals, weights for other trainers."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch

import reweigh
from made_up_pairs import pairs, three_files
from reweigh.audit import audit_run, write_export
from reweigh.audit.halves import LabelsJudged
from reweigh.cli.audit import kinds_table, pairs_table
from reweigh.cli.show import console
from reweigh.errors import BadInput
from reweigh.exchange.weighed import weighed
from reweigh.rightness.pairs.verify import PairsView

KINDS = ("exchanged", "copied", "shuffled", "cut")


def view_of(wrong, checked):
    """Features that tell: a right pair has its own place, and each kind of wrong ones another."""
    draw = torch.Generator().manual_seed(0)

    def around(place, count):
        return torch.eye(5, dtype=torch.double)[torch.full((count,), place)] * 4 + torch.randn(count, 5, generator=draw)

    places = torch.cat(
        [around(0, checked), torch.stack([around(1 + kind if kind >= 0 else 0, 1)[0] for kind in wrong])]
    )
    spoilt = {}
    for number, kind in enumerate(KINDS, 1):
        spoilt[kind] = torch.zeros_like(places)
        spoilt[kind][:checked] = around(number, checked)
    return PairsView(places, spoilt)


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    three_files(folder, 120)
    said = {"source": "de", "target": "en", "batch_size": 32, "steps": 4, "quick": True, "verbose": False}
    reweigh.fit(folder / "pairs.tsv", clean=folder / "checked.tsv", output=folder / "run", **said)
    return audit_run(folder / "run")


@pytest.fixture(scope="module")
def judged(audit):
    """The same where pairs can be judged: a quarter misaligned, an eighth copied."""
    count, task = len(audit), audit.task
    wrong = np.where(np.arange(count) % 4 == 0, 0, np.where(np.arange(count) % 8 == 1, 1, -1))
    found = task.judged(view_of(wrong, 60), torch.zeros(60 + count, 3), torch.arange(60), seed=0)
    right, kind = found.right[60:], np.where(found.right[60:] < 0.5, found.kind[60:], "")
    of_all = LabelsJudged(right, audit.examples.y.numpy(), np.maximum(right, 1 - right), right < 0.5, kind, found)
    order = np.argsort(right, kind="stable")
    return wrong, replace(audit, judged=of_all, quality=right, issue=right < 0.5, order=order)


def shown(table):
    with console.capture() as capture:
        console.print(table)
    return capture.get()


@pytest.mark.slow
def test_two_students_of_a_few_steps_cannot_tell_and_say_so(audit):
    assert audit.estimate is None
    assert "checked examples cannot tell" in audit.sentence()
    assert (audit.kind == "").all()


def test_both_sides_are_in_view(audit):
    given = pairs(120, 0, 0.3)[0]
    table = shown(pairs_table(audit, 5))
    assert max(map(len, table.split("\n"))) <= 80
    for row in range(0, len(audit), 17):
        number = int(audit.name(row).removeprefix("row "))
        assert (audit.source(row), audit.told(audit.given[row])) == given[number]


def test_kinds_have_shares_intervals_and_counts(judged):
    wrong, audit = judged
    table = shown(kinds_table(audit))
    lines = {line.split()[1]: line for line in table.split("\n") if line.startswith("│")}
    assert set(lines) == {"right", *KINDS}
    assert f"{audit.estimate.kinds['exchanged']:.0%}" in lines["exchanged"]
    assert " to " in lines["copied"]
    assert abs(audit.estimate.kinds["exchanged"] - float((wrong == 0).mean())) < 0.1
    assert (audit.kind[wrong == 1] == "copied").mean() > 0.9
    assert audit.sentence().endswith("%)") or "mostly exchanged" in audit.sentence()


def test_the_file_has_both_sides_and_no_suggestion(judged, tmp_path):
    _, audit = judged
    write_export(audit, tmp_path / "audit.csv")
    with (tmp_path / "audit.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:5] == ["id", "wrong_probability", "wrong_of_next_100", "source", "given_label"]
    given = pairs(120, 0, 0.3)[0]
    assert all((row["source"], row["given_label"]) == given[int(row["id"].removeprefix("row "))] for row in rows)
    assert {row["suggested_label"] for row in rows} == {""}
    assert sum(row["is_label_issue"] == "True" for row in rows) == int(audit.issue.sum()) > 20
    assert {row["kind_of_wrongness"] for row in rows} <= {"", *KINDS}


def test_weights_for_others_are_low_where_pairs_look_wrong(judged):
    wrong, audit = judged
    found = weighed(audit)
    assert found.names == ("de", "en")
    assert len(found.sources) == len(found.targets) == len(found.ids) == len(found.weights) == len(audit)
    assert found.weights.mean() == pytest.approx(1)
    assert found.weights.min() >= 0
    by_id = dict(zip(found.ids, found.weights, strict=True))
    weights = np.array([by_id[audit.name(row)] for row in range(len(audit))])
    assert weights[wrong >= 0].mean() < 0.2 < weights[wrong < 0].mean()
    given = pairs(120, 0, 0.3)[0]
    numbers = [int(name.removeprefix("row ")) for name in found.ids]
    assert numbers == sorted(numbers)
    assert [(a, b) for a, b in zip(found.sources, found.targets, strict=True)] == [given[number] for number in numbers]


def test_other_data_have_no_weights_for_trainers_of_pairs(audit):
    other = replace(audit, encoding=replace(audit.encoding, kind="table"))
    with pytest.raises(BadInput, match="did not learn from pairs of texts"):
        weighed(other)
