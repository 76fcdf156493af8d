"""Texts that a model writes: the likeliest one, whatever stands beside it, with and without a memory of tokens before."""

import itertools

import pytest
import torch

from reweigh.models import build
from reweigh.tasks.decoding import LONGEST, written
from reweigh.tasks.language_model import IGNORED

SPECIAL = {"start": 1, "end": 2, "padding": 0}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    found = build("translator-tiny", input_shape=(9,), classes=9).eval()
    with torch.no_grad():
        found.tokens.weight.mul_(3)  # so that it is sure of something, and of ends as well
    return found


def sources(*lengths):
    draw = torch.Generator().manual_seed(0)
    found = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    for row, length in enumerate(lengths):
        found[row, :length] = torch.randint(3, 9, (length,), generator=draw)
    return found


@pytest.mark.parametrize("beam", [1, 3])
def test_a_model_without_a_memory_writes_the_same(model, beam):
    source = sources(6, 2, 4)
    found = written(model, source, **SPECIAL, beam=beam)
    assert found.shape == (3, LONGEST)
    assert torch.equal(found, written(lambda *inputs: model(*inputs), source, **SPECIAL, beam=beam))
    assert not ((found == 0) | (found == 1) | (found == 2)).any()


@pytest.mark.parametrize("beam", [1, 4])
def test_who_stands_beside_a_sentence_changes_nothing(model, beam):
    source = sources(6, 2, 4, 5, 1)
    together = written(model, source, **SPECIAL, beam=beam)
    alone = torch.cat([written(model, row[None, : int((row > 0).sum())], **SPECIAL, beam=beam) for row in source])
    assert torch.equal(together, alone)


class Chain:
    """The next token depends on the last alone: `likely` (V, V)."""

    def __init__(self, likely):
        self.likely = likely.log()

    def begin(self, source):
        return [source]

    def following(self, state, token):
        return self.likely[token].clone(), state


def test_a_beam_finds_what_the_greedy_way_misses():
    likely = torch.full((6, 6), 1e-9)
    likely[1, 3], likely[1, 4] = 0.6, 0.4  # 3 looks better at first
    likely[3, 2], likely[3, 4], likely[3, 5] = 0.3, 0.34, 0.36
    likely[5, 2], likely[5, 3] = 0.6, 0.4
    likely[4, 2] = 1.0
    source = torch.tensor([[3, 2]])
    greedy, wide = (written(Chain(likely), source, **SPECIAL, beam=beam)[0, :3].tolist() for beam in (1, 3))
    assert greedy == [3, 5, IGNORED]
    assert wide == [4, IGNORED, IGNORED]


def test_a_wide_beam_is_the_best_of_all_texts(model):
    source = sources(1)
    found = written(model, source, **SPECIAL, beam=200)[0]
    text = found[found != IGNORED].tolist()

    def mean(tokens):
        given = torch.tensor([[1, *tokens]])
        sure = model(source, given).log_softmax(2)[0]
        return float(sure[range(len(tokens) + 1), [*tokens, 2]].mean())

    with torch.no_grad():
        best = max(mean(tokens) for size in range(4) for tokens in itertools.product(range(3, 9), repeat=size))
        assert mean(text) >= best - 1e-5


def test_a_text_that_never_ends_is_cut():
    likely = torch.full((6, 6), 1e-9)
    likely[:, 3] = 1.0
    for beam in (1, 2):
        found = written(Chain(likely), torch.tensor([[4, 4, 2]]), **SPECIAL, beam=beam)[0]
        assert int((found == 3).sum()) == 2 * 3 + 16
