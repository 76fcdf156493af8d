"""Rules that learn weigh sequences and tokens of a task: by what counts of both sides, at any horizon, resumed."""

import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reweigh import DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.contrast import OtherInput
from reweigh.errors import BadInput
from reweigh.models import Translator
from reweigh.rules import Materials
from reweigh.states import watching
from reweigh.tasks import LanguageModel, Translation
from reweigh.tasks.language_model import IGNORED

V, PAD, END = 12, 3, 2
SOURCES = {"*encoder*": ("x", PAD)}


class OwnPadding(Translation):
    """Pairs whose padding is another token than 0."""

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "padding", PAD)


TASK = OwnPadding(tuple(map(str, range(V))))


def batch_of(count, seed):
    draw = torch.Generator().manual_seed(seed)
    x, y = torch.randint(4, V, (2, count, 12), generator=draw)
    for side, fill, longest in ((x, PAD, 6), (y, IGNORED, 12)):
        lengths = torch.randint(2, longest, (count, 1), generator=draw)
        side[torch.arange(12) == lengths] = END
        side[torch.arange(12) > lengths] = fill
    return TASK.completed({"x": x, "y": y, "id": torch.arange(count)})


def filled_up(batch, source=8, target=16):
    sides = {"x": (source, PAD), "given": (target, TASK.padding), "y": (target, IGNORED)}
    return batch | {name: F.pad(batch[name], (0, more), value=fill) for name, (more, fill) in sides.items()}


def scene(rule, per="example", seed=0, **options):
    torch.manual_seed(seed)
    model = Translator(classes=V, width=8, layers=2, heads=2, dropout=0.1, padding=PAD)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    rule.prepare(Materials(masks=TASK.masks))
    by = Reweigher(
        model,
        TASK.token_loss,
        rule=rule,
        clean=[batch_of(5, 9)],
        per=per,
        optimizer=optimizer,
        layers="body",
        **options,
    )
    return model, optimizer, by


def trained(model, optimizer, by, seeds):
    found = []
    for seed in seeds:
        torch.manual_seed(seed)
        optimizer.zero_grad()
        found.append(by.backward(batch_of(6, seed)).weights)
        optimizer.step()
        by.after_step()
    return found


@pytest.mark.parametrize("reads", [{}, {"interaction": False}, {"internal": False, "surface": False}])
def test_what_fills_up_changes_no_weight(reads):
    model, optimizer, by = scene(DeepInteraction(None, **reads))
    trained(model, optimizer, by, range(3))
    model.eval()
    batch = batch_of(6, 7)
    weights = by.weigh(batch)
    torch.testing.assert_close(by.weigh(filled_up(batch)), weights)
    assert weights.std() > 0


def test_without_masks_it_would():
    """So that the test before can fail."""
    rule = DeepInteraction(None, masks={"*none*": "x"})
    model, optimizer, by = scene(rule)
    trained(model, optimizer, by, range(3))
    model.eval()
    batch = batch_of(6, 7)
    assert (by.weigh(filled_up(batch)) - by.weigh(batch)).abs().max() > 1e-5


def test_both_sides_are_means_over_their_own_tokens():
    rule, batch = DeepInteraction(None), batch_of(4, 1)
    model = scene(rule)[0].eval()
    places = rule.places(model)
    assert places == ["encoder.1", "decoder.1"]
    whole = {}
    hooks = [model.get_submodule(place).register_forward_hook(lambda _, __, out, place=place: whole.update({place: out}))
             for place in places]  # fmt: skip
    with watching(model, places, masks=rule.masks(batch)) as seen, torch.no_grad():
        TASK.token_loss(model, batch)
    for hook in hooks:
        hook.remove()
    for row in range(4):
        source, target = batch["x"][row] != PAD, batch["y"][row] != IGNORED
        torch.testing.assert_close(seen.states["encoder.1"][row], whole["encoder.1"][row][source].mean(0))
        torch.testing.assert_close(seen.states["decoder.1"][row], whole["decoder.1"][0][row][target].mean(0))


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("per", ["example", "token"])
@pytest.mark.parametrize("contrast", [None, "x"])
@pytest.mark.parametrize("kind", ["teacher", "meta-weight-net"])
def test_a_resumed_run_gives_the_same_weights(kind, contrast, per, horizon):
    def begun(seed):
        rule = MetaWeightNet(hidden=5)
        if kind == "teacher":
            options = {"interaction": False, "masks": SOURCES} if per == "token" else {}
            rule = DeepInteraction(None, width=4, hidden=6, **options)
        against = OtherInput(contrast) if contrast else None
        return scene(rule, per, seed, learning=Learning(lr=0.1, horizon=horizon), contrast=against)

    model, optimizer, by = begun(0)
    first = trained(model, optimizer, by, range(4))
    saved = io.BytesIO()
    torch.save((model.state_dict(), optimizer.state_dict(), by.state_dict()), saved)
    saved.seek(0)
    expected = trained(model, optimizer, by, range(4, 7))
    again = begun(1)
    for thing, state in zip(again, torch.load(saved, weights_only=True), strict=True):
        thing.load_state_dict(state)
    found = trained(*again, range(4, 7))
    assert all(map(torch.equal, expected, found))
    batch = batch_of(6, 6)
    assert found[-1].shape == (batch["y"].shape if per == "token" else (6,))
    assert per == "example" or not found[-1][batch["y"] == IGNORED].any()
    assert not torch.equal(first[0], found[-1])


def test_texts_are_pooled_where_something_is_to_be_foretold():
    task = LanguageModel(vocabulary=V)
    rule = DeepInteraction(None)
    rule.prepare(Materials(masks=task.masks))
    model = nn.Sequential(nn.Embedding(V, 5), nn.Tanh(), nn.Linear(5, V))
    texts = [{"x": torch.arange(n), "id": torch.tensor(n)} for n in (2, 5, 3)]
    batch = task.collate(texts)
    assert rule.places(model) == ["2:input"]
    with watching(model, rule.places(model), masks=rule.masks(batch)) as seen, torch.no_grad():
        task.loss(model, batch)
        for row, text in enumerate(texts):
            torch.testing.assert_close(seen.states["2:input"][row], model[:2](text["x"][:-1]).mean(0))


def test_masks_that_somebody_gave_stay():
    rule = DeepInteraction(None, masks={"encoder*": ("x", 7)})
    rule.prepare(Materials(masks=TASK.masks))
    assert rule.config()["masks"] == {"encoder*": ["x", 7]}


def test_states_of_which_nobody_knows_what_counts_are_left_out_or_named():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.encoder, self.right = nn.Linear(2, 3), nn.Linear(2, 3), nn.Linear(2, 3)

    for states, places in ((None, ["encoder", "right:input"]), (["enc*"], ["encoder"])):
        rule = DeepInteraction(None, states=states)
        rule.prepare(Materials(masks=TASK.masks))
        assert rule.places(Odd()) == places
    rule = DeepInteraction(None, states=["left", "encoder"])
    rule.prepare(Materials(masks=TASK.masks))
    with pytest.raises(BadInput, match="which positions of the internal state 'left' count"):
        rule.places(Odd())
