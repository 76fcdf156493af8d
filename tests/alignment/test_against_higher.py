"""L2RW's weights against `higher`, which unrolls the look-ahead step on a patched copy of the model.

Plain SGD and SGD with momentum are compared. Its Adam is not torch's (it adds eps elsewhere), so it is no witness.
"""

import warnings

import pytest
import torch

import laws
import reference
from reweigh import L2RW, Reweigher
from zoo import named

higher = pytest.importorskip("higher")

MODELS = named("mlp", "shared-parameter", "lenet", "layernorm", "embedding-padding", "resnet", "residual")
OPTIONS = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "nesterov": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
}


def weights_by_higher(scene, optimizer):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with higher.innerloop_ctx(scene.model, optimizer) as (copied, inner):
            losses = scene.per_example_loss(copied, scene.train)
            eps = torch.zeros_like(losses, requires_grad=True)
            inner.step((eps * losses).sum())
            clean_loss = scene.per_example_loss(copied, scene.clean).mean()
            return reference.l2rw_weights(-torch.autograd.grad(clean_loss, eps)[0])


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("case", MODELS, ids=str)
def test_weights_agree_with_higher(case, options):
    scene, twin = case.build(), case.build()
    optimizers = [torch.optim.SGD(s.model.parameters(), lr=0.1, **options) for s in (scene, twin)]
    for same, optimizer in zip((scene, twin), optimizers, strict=True):
        for _ in range(2):
            optimizer.zero_grad()
            same.per_example_loss(same.model, same.train).mean().backward()
            optimizer.step()
    truth = weights_by_higher(twin, optimizers[1])
    by_rule = Reweigher(scene.model, scene.per_example_loss, rule=L2RW(), clean=[scene.clean], optimizer=optimizers[0])
    laws.assert_same_weights(by_rule.weigh(scene.train), truth, 1e-8)
