"""Translation: its batches, its scores as sacreBLEU has them, and what it says to people."""

import pytest
import sacrebleu
import torch
from torch.nn import functional as F

from reweigh.clean_gradient import CleanGradient, gradient_of
from reweigh.clean_stream import clean_stream
from reweigh.errors import BadInput
from reweigh.models import Translator
from reweigh.student import Student
from reweigh.tasks import Translation, bleu
from reweigh.tasks.language_model import IGNORED

PIECES = ("[PAD]", "[START]", "[END]", "Ġhund", "Ġder", "Ġdog", "Ġthe", "s", ".")
SAID = ["the cat sat on the mat", "", "hello there , my friend", "a b c d e"]
WANTED = ["the cat sat on a mat", "not nothing", "hello there my friend", "a b c d e"]


@pytest.fixture
def task():
    return Translation(PIECES, ("en",))


def batch(task):
    x = torch.tensor([[4, 3, 2, *[0] * 29], [3, 2, *[0] * 30]])
    y = torch.tensor([[6, 5, 7, 2, *[IGNORED] * 28], [5, 2, *[IGNORED] * 30]], dtype=torch.int32)
    return task.completed({"x": x, "y": y, "id": torch.arange(2)})


def test_a_batch_is_cut_and_has_the_target_before_each_position(task):
    found = batch(task)
    assert found["x"].shape == found["y"].shape == (2, 8)
    assert found["y"].dtype == torch.int64
    assert found["given"].tolist() == [[1, 6, 5, 7, 2, 0, 0, 0], [1, 5, 2, 0, 0, 0, 0, 0]]
    assert task.inputs(found)[1] is found["given"]
    assert task.lengths(found["x"], found["y"]).tolist() == [[3, 4], [2, 2]]


def of_lengths(task, lengths, longest=40):
    """Pairs whose targets have these lengths; the sources have one token less."""
    x = torch.zeros(len(lengths), longest, dtype=torch.int64)
    y = torch.full((len(lengths), longest), IGNORED)
    for row, length in enumerate(lengths):
        x[row, : length - 1], y[row, :length] = torch.arange(length - 1) % 4 + 3, torch.arange(length) % 6 + 3
    return task.completed({"x": x, "y": y, "id": torch.arange(len(lengths))})


def test_parts_are_of_like_length_and_hold_all_pairs(task):
    lengths = [7, 3, 20] * 8 + [39, 38]  # two alone are too few
    parts = task.parted(of_lengths(task, lengths))
    assert [(size, *part["y"].shape) for size, part in parts] == [(16, 16, 8), (10, 10, 40)]
    names = torch.cat([part["id"] for _, part in parts])
    assert sorted(names.tolist()) == list(range(26))
    assert [len(part["x"]) for _, part in parts] == [16, 10]
    assert parts[0][1]["given"][0].tolist()[:8] == [1, 3, 4, 5, 6, 7, 8, 3]


def test_few_pairs_are_one_part(task):
    assert [size for size, _ in task.parted(of_lengths(task, [2, 9, 30]))] == [3]


def test_the_direction_of_parts_is_that_of_the_batch(task):
    torch.manual_seed(0)
    model = Translator(classes=len(PIECES), width=16, dropout=0.0).double().train()
    clean = of_lengths(task, [7, 20] * 8)
    stream = clean_stream([clean])
    gradient = gradient_of(Student(model, task.loss))
    whole = CleanGradient(stream, gradient).next()
    stream.parted = task.parted
    parts = CleanGradient(stream, gradient).next()
    assert len(task.parted(clean)) == 2
    torch.testing.assert_close(parts.direction, whole.direction, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(parts.loss, whole.loss, rtol=1e-12, atol=0)


def test_smoothed_losses_are_those_of_pytorch(task):
    found = batch(task)
    logits = torch.randn(2, 8, 9)
    losses, counts = task.smoothed(0.2).token_loss(lambda *_: logits, found)
    by_hand = F.cross_entropy(logits[0, 1], torch.tensor(5), label_smoothing=0.2)
    torch.testing.assert_close(losses[0, 1], by_hand)
    assert counts.sum(1).tolist() == [4, 2]


def test_the_score_of_texts_is_that_of_sacrebleu():
    assert bleu.bleu(SAID, WANTED) == pytest.approx(sacrebleu.corpus_bleu(SAID, [WANTED]).score, abs=1e-9)
    assert bleu.chrf(SAID, WANTED) == pytest.approx(sacrebleu.corpus_chrf(SAID, [WANTED]).score, abs=1e-9)
    chinese = ["猫坐在垫子上。"], ["猫坐在那个垫子上。"]
    expected = sacrebleu.corpus_bleu(chinese[0], [chinese[1]], tokenize="zh").score
    assert bleu.bleu(*chinese, "zh") == pytest.approx(expected, abs=1e-9)
    assert bleu.bleu(*chinese, "en") != pytest.approx(expected, abs=1)


def test_signatures_name_what_was_done(task):
    assert task.scored_by["test_bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert task.scored_by["test_chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")
    assert "tok:zh" in Translation(PIECES, ("zh",)).scored_by["test_bleu"]


def test_texts_are_spelled_and_scored(task):
    y = batch(task)["y"]
    assert [task.told(row) for row in y] == ["the dogs", "dog"]
    assert task.scores(y, y)["test_chrf"] == pytest.approx(100.0)
    assert task.compare(y, y) == task.scores(y, y)["test_bleu"]
    assert task.overview(y, task.cells(y)).rows == [("the dogs",), ("dog",)]


def test_nothing_is_made_of_nothing(task):
    def model(source, given):
        return F.one_hot(torch.full(given.shape, 5), 9).float()

    x = torch.tensor([[4, 2], [2, 0]])
    found = task.outputs_of(model, {"x": x})
    assert (found[0] == 5).any()
    assert (found[1] == IGNORED).all()


def test_a_beam_of_nothing_is_refused(task):
    with pytest.raises(BadInput, match="--beam is 0"):
        task.searched(0)
    assert task.searched(4).beam == 4
