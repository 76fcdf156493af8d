"""What two students said of a run's labels, kept in its folder: worked out once for verdict, audit and report.

`labels.safetensors` has the arrays, and all else as JSON in its header, with the digest of what it follows from: the run
(settings, digests of the data, versions), this version of reweigh, and the examples as they were read. What has another
digest is not read, and worked out anew.
"""

import hashlib
import json
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reweigh._version import __version__
from reweigh.audit.judged import LabelsJudged
from reweigh.digests import Digests
from reweigh.errors import BadInput, ReweighError, require
from reweigh.ledger.visits import Array
from reweigh.rightness import Rightness
from reweigh.rightness.crossfit import CrossFit
from reweigh.run.finished import FinishedRun
from reweigh.run.folder import run_folder as files
from reweigh.run.job.prepare import RunData
from reweigh.tasks import Task

_NAMES = "names of "
"""Before an array of words: they are numbers into a list of that name in the header."""


def what_it_follows_from(run: FinishedRun, data: RunData) -> str:
    """The digest of everything that the judgement depends on."""
    told = hashlib.sha256(f"{__version__} {run.mark} {run.digests.run}".encode())
    for part in (data.train, data.clean):
        told.update(part.ids.numpy().tobytes() + part.y.numpy().tobytes())
    if isinstance(run.given, nn.Module):  # its state is what the students begin with
        for name, value in run.given.state_dict().items():
            told.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return told.hexdigest()


def keep(run: FinishedRun, judged: LabelsJudged, mark: str) -> None:
    """Write it, whole or not at all; a folder that cannot be written stays as it is."""
    arrays, told = dict[str, Array](), dict[str, Any]()
    for prefix, value in (("", judged), ("all.", judged.of_all), ("evidence.", judged.of_all.evidence)):
        for field in fields(value):
            _put(prefix + field.name, getattr(value, field.name), arrays, told)
    content = require("safetensors.numpy", "cli").save(arrays, {"mark": mark, "told": json.dumps(told)})
    try:
        run.keep(files.LABELS, content)
    except ReweighError:
        return  # somebody else's folder, or a full disk: the next one works it out again


def read(run: FinishedRun, task: Task, mark: str) -> LabelsJudged | None:
    """What is kept; None where there is nothing, or it follows from something else.

    Raises:
        BadInput: if the file is damaged or was edited.
    """
    path = run.path / files.LABELS
    if not path.exists() or task.judging is None:
        return None
    digests = Digests(run.path, run.digests.run)  # as they are now: it may be younger than what was opened
    content = digests.read(path)
    digests.check(path, content)
    try:
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])["__metadata__"]
        if header["mark"] != mark:
            return None
        arrays, told = require("safetensors.numpy", "cli").load(content), json.loads(header["told"])
        evidence = CrossFit(**_got(CrossFit, "evidence.", arrays, told, tensors=True))
        found = _got(Rightness, "all.", arrays, told)
        interval = found["interval"]
        of_all = task.judging.result(
            **{**found, "evidence": evidence, "interval": None if interval is None else (interval[0], interval[1])}
        )
        return LabelsJudged(**{**_got(LabelsJudged, "", arrays, told), "of_all": of_all})
    except ReweighError:
        raise
    except Exception as broken:  # safetensors has an error class of its own
        raise BadInput(f"{path} is damaged: remove it, and it is worked out again") from broken


def _put(name: str, value: Any, arrays: dict[str, Array], told: dict[str, Any]) -> None:
    """A field: arrays to arrays, plain values to JSON; what is kept field by field is left out."""
    if isinstance(value, Rightness | CrossFit):
        return
    if isinstance(value, Tensor):
        value = value.numpy()
    if not isinstance(value, np.ndarray):
        told[name] = value
    elif value.dtype.kind in "OU":
        words, places = np.unique(value.astype(str), return_inverse=True)
        told[_NAMES + name], arrays[name] = words.tolist(), places.reshape(value.shape)
    else:
        arrays[name] = np.ascontiguousarray(value)


def _got(
    kind: type, prefix: str, arrays: dict[str, Array], told: dict[str, Any], *, tensors: bool = False
) -> dict[str, Any]:
    """The fields again."""
    found = dict[str, Any]()
    for field in fields(kind):
        name = prefix + field.name
        if name in told:
            found[field.name] = told[name]
        elif _NAMES + name in told:
            found[field.name] = np.asarray(told[_NAMES + name], dtype=str)[arrays[name]]
        elif name in arrays:
            found[field.name] = torch.from_numpy(arrays[name]) if tensors else arrays[name]
    return found
