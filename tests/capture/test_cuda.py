"""What only a card can show: recorded steps as CUDA graphs, beside steps by Python."""

import copy

import pytest
import torch
from torch.utils._pytree import tree_map

from laws.captured import STEPS
from reweigh import L2RW, Reweigher
from zoo import named

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def trained(scene, batches, capture):
    model = copy.deepcopy(scene.model).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.5)
    clean = tree_map(lambda t: t.cuda() if isinstance(t, torch.Tensor) else t, scene.clean)
    reweigher = Reweigher(model, scene.per_example_loss, rule=L2RW(), clean=[clean], capture=capture)
    weights = [reweigher.step(batch, optimizer).weights for batch in batches]
    return weights, [p.detach().clone() for p in model.parameters()], reweigher.explain()


@pytest.mark.parametrize("capture", ["auto", "cudagraph", "replay", "compile"])
@pytest.mark.parametrize(
    "case", named("mlp", "batchnorm2d-train", "encoder-layer-train", "tied-language-model"), ids=str
)
def test_recorded_steps_are_those_by_python(case, capture):
    from laws.captured import batches

    on_card = [tree_map(lambda t: t.cuda() if isinstance(t, torch.Tensor) else t, b) for b in batches(case)]
    assert len(on_card) == STEPS
    by_python, recorded = trained(case.build(), on_card, "off"), trained(case.build(), on_card, capture)
    for one, other in zip(by_python[0] + by_python[1], recorded[0] + recorded[1], strict=True):
        torch.testing.assert_close(other, one, rtol=1e-7, atol=1e-8)
    assert "weights and gradient by" in recorded[2]


def test_dropout_draws_fresh_masks_at_each_replay():
    case = named("dropout")[0]
    scene = case.build()
    model = scene.model.cuda()
    batch, clean = (tree_map(lambda t: t.cuda(), b) for b in (scene.train, scene.clean))
    reweigher = Reweigher(model, scene.per_example_loss, rule=L2RW(), clean=[clean], capture="auto")
    losses = [reweigher.backward(batch).losses for _ in range(40)]
    assert len({tuple(loss.tolist()) for loss in losses}) == len(losses)
