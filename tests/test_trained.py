"""The body of a model: all but embeddings and what is tied to them."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

import reference
from reweigh import L2RW, Reweigher, alignments, clean_direction
from reweigh.errors import BadInput
from reweigh.trained import chosen_parameters, left_out
from zoo import named

V = 7


class Language(nn.Module):
    def __init__(self, tied=True):
        super().__init__()
        self.words, self.places = nn.Embedding(V, 4), nn.Embedding(9, 4)
        self.mix, self.head = nn.Linear(4, 4), nn.Linear(4, V)
        if tied:
            self.head.weight = self.words.weight

    def forward(self, x):
        hidden = self.words(x) + self.places(torch.arange(x.shape[1]))
        return self.head(torch.tanh(self.mix(hidden.cumsum(1))))


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]).transpose(1, 2), batch["y"], reduction="none").mean(1)


def batch_of(count, seed):
    words = torch.randint(V, (count, 5), generator=torch.Generator().manual_seed(seed))
    return {"x": words[:, :-1], "y": words[:, 1:]}


@pytest.mark.parametrize("layers", ["body", ["body"], ("body",)])
def test_embeddings_and_the_tied_output_layer_are_left_out_with_its_bias(layers):
    assert list(chosen_parameters(Language(), layers)) == ["mix.weight", "mix.bias"]


def test_an_output_layer_of_its_own_stays():
    assert list(left_out(Language(tied=False))) == ["words.weight", "places.weight"]


def test_a_matrix_used_by_hand_is_the_embedding_s():
    scene = named("translation-tied")[0].build()
    assert list(left_out(scene.model)) == ["embedding.weight"]
    assert "places" in chosen_parameters(scene.model, "body")


def test_what_stands_for_an_embedding_s_weight_is_left_out_too():
    model = Language(tied=False)
    parametrizations.weight_norm(model.words)
    assert list(left_out(model))[:2] == [
        "words.parametrizations.weight.original0",
        "words.parametrizations.weight.original1",
    ]


def test_what_is_frozen_is_not_counted():
    model = Language()
    model.words.weight.requires_grad_(False)
    assert list(left_out(model)) == ["places.weight", "head.bias"]


def test_a_submodule_of_that_name_goes_first():
    model = nn.ModuleDict({"body": nn.Linear(2, 2), "head": nn.Linear(2, 2)})
    assert list(chosen_parameters(model, "body")) == ["body.weight", "body.bias"]


@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double"])
def test_alignments_are_those_of_the_body_alone(engine):
    torch.manual_seed(0)
    model, clean, batch = Language().double(), batch_of(4, 1), batch_of(6, 2)
    whole = reference.loop_clean_direction(model, loss, clean)
    expected = reference.loop_alignments(model, loss, batch, {n: v for n, v in whole.items() if n.startswith("mix")})
    v = clean_direction(model, loss, clean, layers="body")
    assert set(v) == {"mix.weight", "mix.bias"}
    found = alignments(model, loss, batch, whole, layers="body", engine=engine)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_explain_says_what_was_left_out():
    by = Reweigher(Language(), loss, rule=L2RW(), clean=[batch_of(4, 1)], layers="body")
    assert "layers='body' leaves out words.weight (7, 4), places.weight (9, 4), head.bias (7,)" in by.explain()
    plain = nn.Linear(2, 2)
    by = Reweigher(plain, loss, rule=L2RW(), clean=[batch_of(4, 1)], layers="body")
    assert "leaves out nothing, since there are no embeddings" in by.explain()
    assert "leaves out" not in Reweigher(plain, loss, rule=L2RW(), clean=[batch_of(4, 1)]).explain()


def test_the_whole_step_still_trains_the_embeddings():
    model = Language()
    Reweigher(model, loss, rule=L2RW(), clean=[batch_of(4, 1)], layers="body").backward(batch_of(6, 2))
    assert all(p.grad is not None for p in model.parameters())


def test_nothing_left_is_refused_in_a_sentence():
    with pytest.raises(BadInput, match=r"layers='body' leaves out .* and Embedding trains nothing else"):
        chosen_parameters(nn.Embedding(3, 2), "body")
