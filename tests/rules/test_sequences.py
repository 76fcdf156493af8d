"""The teacher over sequences: states pooled where they count, or one a token; and no classes."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import reference
from reweigh import DeepInteraction, Learning, Reweigher
from reweigh.errors import BadInput
from reweigh.rules import Evidence
from reweigh.rules.masks import masks_of
from reweigh.states import checked, pooled, watching

V, PAD = 9, 0
MASKS = {"encoder*": "source", "decoder": "target"}


class Pairs(nn.Module):
    """Each word of a target from the source's mean over its words and from the word before."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(V, 4)
        self.encoder, self.decoder = nn.Sequential(nn.Linear(4, 6), nn.Tanh()), nn.Linear(4, 6)

    def forward(self, source, given):
        there = (source != PAD)[..., None]
        memory = (self.encoder(self.embed(source)) * there).sum(1, keepdim=True) / there.sum(1, keepdim=True)
        return (self.decoder(self.embed(given)) + memory).tanh()[..., :4] @ self.embed.weight.T


def token_loss(model, batch):
    given = F.pad(batch["target"][:, :-1], (1, 0), value=1)
    losses = F.cross_entropy(model(batch["source"], given).transpose(1, 2), batch["target"], reduction="none")
    return losses, batch["target"] != PAD


def batch_of(count, seed):
    draw = torch.Generator().manual_seed(seed)
    words = torch.randint(1, V, (2, count, 5), generator=draw)
    for side, shift in zip(words, (0, 1), strict=True):
        side[torch.arange(5) > 1 + (torch.arange(count)[:, None] + shift) % 4] = PAD
    return {"source": words[0, :, :4].clone(), "target": words[1], "id": torch.arange(count)}


def teacher(**options):
    return DeepInteraction(**{"classes": None, "states": ["encoder", "decoder"], "masks": MASKS, **options})


def scene(rule, per="example", **options):
    torch.manual_seed(0)
    model = Pairs().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    options = {"clean": [batch_of(4, 9)], "per": per, "optimizer": optimizer, **options}
    return model, optimizer, Reweigher(model, token_loss, rule=rule, **options)


def trained(model, optimizer, by, seeds):
    found = []
    for seed in seeds:
        optimizer.zero_grad()
        found.append(by.backward(batch_of(5, seed)).weights)
        optimizer.step()
        by.after_step()
    return found


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_a_masked_mean_is_over_what_counts(dtype):
    state, mask = torch.randn(3, 4, 2).to(dtype), torch.tensor([[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]]).bool()
    found = pooled(state, mask)
    assert found.dtype == dtype
    torch.testing.assert_close(found[0], state[0, :2].mean(0))
    torch.testing.assert_close(found[1], state[1, [0, 2, 3]].mean(0))
    assert not found[2].any()
    assert torch.equal(pooled(torch.where(mask[..., None], state, torch.nan), mask), found)


def test_the_teacher_sees_encoder_and_decoder_where_they_count():
    rule, batch = teacher(), batch_of(5, 1)
    model = Pairs()
    places = rule.places(model)
    with watching(model, places, masks=rule.masks(batch)) as seen, torch.no_grad():
        token_loss(model, batch)
        hidden = model.encoder(model.embed(batch["source"]))
    for row, words in enumerate(batch["source"]):
        torch.testing.assert_close(seen.states["encoder"][row], hidden[row][words != PAD].mean(0))
    assert seen.states["decoder"].shape == (5, 6)


@pytest.mark.parametrize("per", ["example", "token"])
def test_what_fills_up_changes_no_weight(per):
    options = {"interaction": False, "masks": {"encoder": "source"}} if per == "token" else {}
    batch = batch_of(5, 1)
    longer = {"source": F.pad(batch["source"], (0, 3)), "target": F.pad(batch["target"], (0, 2)), "id": batch["id"]}
    weights = []
    for some in (batch, longer):
        things = scene(teacher(**options), per)
        trained(*things, range(2))
        weights.append(things[2].weigh(some))
    torch.testing.assert_close(weights[0], weights[1][:, :5] if per == "token" else weights[1])
    assert weights[0].std() > 0


def test_weights_of_tokens_read_each_token_s_own_state():
    rule, batch = teacher(interaction=False, masks={"encoder": "source"}), batch_of(5, 1)
    model, counts = Pairs(), batch["target"] != PAD
    places = rule.places(model)
    with watching(model, places, masks=rule.masks(batch), tokens=True) as seen, torch.no_grad():
        losses = token_loss(model, batch)[0][counts]
        hidden = model.decoder(model.embed(F.pad(batch["target"][:, :-1], (1, 0), value=1)))
    found = checked(seen, places, len(losses), counts)
    torch.testing.assert_close(found.states["decoder"], hidden[counts])
    rows = counts.nonzero()[:, 0]
    assert torch.equal(found.states["encoder"], seen.states["encoder"][rows])
    evidence = Evidence(len(losses), losses, batch, losses=losses, counts=counts, seen=found)
    assert rule.weights(evidence).shape == (int(counts.sum()),)


