"""L2RW's weights against TorchOpt, whose MetaSGD and MetaAdam keep the graph of the model's own step.

Its MetaAdam is a witness only once every second moment is positive: where one is zero it gives NaN.
"""

import pytest
import torch

import laws
import reference
from reweigh import L2RW, Reweigher
from zoo import named

torchopt = pytest.importorskip("torchopt")

MODELS = named("mlp", "shared-layer", "lenet", "layernorm", "resnet", "multihead-attention")
STEPS = 3
PAIRS = {
    "sgd": (torch.optim.SGD, torchopt.MetaSGD, {"lr": 0.1}),
    "momentum": (torch.optim.SGD, torchopt.MetaSGD, {"lr": 0.1, "momentum": 0.9}),
    "adam": (torch.optim.Adam, torchopt.MetaAdam, {"lr": 0.01, "betas": (0.8, 0.95)}),
}

# TorchOpt computes Adam's bias corrections 1 - beta**t in float32, whatever the model's type.
ALLOWED = {"sgd": 1e-8, "momentum": 1e-8, "adam": 1e-6}


def weights_by_torchopt(scene, inner):
    """After the same first steps, taken by TorchOpt itself so that its state is its own."""
    for _ in range(STEPS):
        inner.step(scene.per_example_loss(scene.model, scene.train).mean())
        torchopt.stop_gradient(scene.model)
        torchopt.stop_gradient(inner)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        losses = scene.per_example_loss(scene.model, scene.train)
        eps = torch.zeros_like(losses, requires_grad=True)
        inner.step((eps * losses).sum())
        clean_loss = scene.per_example_loss(scene.model, scene.clean).mean()
    return reference.l2rw_weights(-torch.autograd.grad(clean_loss, eps)[0])


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("case", MODELS, ids=str)
def test_weights_agree_with_torchopt(case, name):
    if (str(case), name) == ("lenet", "adam"):
        pytest.skip("units that were never active have exp_avg_sq = 0, where MetaAdam gives NaN")
    ours, theirs, options = PAIRS[name]
    scene, twin = case.build(), case.build()
    optimizer = ours(scene.model.parameters(), **options)
    for _ in range(STEPS):
        optimizer.zero_grad()
        scene.per_example_loss(scene.model, scene.train).mean().backward()
        optimizer.step()
    truth = weights_by_torchopt(twin, theirs(twin.model, **options))
    assert torch.isfinite(truth).all()
    by_rule = Reweigher(scene.model, scene.per_example_loss, rule=L2RW(), clean=[scene.clean], optimizer=optimizer)
    laws.assert_same_weights(by_rule.weigh(scene.train), truth, ALLOWED[name])
