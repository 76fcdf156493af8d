"""A model as a file gives what the model gives, for any number of rows: by torch.export, and ONNX where it is installed."""

import importlib.util
import json
import logging

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import reweigh
from reweigh.errors import BadInput, MissingExtra, ReweighError

ROWS = 90
DRAW = np.random.default_rng(0)
GREY = (DRAW.random((ROWS, 1, 8, 8)) * 255).astype(np.uint8)
COLOURED = (DRAW.random((ROWS, 3, 16, 16)) * 255).astype(np.uint8)
WORDS = ["good", "bad", "so", "very", "film"]
TABLE = pd.DataFrame(
    {
        "size": DRAW.normal(size=ROWS),
        "kind": pd.Categorical(DRAW.choice(["u", "v", "w"], ROWS)),
        "gap": np.where(DRAW.random(ROWS) < 0.3, np.nan, DRAW.normal(size=ROWS)),
    }
)
TEXTS = pd.DataFrame({"text": [" ".join(DRAW.choice(WORDS, DRAW.integers(2, 9))) for _ in range(ROWS)]})
Y = np.arange(ROWS) % 2
KINDS = {
    "a table": (TABLE.assign(y=Y), {"target": "y"}, TABLE),
    "numbers to learn": (TABLE.assign(y=TABLE["size"] * 3), {"target": "y", "task": "regression"}, TABLE),
    "texts": (TEXTS.assign(y=Y), {"target": "y", "text": "text"}, TEXTS),
    "grey images": ((GREY, Y), {"model": "lenet"}, GREY),
    "coloured images": ((COLOURED, Y), {"model": "resnet20"}, COLOURED),
    "a module": ((COLOURED, Y), {"model": nn.Sequential(nn.Flatten(), nn.Linear(768, 2))}, COLOURED),
}


@pytest.fixture(scope="module", params=KINDS)
def run_and_inputs(request):
    data, more, inputs = KINDS[request.param]
    return reweigh.fit(
        data, clean=np.arange(ROWS) < 30, steps=3, rule="l2rw", quick=True, verbose=False, **more
    ), inputs


def test_torch_export(run_and_inputs, tmp_path):
    run, inputs = run_and_inputs
    beside = {"encoding.json": ""}
    module = torch.export.load(run.export(tmp_path / "model.pt2"), extra_files=beside).module()
    for rows in (1, 2, 7, 33):
        x = run.model.encode(inputs[:rows])
        torch.testing.assert_close(module(x), run.model(x))
    assert json.loads(beside["encoding.json"])["kind"] == run.model.encoding.kind


def test_onnx(run_and_inputs, tmp_path, caplog):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    run, inputs = run_and_inputs
    level = logging.getLogger("torch.onnx").level
    session = runtime.InferenceSession(run.export(tmp_path / "model.onnx"))
    for rows in (1, 2, 7, 33):
        x = run.model.encode(inputs[:rows])
        (found,) = session.run(["outputs"], {"x": x.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), run.model(x), rtol=1e-4, atol=1e-5)
    told = json.loads(session.get_modelmeta().custom_metadata_map["encoding.json"])
    assert told["kind"] == run.model.encoding.kind
    assert not [said for said in caplog.records if said.name.startswith("torch.onnx")]
    assert logging.getLogger("torch.onnx").level == level


def test_onnx_says_what_to_install(run_and_inputs, tmp_path):
    if importlib.util.find_spec("onnx") is not None:
        pytest.skip("it is installed")
    with pytest.raises(MissingExtra, match=r"reweigh\[onnx\]"):
        run_and_inputs[0].export(tmp_path / "model.onnx")


class Asks(nn.Module):
    """Goes by what it sees, which no tracer can follow."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return self.layer(x) if float(x.sum()) > 1e9 else self.layer(-x)


def test_what_cannot_be_exported_is_said(tmp_path):
    x = np.random.default_rng(0).normal(size=(ROWS, 3))
    run = reweigh.fit(
        (x, Y), clean=range(30), steps=2, model=Asks(), engine="finite", rule="l2rw", quick=True, verbose=False
    )
    with pytest.raises(ReweighError, match=r"PyTorch cannot export this model .* state_dict\(\) instead"):
        run.export(tmp_path / "model.pt2")
    with pytest.raises(BadInput, match=r"neither .pt2 nor .onnx"):
        run.export(tmp_path / "model.txt")
    assert not list(tmp_path.iterdir())
