"""Translation: its batches, its scores as sacreBLEU has them, and what it says to people."""

import pytest
import sacrebleu
import torch
from torch.nn import functional as F

from reweigh.errors import BadInput
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
