"""The sentence says what the numbers do, and no more."""

import math
from dataclasses import replace

import pytest
import torch

from reweigh.run.folder.run_folder import without_nan
from reweigh.tasks import MEASURES
from reweigh.verdict import Difference, Rival, Verdict
from reweigh.verdict.interval import LEVEL, differences
from reweigh.verdict.verdict import gap_text, rounded


def verdict(*gaps, measure="test_macro_f1", examples="checked", count=100):
    words = ("plain training on all rows", "boosted trees", "the checked rows alone")
    rivals = [
        Rival(name, 0.9 - value, Difference(value, margin, count))
        for name, (value, margin) in zip(words, gaps, strict=False)
    ]
    return Verdict(measure, 0.9, tuple(sorted(rivals, key=lambda rival: -rival.score)), examples)


def test_it_helps_where_it_beats_each_of_them():
    found = verdict((0.021, 0.009), (0.05, 0.02))
    assert found.helps is True
    assert found.sentence == "helps: +2.1 ± 0.9 points of macro F1 over the best other, plain training on all rows"


def test_the_least_sure_rival_decides():
    found = verdict((0.021, 0.03), (0.05, 0.02))
    assert found.helps is None


def test_it_does_not_help_where_one_is_better():
    found = verdict((0.05, 0.02), (-0.03, 0.012))
    assert found.helps is False
    assert found.sentence == "does not help: use boosted trees, 3.0 ± 1.2 points of macro F1 better"


def test_too_few_examples():
    found = verdict((0.02, 0.06), count=12)
    assert found.helps is None
    assert found.sentence == (
        "cannot tell with 12 checked examples (+2.0 ± 6.0 points of macro F1 over plain training on all rows); "
        "about 96 more would"
    )


def test_no_number_of_examples_would_tell_equals_apart():
    assert verdict((0.0, 0.06)).sentence.startswith("makes no difference to be seen with 100 checked examples: +0.0")
    assert verdict((0.001, 0.06)).sentence.startswith("makes no difference to be seen")


def test_a_score_that_is_no_share():
    found = verdict((0.021, 0.009), measure="test_r2", examples="test")
    assert found.sentence == "helps: +0.021 ± 0.009 of R² over the best other, plain training on all rows"


def test_where_nothing_can_be_said_no_number_is_named():
    assert "inf" not in verdict((0.1, math.inf), count=1).sentence


def test_there_and_back():
    found = verdict((0.02, 0.06), (0.1, math.inf))
    content = found.as_json()
    for rival in content["rivals"]:  # as the file has it
        if rival["difference"]["margin"] == math.inf:
            rival["difference"]["margin"] = None
    assert Verdict.from_json(content) == found
    assert content["sentence"] == found.sentence


@pytest.mark.parametrize(("count", "asked"), [(7, 7), (60, 60), (96, 96), (101, 110), (1234, 1300)])
def test_examples_are_asked_for_in_round_numbers(count, asked):
    assert rounded(count) == asked


def test_plain_training_that_nothing_beats_is_said_to_be_as_good():
    found = replace(verdict((0.004, 0.02), (0.03, 0.02)), plain=True)
    assert found.sentence == (
        "plain training is as good as anything here, as far as 100 checked examples can tell: "
        "+0.4 ± 2.0 points of macro F1 over plain training on all rows"
    )
    assert replace(verdict((0.05, 0.02)), plain=True).sentence.startswith("plain training is best here: +5.0 ± 2.0")
    assert replace(verdict((-0.05, 0.02)), plain=True).sentence.startswith("plain training is not best: use ")


def test_what_rests_on_rightness_is_named_with_the_way_to_it():
    gap = Difference(-0.03, 0.012, 100)
    own = Rival("boosted trees on the cleaned rows", 0.93, gap, own=True)
    found = Verdict("test_macro_f1", 0.9, (own, *verdict((0.02, 0.01)).rivals))
    assert found.helps is False
    assert found.sentence == (
        "use boosted trees on the cleaned rows: 3.0 ± 1.2 points of macro F1 better than this model; "
        "their weights are the column sample_weight of `reweigh audit RUN --output FILE.csv`"
    )


