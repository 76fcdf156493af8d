"""A run's model as a module with its encoding, and as one file for elsewhere."""

import io
import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reweigh.api.given import Given
from reweigh.api.words import said_in_python
from reweigh.data.own import Encoding, Sources, read_new
from reweigh.errors import BadInput, ReweighError, require
from reweigh.run.finished import FinishedRun, encoding_of, trained_model
from reweigh.run.job.prepare import prepare
from reweigh.storage import make_folder, write_bytes
from reweigh.tables import check_free


class TrainedModel(nn.Module):
    """A trained model and how its inputs are made.

    Attributes:
        module: the model itself, from (B, ...) inputs to (B, K) outputs.
        encoding: how own data become numbers, and what the outputs mean; None of a known data set.
        input_shape: the shape of one input.
    """

    def __init__(self, module: nn.Module, encoding: Encoding | None, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.module, self.encoding, self.input_shape = module, encoding, input_shape
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (B, K) of encoded inputs (B, ...)."""
        outputs: Tensor = self.module(x)
        return outputs

    def encode(self, data: Any) -> Tensor:
        """(N, ...) inputs of a frame, an array, a data set or a path, made as those of the training data.

        Raises:
            BadInput: if a column is missing, `data` is of another kind, or the model learned from a known data set.
        """
        if self.encoding is None:
            raise BadInput(
                "the model learned from a known data set, and has its inputs as they are: call it with a tensor"
            )
        with tempfile.TemporaryDirectory(prefix="reweigh-") as folder:
            given = Given(Path(folder))
            with said_in_python(given.places):
                found = read_new(given.new(data, self.encoding), self.encoding)
                x: Tensor = found.batch(torch.arange(len(found.x)))["x"]
                return x


def trained(run: FinishedRun) -> TrainedModel:
    """The model at the end of a run."""
    if not isinstance(run.config.data, Sources):
        run.check_named_again()
        examples = prepare(run.config).train
        shape, outputs = tuple(examples.x.shape[1:]), len(examples.classes)
        return TrainedModel(trained_model(run, shape, outputs, None), None, shape)
    encoding = encoding_of(run)
    model = trained_model(run, encoding.input_shape, encoding.outputs, encoding)
    return TrainedModel(model, encoding, encoding.input_shape)


def export(model: TrainedModel, path: Path, *, overwrite: bool = False) -> Path:
    """Write the model as `.pt2` or `.onnx`, whole or not at all; the file has the encoding in it: of `.pt2` as the
    extra file, of `.onnx` as the metadata `encoding.json`.

    Raises:
        BadInput: for another ending, or if the file exists and `overwrite` is not set.
        MissingExtra: if ONNX is not installed.
        ReweighError: if PyTorch cannot trace the model.
    """
    makers = {".pt2": _pt2, ".onnx": _onnx}
    if path.suffix not in makers:
        raise BadInput(f"{path} ends in neither .pt2 nor .onnx: name the file so that it says which it should be")
    check_free(path, overwrite=overwrite)
    content = makers[path.suffix](model, _example(model))
    make_folder(path.parent)
    write_bytes(path, content)
    return path


def _example(model: TrainedModel) -> Tensor:
    """Two inputs, so that no size of one is taken for a constant; tokens and codes are 0, which is always one."""
    tokens = model.encoding is not None and model.encoding.kind == "text"
    return torch.zeros((2, *model.input_shape), dtype=torch.int64 if tokens else torch.float32)


def _pt2(model: TrainedModel, x: Tensor) -> bytes:
    with _exporting():
        program = torch.export.export(model.module, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    buffer = io.BytesIO()
    torch.export.save(program, buffer, extra_files=_beside(model))
    return buffer.getvalue()


def _onnx(model: TrainedModel, x: Tensor) -> bytes:
    require("onnx", "onnx")
    require("onnxscript", "onnx")
    with _exporting(), tempfile.TemporaryDirectory() as folder:
        path, batch = Path(folder) / "model.onnx", torch.export.Dim("batch")
        program: Any = torch.onnx.export(
            model.module, (x,), dynamo=True, dynamic_shapes=({0: batch},), input_names=["x"], output_names=["outputs"],
            verbose=False,
        )  # fmt: skip
        program.model.metadata_props.update(_beside(model))
        program.save(str(path), external_data=False)
        return path.read_bytes()


def _beside(model: TrainedModel) -> dict[str, str]:
    """What goes into the file with the model."""
    return {} if model.encoding is None else {"encoding.json": json.dumps(model.encoding.as_json())}


@contextmanager
def _exporting() -> Iterator[None]:
    """What PyTorch refuses is said in one sentence; it is silent about operations of packages that are not installed."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    except Exception as refused:  # whatever the tracer meets in somebody's model
        raise ReweighError(
            f"PyTorch cannot export this model ({str(refused).splitlines()[0][:160]}): take its state_dict() instead"
        ) from refused
    finally:
        logger.setLevel(before)