@pytest.mark.parametrize("per", ["example", "token"])
@pytest.mark.parametrize("horizon", [1, 2])
def test_it_learns_the_exact_meta_gradient(per, horizon):
    """The teacher's step by SGD against central differences of the clean loss, taken by training over again."""
    options = {"interaction": False, "masks": {"encoder": "source"}} if per == "token" else {}
    rule = teacher(**options)

    def clean_loss_after(model, weights_of):
        params = {name: p.detach().clone().requires_grad_() for name, p in model.named_parameters()}
        for step in range(horizon):
            batch = batch_of(5, step)
            flat = reference.losses_at(model, flat_loss, params, batch)
            grads = torch.autograd.grad((weights_of(step).detach() * flat).sum(), list(params.values()))
            moved = zip(params.items(), grads, strict=True)
            params = {name: (p - 0.3 * g).detach().requires_grad_() for (name, p), g in moved}
        return float(reference.losses_at(model, flat_loss, params, batch_of(4, 9)).mean().detach())

    def flat_loss(model, batch):
        losses, counts = token_loss(model, batch)
        return losses[counts] if per == "token" else torch.where(counts, losses, 0).sum(1) / counts.sum(1)

    learning = Learning(horizon=horizon, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1.0))
    model, optimizer, by = scene(rule, per, learning=learning)
    start, evidence = copy.deepcopy(model), []
    keep = rule.weights
    rule.weights = lambda e, p=None: (evidence.append(e), keep(e, p))[1]
    for step in range(horizon):
        optimizer.zero_grad()
        by.backward(batch_of(5, step))
        if not step:
            before = {name: p.detach().clone() for name, p in rule.net.named_parameters()}
        optimizer.step()
        by.after_step()
    rule.weights = keep
    seen = list({id(e): e for e in evidence}.values())[:horizon]
    change = {name: p.detach() - before[name] for name, p in rule.net.named_parameters()}
    along = {name: torch.randn(p.shape, generator=torch.Generator().manual_seed(0)) for name, p in before.items()}

    def at(h):
        moved = {name: p.double() + h * along[name].double() for name, p in before.items()}
        twin = copy.deepcopy(rule)
        twin.net.double()
        return clean_loss_after(start, lambda step: keep.__func__(twin, seen[step], moved))

    expected = (at(1e-4) - at(-1e-4)) / 2e-4
    found = -sum(float((change[name].double() * along[name].double()).sum()) for name in change)
    assert found == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("per", ["example", "token"])
def test_a_resumed_run_gives_the_same_weights(per):
    options = {"interaction": False, "masks": {"encoder": "source"}} if per == "token" else {}
    model, optimizer, by = scene(teacher(**options), per)
    trained(model, optimizer, by, range(3))
    saved = io.BytesIO()
    torch.save((model.state_dict(), by.state_dict()), saved)
    expected = trained(model, optimizer, by, range(3, 6))
    saved.seek(0)
    of_model, of_rule = torch.load(saved, weights_only=True)
    model, optimizer, by = scene(teacher(**options), per)
    model.load_state_dict(of_model)
    by.load_state_dict(of_rule)
    assert all(map(torch.equal, expected, trained(model, optimizer, by, range(3, 6))))


def test_a_saved_teacher_keeps_its_masks(tmp_path):
    rule = teacher()
    trained(*scene(rule), range(2))
    rule.save(tmp_path / "teacher.safetensors")
    loaded = DeepInteraction.load(tmp_path / "teacher.safetensors")
    assert loaded.config() == rule.config()
    assert loaded.config()["masks"] == {place: [field, 0] for place, field in MASKS.items()}


def test_without_classes_no_label_is_asked_for_and_the_clean_mean_is_remembered():
    def none(batch):
        raise AssertionError("asked for labels")

    rule = teacher()
    model, optimizer, by = scene(rule, labels=none)
    trained(model, optimizer, by, range(2))
    assert {place: tuple(m.rows.shape) for place, m in rule.memory().items()} == {"encoder": (1, 6), "decoder": (1, 6)}
    trained(*scene(DeepInteraction(None, states=["encoder"], masks={"*": "source"}), labels=none), range(2))


@pytest.mark.parametrize(
    ("options", "per", "sentence"),
    [
        ({}, "token", "for weights of tokens set interaction=False"),
        ({"masks": {"encodr": "source"}}, "example", "'encodr', which fits none"),
        ({"masks": {"encoder": "src"}}, "example", "the field 'src'"),
        ({"masks": {"encoder": "target"}}, "example", r"its mask \(5, 5\)"),
    ],
)
def test_what_cannot_be_is_a_sentence(options, per, sentence):
    model, optimizer, by = scene(teacher(**options), per)
    with pytest.raises(BadInput, match=sentence):
        trained(model, optimizer, by, range(1))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"masks": ["source"]}, "masks="),
        ({"masks": {"encoder": ("source", "0")}}, "or that and its padding"),
        ({"masks": {"encoder": ("source", 0, 1)}}, "or that and its padding"),
        ({"classes": 0}, "or None where there are none"),
    ],
)
def test_wrong_arguments_are_named(options, sentence):
    with pytest.raises(BadInput, match=sentence):
        teacher(**options)


def test_a_mask_may_be_a_field_of_booleans():
    there = torch.tensor([[True, False]])
    assert masks_of({"a*": ("m", 0)}, ["ab", "b"], {"m": there}) == {"ab": there}
    with pytest.raises(BadInput, match="has no such field"):
        masks_of({"a*": ("m", 0)}, ["ab"], {"m": torch.zeros(1, 2)})
