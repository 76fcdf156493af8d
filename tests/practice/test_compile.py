"""`torch.compile` on the training forward: training goes through the compiled model, the engines look past it."""

import shutil

import pytest
import torch

from practice.loop import assert_same_model, by_loop, by_reweigher, engines, network, train, ways


@engines
@ways
@pytest.mark.parametrize("how", ["model", "in place", "part"])
def test_compiled_training(engine, way, how):
    torch._dynamo.reset()
    plain, model = network(engine), network(engine)
    train(plain, by_loop(plain))
    wrapped = model
    if how == "model":
        wrapped = torch.compile(model, backend="aot_eager")
    elif how == "in place":
        model.compile(backend="aot_eager")
    else:
        model.second.compile(backend="aot_eager")
    train(model, by_reweigher(wrapped, engine, way))
    assert_same_model(model, plain, engine)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="the compiler of torch.compile on a CPU needs g++")
@pytest.mark.parametrize("engine", ["ghost", "forward"])
def test_compiled_by_inductor(engine):
    torch._dynamo.reset()
    plain, model = network(engine), network(engine)
    train(plain, by_loop(plain))
    train(model, by_reweigher(torch.compile(model), engine, "fused"))
    assert_same_model(model, plain, engine)
