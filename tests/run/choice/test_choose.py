"""Rules that are tried: what judges them has no part in training them, and what came out stands in the run's files."""

import json
import sys

import pytest
import torch

from own_files import bare
from reweigh.cli.guard import run
from reweigh.errors import NonFinite
from reweigh.rules import registry
from reweigh.run.choice import candidates
from reweigh.run.choice.candidates import Way, shorter
from reweigh.run.choice.choose import Trial, budget, chosen_way, folds
from reweigh.run.choice.heard import Held
from reweigh.run.folder.stored import read_config
from reweigh.run.job import usual
from reweigh.tasks import Translation, task_of
from reweigh.verdict import verdict_of

choose_, candidates_ = (sys.modules[f"reweigh.run.choice.{name}"] for name in ("choose", "candidates"))
FOLDS = 2
CLASSES = ("a", "b", "c")
FEW = ("--steps", "20", "--quick")


def labels(given=300, each=8, wrong=0.3, seed=0):
    """Given labels of which some are one too high, checked ones, and the truth of the former."""
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(3, (given,), generator=generator)
    moved = torch.rand(given, generator=generator) < wrong
    right = torch.where(moved, 0.1, 0.9).double()
    return Held(torch.where(moved, (truth + 1) % 3, truth), torch.arange(3).repeat(each), right), truth


def way(truth, checked, accuracy, seed):
    """Says the truth so often, of given and checked examples alike."""
    generator = torch.Generator().manual_seed(seed)

    def outputs(rows, held):
        y = torch.cat([truth[rows], checked[held]])
        right = torch.rand(len(y), generator=generator) < accuracy
        said = torch.where(right, y, (y + 1) % 3)
        return 6 * torch.nn.functional.one_hot(said, 3).float() + torch.randn(len(y), 3, generator=generator) / 3

    return outputs


def choose(accuracies, made=None, seed=0, lengths=(), times=FOLDS):
    """By rules' names, each with the length after a space where it is another."""
    found, truth = labels(seed=seed)
    ways = {name: way(truth, found.checked, share, 10 * seed + k) for k, (name, share) in enumerate(accuracies.items())}

    def train(way, given, checked):
        name = way.rule if way.steps is None else f"{way.rule} {way.steps}"
        if made is not None:
            made.append((name, given, checked))
        if ways.get(name) is None:
            raise NonFinite("it diverged")
        return ways[name](given, checked)

    task = task_of(found.given, CLASSES)
    rules = candidates(task)
    return chosen_way(task, found, Trial(rules, lengths, True, 10, times, 0), train)


ALIKE = dict.fromkeys(("judged", "judged-and-helpful", "l2rw", "uniform", "checked-only"), 0.9)


def test_the_best_is_chosen():
    found = choose({**ALIKE, "judged": 0.6, "uniform": 0.6, "judged-and-helpful": 0.6, "checked-only": 0.6})
    assert found.rule == "l2rw"
    assert "better than judged" in found.why
    assert set(found.tried) == set(ALIKE)


def test_a_safe_one_where_all_are_alike():
    """By luck another one looks better now and then."""
    chosen = [choose(ALIKE, seed=seed).rule for seed in range(12)]
    assert chosen.count("judged") + chosen.count("uniform") >= 6


def where_mistakes_look_like_the_truth():
    """A fifth is wrong as its neighbours are, so nobody can say which; plain and judged training learn them."""
    found, truth = labels(wrong=0.2, each=12)
    found = found._replace(right=torch.full((len(truth),), 0.8).double(), borne_out=0.2)

    def train(way, given, checked):
        follows = way.rule in ("judged", "uniform")
        slips = checked % 4 == 0 if follows else checked % 12 == 1
        said = torch.cat([(found.given if follows else truth)[given], (found.checked[checked] + slips) % 3])
        return 6 * torch.nn.functional.one_hot(said, 3).float()

    task = task_of(found.given, CLASSES)
    return chosen_way(task, found, Trial(candidates(task), (), True, 10, FOLDS, 0), train)


