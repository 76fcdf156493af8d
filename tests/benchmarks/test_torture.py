"""The torture command counts, keeps, and fails when anything is wrong; its random models are what they say."""

import json
import sys
from types import ModuleType

import pytest
import torch
from benchmarks.torture import __main__ as torture
from benchmarks.torture import models, parts, shrink
from benchmarks.torture.networks import HOME, Recipe, Stage, recipe
from benchmarks.torture.pieces import KINDS

from reweigh import alignments

SMALL = ["--parts", "tables", "--scale", "0.01"]


@pytest.fixture
def tables(monkeypatch):
    """A stand-in for one part, which says what it was asked and what it is told to find."""
    part = ModuleType("benchmarks.torture.tables")
    part.found = {"tried": 3, "dropped": 2, "wrong": []}
    part.asked = []

    def run(seed, count):
        part.asked.append((seed, count))
        return part.found

    part.run = run
    monkeypatch.setitem(sys.modules, part.__name__, part)
    monkeypatch.setattr(torture, "built", lambda name: name in ("tables", "models"))
    return part


def test_the_row_of_a_part_has_its_seed_counts_and_circumstances(tables, tmp_path, capsys):
    path = tmp_path / "new" / "torture.json"
    assert torture.main([*SMALL, "--seed", "5", "--output", str(path)]) == 0
    row = json.loads(path.read_text())["tables"]
    assert tables.asked == [(5, 3)]
    assert (row["seed"], row["count"], row["tried"], row["dropped"], row["failures"]) == (5, 3, 3, 2, [])
    assert row["seconds"] >= 0
    assert row["packages"]["torch"].startswith(torch.__version__.partition("+")[0])
    assert "tables: 3 tried, 0 wrong" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["wrong", "lost"])
def test_anything_wrong_is_shown_kept_and_fails(tables, tmp_path, capsys, word):
    tables.found = {"tried": 3, word: [{"seed": 7}]}
    path = tmp_path / "torture.json"
    assert torture.main([*SMALL, "--output", str(path)]) == 1
    assert json.loads(path.read_text())["tables"]["failures"] == [{"seed": 7}]
    assert "{'seed': 7}" in capsys.readouterr().out


def test_parts_run_earlier_stay_and_the_same_part_is_replaced(tables, tmp_path):
    path = tmp_path / "torture.json"
    path.write_text(json.dumps({"npz_files": {"tried": 100}, "tables": {"tried": 1}, "interrupts": {"tried": 2}}))
    torture.main([*SMALL, "--output", str(path)])
    kept = json.loads(path.read_text())
    assert list(kept) == ["interrupts", "tables", "npz_files"]  # in the usual order
    assert kept["tables"]["tried"] == 3
    assert kept["npz_files"] == {"tried": 100}


def test_an_interrupted_part_leaves_the_file_as_it_was(tables, tmp_path):
    path = tmp_path / "torture.json"
    path.write_text('{"tables": {"tried": 1}}')

    def interrupted(seed, count):
        raise KeyboardInterrupt

    tables.run = interrupted
    with pytest.raises(KeyboardInterrupt):
        torture.main([*SMALL, "--output", str(path)])
    assert path.read_text() == '{"tables": {"tried": 1}}'


def test_a_part_that_is_not_there_is_said_and_nothing_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torture, "built", lambda name: False)
    path = tmp_path / "torture.json"
    assert torture.main(["--parts", "interrupts", "--output", str(path)]) == 0
    assert capsys.readouterr().out == "interrupts: not built\n"
    assert not path.exists()


def test_built_asks_for_the_module():
    assert parts.built("models")
    assert not parts.built("nothing_of_this_name")
    assert callable(parts.run_of("models"))


@pytest.mark.parametrize("arguments", [["--scale", "0"], ["--scale", "nan"], ["--parts", "no_such_part"]])
def test_what_makes_no_sense_is_refused(arguments):
    with pytest.raises(SystemExit) as stopped:
        torture.main(arguments)
    assert stopped.value.code == 2


def test_a_seed_stands_for_one_model_and_its_batches():
    one, two = recipe(12), recipe(12)
    assert one == two
    assert str(one) == str(two)
    for left, right in zip(one.model().parameters(), two.model().parameters(), strict=True):
        assert torch.equal(left, right)
    assert torch.equal(one.batch(4, 3, 1)["x"], two.batch(4, 3, 1)["x"])
    assert len({str(recipe(seed)) for seed in range(50)}) > 45


BEFORE = {
    "stacked": ("stack views",),
    "pairs": ("interleave views",),
    "columns": ("to columns",),
    "timed": ("placed", "time first"),
    "folded": ("placed", "fold"),
    "timed-folded": ("placed", "time first", "fold, time first"),
}


@pytest.mark.parametrize("name", KINDS)
def test_pieces_keep_examples_apart_unless_they_say_that_they_mix(name):
    """One example's loss has a slope along another's input, or it has none."""
    kind = KINDS[name]
    names, layout = (*BEFORE.get(kind.before, ()), name), kind.after or kind.before
    while layout != "rows":
        names, layout = (*names, HOME[layout]), KINDS[HOME[layout]].after
    of = Recipe(3, names, kind.before == "series", False, False, torch.float64, ())
    batch = of.batch(4, 3, 0)
    x = batch["x"].requires_grad_()
    (slope,) = torch.autograd.grad(of.loss(of.model().train(), batch)[0], x)
    assert bool(slope[0].any())
    assert bool(slope[1:].any()) == kind.mixes


@pytest.mark.parametrize("seed", range(15))
def test_random_models_are_right_or_refused(seed):
    """The first of those that `make torture` tries."""
    found = models.run(seed=seed, count=1)
    assert found["models"] == 1
    assert found["tried"] > 5
    assert found["wrong"] == []


def test_an_engine_that_is_off_is_seen_and_made_small(monkeypatch):
    """An engine that gives the examples' alignments in the wrong order."""

    def reversed_by_ghost(*arguments, engine):
        found = alignments(*arguments, engine=engine)
        return found.flip(0) if engine == "ghost" else found

    monkeypatch.setattr(models, "alignments", reversed_by_ghost)
    of = Recipe(
        1, ("linear on rows", "residual on rows"), False, False, False, torch.float64, (Stage(4, 3, True, True),) * 2
    )
    wrong = models.Trial(of).run().wrong
    assert any("ghost" in finding["what"] for finding in wrong)
    small, findings = shrink.shrunk(of)
    assert small.names == ()
    assert len(small.stages) == 1
    assert findings