def test_it_helps_though_what_rests_on_rightness_is_as_good():
    own = Rival("boosted trees on the cleaned rows", 0.9, Difference(0.0, 0.02, 100), own=True)
    found = Verdict("test_macro_f1", 0.9, (own, *verdict((0.02, 0.01)).rivals))
    assert found.helps is True
    assert "the best other, plain training on all rows" in found.sentence


def test_two_are_shown_beside_it_the_one_that_is_named_and_plain_training():
    """Of four: what the sentence speaks of is always there."""
    for gaps in ([(0.05, 0.02), (-0.03, 0.012), (0.1, 0.02)], [(0.021, 0.03), (0.05, 0.02), (0.01, 0.02)]):
        found = verdict(*gaps)
        assert found.named.words in found.sentence
        assert [rival.words for rival in found.shown] == [
            rival.words for rival in found.rivals if rival.words == "plain training on all rows" or rival is found.named
        ]
    plain = verdict((0.01, 0.02), (0.05, 0.02), (0.1, 0.02))
    assert [rival.words for rival in plain.shown] == ["plain training on all rows", "boosted trees"]
    assert len(verdict((0.01, 0.02)).shown) == 1


def test_a_gap_in_a_cell():
    gap = Difference(0.021, 0.009, 100)
    assert gap_text(gap, MEASURES["test_macro_f1"]) == "2.1 ± 0.9"
    assert gap_text(gap, MEASURES["test_r2"], signed=True) == "+0.021 ± 0.009"
    assert gap_text(Difference(0.0, math.inf, 1), MEASURES["test_r2"]) == "–"


def test_labels_that_look_fine_are_told():
    found = replace(verdict((0.021, 0.009)), labels="at most 2 % of the labels look wrong")
    assert found.sentence.endswith("plain training on all rows; at most 2 % of the labels look wrong")


def test_it_reads_what_it_wrote():
    found = replace(verdict((0.021, math.inf), (0.05, 0.02)), labels="fine", plain=True)
    assert Verdict.from_json(without_nan(found.as_json())) == found


@pytest.mark.parametrize("count", [15, pytest.param(60, marks=pytest.mark.slow)])
def test_neither_helps_nor_does_not_where_all_are_alike(count):
    """Five ways of one accuracy, each by itself: in 200 such comparisons hardly any says that one is better."""
    generator, said = torch.Generator().manual_seed(count), []
    y = torch.zeros(count, dtype=torch.long)
    for trial in range(200):
        right = (torch.rand(5, count, generator=generator) < 0.85).float()
        ours, *others = torch.stack([right, 1 - right], 2)
        level = 1 - (1 - LEVEL) / len(others)
        gaps = differences(accuracy, ours, others, y, level=level, seed=trial)
        rivals = [Rival(f"way {k}", 0.85, gap) for k, gap in enumerate(gaps)]
        said.append(Verdict("test_accuracy", 0.85, tuple(rivals)).helps)
    assert said.count(True) <= 4
    assert said.count(False) <= 16  # 5 % of 200, and what chance adds to it


def test_it_is_told_where_one_is_better():
    """The run is right on 95 %, the others on 75 %: 120 examples are enough."""
    generator, y = torch.Generator().manual_seed(0), torch.zeros(120, dtype=torch.long)
    right = (torch.rand(4, 120, generator=generator) < torch.tensor([[0.95], [0.75], [0.75], [0.75]])).float()
    ours, *others = torch.stack([right, 1 - right], 2)
    gaps = differences(accuracy, ours, others, y)
    assert Verdict("test_accuracy", 0.95, tuple(Rival("way", 0.75, gap) for gap in gaps)).helps is True


def accuracy(outputs, y):
    return float((outputs.argmax(1) == y).double().mean())
