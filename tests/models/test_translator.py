"""The encoder-decoder: no position sees what follows it, padding changes nothing, step by step is as at once."""

import pytest
import torch

from reweigh.errors import BadInput
from reweigh.models import build
from reweigh.models.translator import positions


@pytest.fixture
def model():
    return build("translator-tiny", input_shape=(9,), classes=40).eval()


def some(*shape, seed=0):
    return torch.randint(3, 40, shape, generator=torch.Generator().manual_seed(seed))


def test_a_position_does_not_see_what_follows(model):
    source, given = some(3, 7), some(3, 6, seed=1)
    other = given.clone()
    other[:, 4:] = 5
    assert torch.equal(model(source, given)[:, :4], model(source, other)[:, :4])
    assert not torch.allclose(model(source, given)[:, 4:], model(source, other)[:, 4:])


def test_padding_behind_a_source_changes_nothing(model):
    source, given = some(3, 5), some(3, 4, seed=1)
    longer = torch.cat([source, torch.zeros(3, 6, dtype=torch.int64)], 1)
    torch.testing.assert_close(model(longer, given), model(source, given))
    assert model(torch.zeros(2, 4, dtype=torch.int64), given[:2]).isfinite().all()


def test_step_by_step_is_the_same_as_at_once(model):
    source, given = some(4, 7), some(4, 6, seed=1)
    source[1, 4:] = 0
    state, found = model.begin(source), []
    for place in range(6):
        logits, state = model.following(state, given[:, place])
        found.append(logits)
    torch.testing.assert_close(torch.stack(found, 1), model(source, given))


def test_one_matrix_embeds_both_languages_and_gives_the_logits(model):
    assert [name for name, p in model.named_parameters() if 40 in p.shape] == ["tokens.weight"]


def test_positions_go_on_where_they_stopped():
    torch.testing.assert_close(positions(3, 4, 8, torch.device("cpu")), positions(0, 7, 8, torch.device("cpu"))[3:])


def test_gradients_reach_every_parameter_and_one_seed_gives_one_set_of_weights(model):
    model.train()(some(3, 5), some(3, 4, seed=1)).logsumexp(2).sum().backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0 for name, p in model.named_parameters() if "seen.bias" not in name
    )
    again, other = (build("translator-tiny", input_shape=(9,), classes=40, seed=seed) for seed in (0, 1))
    assert torch.equal(model.tokens.weight, again.tokens.weight)
    assert not torch.equal(model.tokens.weight, other.tokens.weight)


def test_sizes_and_a_width_that_does_not_split():
    count = {name: sum(p.numel() for p in build(f"translator-{name}", input_shape=(4,), classes=100).parameters())
             for name in ("tiny", "small", "base")}  # fmt: skip
    assert count["tiny"] < count["small"] / 4 < count["base"] / 16
    with pytest.raises(BadInput, match="does not split into heads=4"):
        build("translator-tiny", input_shape=(4,), classes=100, width=36)
