"""Internal states: found, named, pooled, and nothing left behind."""

import pytest
import torch
from torch import nn

from reweigh.errors import BadInput
from reweigh.models import build
from reweigh.states import Look, Seen, checked, named_places, pooled, usual_places, watching

USUAL = {
    "resnet32": ((3, 8, 8), ["blocks.4", "blocks.9", "blocks.14", "output:input"]),
    "lenet": ((1, 28, 28), ["convolutions.2", "hidden", "output:input"]),
    "wrn-16-4": ((3, 8, 8), ["blocks.1", "blocks.3", "blocks.5", "output:input"]),
    "mlp": ((6,), ["layers.1", "layers.3", "layers.5:input"]),
    "transformer": ((5,), ["blocks.0", "blocks.1", "blocks.3", "output:input"]),
}


@pytest.mark.parametrize("name", USUAL)
def test_usual_places_give_one_vector_an_example(name):
    shape, expected = USUAL[name]
    model = build(name, input_shape=shape, classes=3)
    x = torch.randint(9, (4, *shape)) if name == "transformer" else torch.rand(4, *shape)
    places = usual_places(model)
    assert places == expected
    with watching(model, places) as seen:
        logits = model(x)
    assert set(seen.states) == set(places)
    assert all(state.shape[0] == 4 and state.ndim == 2 and not state.requires_grad for state in seen.states.values())
    assert torch.equal(seen.logits, logits)
    assert not any(part._forward_hooks for part in model.modules())


def test_following_keeps_the_graph():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    with watching(model, ["0", "1:input"], follow=True) as seen:
        model(torch.rand(5, 3))
    assert all(state.requires_grad for state in seen.states.values())
    assert not any(state.requires_grad for state in seen.detached().states.values())


def test_an_activation_in_place_does_not_change_what_was_seen():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))
    x = torch.randn(5, 3)
    with watching(model, ["0"]) as seen:
        model(x)
    assert bool((seen.states["0"] < 0).any())
    torch.testing.assert_close(seen.states["0"], model[0](x).detach())


def test_a_pass_that_raises_leaves_no_hooks():
    model = nn.Sequential(nn.Linear(3, 4))
    with pytest.raises(RuntimeError), watching(model, ["0"]):
        model(torch.rand(5, 7))
    assert not any(part._forward_hooks for part in model.modules())


def test_compiled_models_show_their_states():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    compiled = torch.compile(model, backend="eager")
    compiled(torch.rand(5, 3))
    with watching(model, ["0"], compiled=True) as seen:
        compiled(torch.rand(5, 3))
    assert seen.states["0"].shape == (5, 4)


@pytest.mark.parametrize(
    ("shape", "expected"), [((4,), (4, 1)), ((4, 7), (4, 7)), ((4, 5, 7), (4, 7)), ((4, 7, 2, 3), (4, 7))]
)
def test_pooling(shape, expected):
    state = torch.rand(shape)
    assert pooled(state).shape == expected
    if len(shape) == 3:
        torch.testing.assert_close(pooled(state)[1, 2], state[1, :, 2].mean())
    if len(shape) == 4:
        torch.testing.assert_close(pooled(state)[1, 2], state[1, 2].mean())


def test_tuples_and_lists_show_their_first_tensor():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x):
            return {"logits": self.head(self.rnn(x)[0][:, -1])}

    model = Model()
    assert usual_places(model) == ["rnn", "head:input"]
    with watching(model, usual_places(model)) as seen:
        model(torch.rand(5, 6, 3))
    assert seen.states["rnn"].shape == (5, 4)
    assert seen.logits.shape == (5, 2)


def test_globs():
    model = build("mlp", input_shape=(6,), classes=3)
    assert named_places(model, ["layers.*"]) == [f"layers.{i}" for i in range(6)]
    assert named_places(model, ["layers.5:input", "layers.5:input"]) == ["layers.5:input"]


class Sides(nn.Module):
    """An encoder and a decoder, deep inside or not, and perhaps a layer after them."""

    def __init__(self, encoder, decoder, **more):
        super().__init__()
        self.body = nn.ModuleDict({"text_encoder": encoder, "text_decoder": decoder})
        for name, part in more.items():
            self.add_module(name, part)


def test_of_an_encoder_and_a_decoder_both_are_read():
    def block():
        return nn.Sequential(nn.Linear(3, 3))

    three = nn.ModuleList(block() for _ in range(3))
    assert usual_places(Sides(block(), three)) == ["body.text_encoder", "body.text_decoder.2"]
    found = usual_places(Sides(nn.ModuleList([block(), nn.ReLU()]), block(), head=nn.Linear(3, 9)))
    assert found == ["body.text_encoder.0", "body.text_decoder", "head:input"]
    assert usual_places(build("translator-tiny", input_shape=(9,), classes=9)) == ["encoder.1", "decoder.1"]
    alone = Sides(nn.Identity(), block(), rest=nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2)))
    assert "body.text_encoder" not in usual_places(alone)  # nothing is learnt in it


def test_a_vector_an_example_has_no_positions_and_others_must_fit_their_mask():
    model, mask = nn.Linear(3, 4), torch.ones(5, 2, dtype=torch.bool)
    with watching(model, [""], masks={"": mask}) as seen:
        model(torch.rand(5, 3))
        assert seen.states[""].shape == (5, 4)
        for shape in ((5, 3, 3), (5, 2, 2, 3)):
            with pytest.raises(BadInput, match=r"has shape .* and its mask \(5, 2\)"):
                model(torch.rand(shape))


def test_what_cannot_be_read():
    with pytest.raises(BadInput, match="no internal states were found in Identity: name some"):
        usual_places(nn.Identity())
    with pytest.raises(BadInput, match="'nowhere' names no submodule"):
        named_places(nn.Sequential(nn.Linear(2, 2)), ["nowhere"])
    with pytest.raises(BadInput, match="no floating-point tensor passed 'a'"):
        checked(Seen(), ["a"], 4)
    with pytest.raises(BadInput, match="'a' has 8 rows but the batch has 4 examples"):
        checked(Seen({"a": torch.rand(8, 2)}), ["a"], 4)
    assert checked(Seen({}, torch.rand(8, 2)), [], 4).logits is None


def test_a_look_gives_as_a_list_what_it_saw_and_takes_it_back():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    look, other = Look(["1", "2:input"]), Look(["1", "2:input"])
    with look.at(model, None):
        output = model(torch.randn(5, 3))
    assert torch.equal(look.numbers[0], output)
    assert not any(t.requires_grad for t in look.numbers)
    other.take(look.numbers)
    assert other.seen.states.keys() == {"1", "2:input"}
    assert all(torch.equal(other.seen.states[place], state) for place, state in look.seen.states.items())
    assert look.kind == other.kind != Look().kind


def test_a_look_at_nothing_watches_nothing():
    model, look = torch.nn.Linear(3, 2), Look()
    with look.at(model, None):
        assert not model._forward_hooks
    assert look.numbers == []
    look.take([])
    assert look.seen.logits is None
