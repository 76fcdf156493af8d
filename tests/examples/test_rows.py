"""The examples for Accelerate and Lightning against a raw loop, plain training, and themselves resumed."""

import warnings

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("accelerate")
pytest.importorskip("lightning")
from accelerate.state import AcceleratorState

from examples import accelerate_plain, accelerate_reweigh, data, lightning_plain, lightning_reweigh, raw
from reweigh import L2RW, MetaWeightNet, Reweigher


@pytest.fixture(autouse=True)
def _quiet():
    AcceleratorState._reset_state(reset_partial_state=True)  # another precision in one process
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning|torch|accelerate")
        yield


def _loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def _raw(rule=None, **settings):
    noisy, clean = data.rows()
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    told = {} if rule is None else {"optimizer": optimizer}
    reweigher = Reweigher(model, _loss, rule=rule or L2RW(), clean=clean, clean_batch_size=10, **told)
    return raw.train(model, noisy, _loss, optimizer, reweigher, **settings)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_accelerate_ends_where_the_raw_loop_does(accumulation):
    converted = accelerate_reweigh.main(accumulation=accumulation)
    raw.assert_same(converted, _raw(accumulation=accumulation))
    assert raw.differ(converted, accelerate_plain.main(accumulation=accumulation))


def test_accelerate_resumes(tmp_path):
    accelerate_reweigh.main(epochs=1, save_to=tmp_path)
    raw.assert_same(accelerate_reweigh.main(epochs=1, resume_from=tmp_path), accelerate_reweigh.main(epochs=2))


@pytest.mark.parametrize("accumulation", [1, 2])
def test_lightning_ends_where_the_raw_loop_does(accumulation):
    converted = lightning_reweigh.main(accumulate_grad_batches=accumulation)
    raw.assert_same(converted, _raw(accumulation=accumulation))
    assert raw.differ(converted, lightning_plain.main(accumulate_grad_batches=accumulation))


@pytest.mark.parametrize("accumulation", [1, 2])
def test_lightning_lets_rules_learn(accumulation):
    converted = lightning_reweigh.main(rule=MetaWeightNet(hidden=8), accumulate_grad_batches=accumulation)
    raw.assert_same(converted, _raw(rule=MetaWeightNet(hidden=8), accumulation=accumulation))


@pytest.mark.parametrize("rule", [None, MetaWeightNet])
def test_lightning_resumes(tmp_path, rule):
    def run(**settings):
        return lightning_reweigh.main(rule=None if rule is None else rule(hidden=8), **settings)

    run(epochs=1, save_to=tmp_path / "one.ckpt")
    raw.assert_same(run(epochs=2, resume_from=tmp_path / "one.ckpt"), run(epochs=2))


@pytest.mark.parametrize("train", [lambda: accelerate_reweigh.main(precision="bf16"),
                                   lambda: lightning_reweigh.main(precision="bf16-mixed")])  # fmt: skip
def test_bf16_stays_near_float32(train):
    model, exact = train(), _raw()
    noisy, _ = data.rows()
    with torch.no_grad():
        moved = (model(noisy["x"]).softmax(1) - exact(noisy["x"]).softmax(1)).abs().mean()
    assert 0 < moved < 0.05