def test_what_follows_wrong_labels_is_not_taken_because_they_say_so(monkeypatch):
    assert where_mistakes_look_like_the_truth().rule not in ("judged", "uniform")
    tried = where_mistakes_look_like_the_truth().tried
    assert tried["l2rw"].given < 0.8 < tried["judged"].given
    monkeypatch.setattr("reweigh.run.choice.scoring.DOUBT", 0.0)
    assert where_mistakes_look_like_the_truth().rule == "judged"


def test_each_checked_example_judges_once_and_no_part_trains_what_it_judges():
    made = []
    choose(ALIKE, made)
    by_turn = [[part for part in made if part[0] == "judged"][turn] for turn in range(FOLDS)]
    held = torch.cat([checked for _, _, checked in by_turn])
    assert sorted(held.tolist()) == list(range(24))
    rows = torch.cat([given for _, given, _ in by_turn])
    assert len(rows.unique()) == len(rows) == 150
    for _, _, checked in by_turn:  # four of each class stay and four judge
        assert torch.arange(3).repeat(8)[checked].bincount().tolist() == [4, 4, 4]


@pytest.mark.parametrize("times", [2, 4])
def test_what_is_far_behind_is_tried_once_and_still_told(times):
    made = []
    found = choose({**ALIKE, "checked-only": 0.05}, made, times=times)
    assert [name for name, _, _ in made].count("checked-only") == 1
    assert found.tried["checked-only"].gain < -0.3
    assert found.steps == 10 * len(made)


def test_one_that_fails_is_left_out():
    found = choose({name: share for name, share in ALIKE.items() if name != "judged"})
    assert set(found.tried) == set(ALIKE) - {"judged"}
    assert found.rule in found.tried


def test_where_all_fail_it_says_so():
    with pytest.raises(NonFinite, match="diverged"):
        choose({})


def test_the_same_seed_chooses_alike():
    assert choose(ALIKE).as_json() == choose(ALIKE).as_json()


def test_numbers_are_judged_too_and_have_no_verifier_beside_a_student():
    task = task_of(torch.randn(5), ("value",))
    assert candidates(task).safe == "judged"
    assert {"judged", "judged-and-helpful"} <= set(candidates(task).names)
    assert "checked-only" not in candidates(task, checked_kept=False).names


def test_pairs_are_drawn_where_other_examples_are_weighed():
    ways = candidates(Translation(("[PAD]", "[START]", "[END]", "a")))
    assert (ways.safe, ways.safe_where(None)) == ("drawn", "uniform")
    assert set(ways.names) == {"drawn", "judged-and-helpful", "l2rw", "uniform", "checked-only"}


def test_a_shorter_run_is_taken_where_it_is_better():
    """What has learnt wrong labels by heart knew better before."""
    short = {f"{name} 3": 0.95 for name in ALIKE}
    found = choose({**dict.fromkeys(ALIKE, 0.8), **short}, lengths=(3,))
    assert found.way.steps == 3
    assert "better than judged" in found.why
    assert f"{found.way.rule} for 3 steps" in found.why
    assert len(found.tried) == 2 * len(ALIKE)


def test_a_run_keeps_its_length_where_shorter_ones_are_as_good():
    every = {**ALIKE, **{f"{name} 3": 0.9 for name in ALIKE}}
    kept = [choose(every, seed=seed, lengths=(3,)).way.steps for seed in range(12)]
    assert kept.count(None) >= 7


def test_few_rows_of_a_table_are_tried_on_more_often(monkeypatch):
    monkeypatch.setattr("reweigh.run.choice.choose.CHEAP_FOLDS", 4)  # as it is, but for `tests/conftest.py`
    row = torch.zeros(1, 3)
    assert (folds(row, 5000), folds(row, 5001), folds(row[None], 500), folds(row.long(), 500)) == (4, 2, 2, 2)


