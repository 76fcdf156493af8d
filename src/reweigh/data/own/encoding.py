"""How the user's data became numbers: found once, from the training data, and the same for everything after.

A model is only as good as the agreement between the numbers it learned from and those it is asked about. So the
columns kept, their means and categories, the vocabulary of texts, the size of images and the order of classes are one
object that travels with the model as JSON.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ...errors import BadInput
from ...tasks import Task, known_task, task_named
from .pieces import spelling_of
from .sources import KINDS, OUTSIDE

FORMAT = 1


@dataclass(frozen=True)
class Encoding:
    """Everything that new data needs to be read as the training data was.

    Attributes:
        kind: one of `KINDS`, or `OUTSIDE`, whose encoding is known to the source alone.
        task: the name of a task.
        classes: the names of the C classes or L labels in the order of the model's outputs; a regression's one target.
        targets: the columns that hold the target.
        input_shape: the shape of one example's x.
        outputs: numbers that the model gives an example, as the task says: C, L or 1.
        model_options: what a model for such data must know: table {"categories": (n1, n2, ...)}, where the first
            columns of x are numbers and the last len(categories) are category codes held as float, from 0 (unknown or
            missing) to n - 1; text {"vocabulary": n, "padding": p, "terms": t}, where tokens are 0 to n - 1, p (0 but for
            some Hugging Face models) fills texts up, and t are the `terms.Terms` of TF-IDF; pairs {"padding": p}, and where
            a Hugging Face model cuts them its marks as well (`tasks.spelling`); images and arrays {}.
        target_scale: (mean, standard deviation) of a regression's target, whose y is (value - mean) / deviation.
        reader: what the reader of this kind keeps for itself; JSON values only.
    """

    kind: str
    task: str
    classes: tuple[str, ...]
    targets: tuple[str, ...]
    input_shape: tuple[int, ...]
    outputs: int
    model_options: dict[str, Any] = field(default_factory=dict)
    target_scale: tuple[float, float] = (0.0, 1.0)
    reader: dict[str, Any] = field(default_factory=dict)

    @property
    def fitted(self) -> Task:
        """The task, as it was fitted to the training targets.

        Raises:
            BadInput: if no task is known by that name.
        """
        style, unit = self.reader.get("target_written", (".", ""))
        found = task_named(self.task)(self.classes, self.targets, self.target_scale, (str(style), str(unit)))
        return found.spelt(spelling_of(self.reader))

    @property
    def read_alone(self) -> str | None:
        """The column of texts, or of sources of pairs, beside which nothing is read; None where more is, or no texts are."""
        found = self.reader.get("source", self.reader.get("column"))
        return None if found is None else str(found)

    def as_json(self) -> dict[str, Any]:
        """The encoding as a dictionary that `json` can write."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any], where: str) -> "Encoding":
        """The encoding again; `where` names the file in messages.

        Raises:
            BadInput: something is missing or is not what `as_json` wrote.
        """
        try:
            encoding = _restored(found)
            _check(encoding)
        except (KeyError, TypeError, ValueError, AttributeError) as damage:
            raise BadInput(
                f"{where} is not an encoding that this version of reweigh wrote ({damage!r}): train again, or "
                "restore the file from a copy"
            ) from damage
        return encoding


def _restored(found: Mapping[str, Any]) -> Encoding:
    if found["format"] != FORMAT:
        raise ValueError(f"format {found['format']}")
    options = dict(found["model_options"])
    if "categories" in options:
        options["categories"] = tuple(int(count) for count in options["categories"])
    mean, deviation = (float(number) for number in found["target_scale"])
    return Encoding(
        kind=found["kind"],
        task=found["task"],
        classes=tuple(str(name) for name in found["classes"]),
        targets=tuple(str(name) for name in found["targets"]),
        input_shape=tuple(int(size) for size in found["input_shape"]),
        outputs=int(found["outputs"]),
        model_options=options,
        target_scale=(mean, deviation),
        reader=dict(found["reader"]),
    )


def _check(encoding: Encoding) -> None:
    if encoding.kind not in (*KINDS, OUTSIDE) or not known_task(encoding.task):
        raise ValueError(f"kind {encoding.kind}, task {encoding.task}")
    if encoding.outputs != encoding.fitted.outputs or encoding.outputs < 1 or min(encoding.input_shape, default=1) < 1:
        raise ValueError(f"{encoding.outputs} outputs, {len(encoding.classes)} classes")
    mean, deviation = encoding.target_scale
    if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0):
        raise ValueError(f"target scale {encoding.target_scale}")