def test_lengths_that_are_too_short_to_learn_are_not_tried():
    assert (shorter(600), shorter(300), shorter(100)) == ((200, 75), (100,), ())


def test_a_trial_is_short_beside_a_long_run():
    assert (budget(40), budget(600), budget(6000)) == (40, 600, 1200)


def test_a_run_says_what_was_chosen_and_goes_on_with_it(tmp_path, capsys):
    folder = tmp_path / "run"
    assert run(bare("table", tmp_path / "data", folder, *FEW)) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "choosing a rule" in printed
    summary, stored = json.loads((folder / "summary.json").read_text()), read_config(folder)
    assert summary["rule"] == stored.config.weights.rule == summary["choice"]["rule"] != registry.AUTO
    assert summary["choice"] == stored.choice
    assert f"rule {summary['rule']}, by trials: " in printed
    assert summary["choice"]["why"].split(" (")[0] in printed
    again = ["train", "--output", str(folder), "--resume"]
    assert run([*again, "--rule", "auto"]) == 0
    assert run([*again, "--rule", "random"]) == 2
    assert "rule is" in capsys.readouterr().err
    (folder / "summary.json").unlink()
    assert run(again) == 0
    assert json.loads((folder / "summary.json").read_text()) == summary
    assert run(["audit", str(folder), "--top", "1"]) == 0


def test_a_run_is_shortened_unless_its_length_was_said(tmp_path, monkeypatch, capsys):
    """The trials are made to say that short runs are better; then the run, its files and its resume go by that."""
    monkeypatch.setattr(usual, "LEAST_STEPS", 30)
    monkeypatch.setattr(choose_, "budget", lambda steps: 12)
    monkeypatch.setattr(candidates_, "LEAST_STEPS", 1)
    monkeypatch.setattr(choose_, "best_of", lambda tried, safe, fine: Way("judged", 4))
    folder = tmp_path / "run"
    assert run(bare("table", tmp_path / "data", folder, "--quick")) == 0
    assert "rule judged for 4 steps, by trials" in " ".join(capsys.readouterr().out.split())
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["steps"], summary["choice"]["usual"]) == (4, 30)
    assert read_config(folder).config.student.epochs is None
    (folder / "summary.json").unlink()
    assert run(["train", "--output", str(folder), "--resume"]) == 0
    assert json.loads((folder / "summary.json").read_text()) == summary
    verdict = verdict_of(folder)
    words = {rival.words for rival in verdict.rivals}
    assert {"plain training on all rows", "plain training on all rows, as short"} <= words


def test_options_of_a_rule_want_the_rule(tmp_path, capsys):
    assert run(bare("table", tmp_path / "data", tmp_path / "run", *FEW, "--rule-option", "share=0.2")) == 2
    assert "name it with --rule" in capsys.readouterr().err


def test_too_few_checked_examples_are_not_held_back(tmp_path, capsys):
    said = bare("table", tmp_path / "data", tmp_path / "run", *FEW)
    checked = tmp_path / "data" / "checked.csv"
    lines = checked.read_text().splitlines()
    rows = [[line for line in lines[1:] if line.endswith(word)][:3] for word in ("yes", "no")]
    checked.write_text("\n".join([lines[0], *rows[0], *rows[1]]) + "\n")
    assert run(said) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "rule judged: there are 4 checked examples, too few to hold some back and try rules" in printed
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["choice"]["tried"] == {}


def test_checked_rows_alone(tmp_path, capsys):
    folder = tmp_path / "run"
    assert run(bare("table", tmp_path / "data", folder, *FEW, "--rule", "checked-only")) == 0
    assert run(bare("table", tmp_path / "data", folder, *FEW, "--rule", "checked-only", "--no-keep-clean-in-train",
                       "--overwrite")) == 2  # fmt: skip
    assert "trains on checked examples, and none is among those to train on" in capsys.readouterr().err
