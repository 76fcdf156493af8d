"""The model of a finished run, asked about data that it has not seen.

New data are read as the training data were: the run's `encoding.json` holds the columns, categories, vocabulary and order of
classes. Where they happen to have the target, the score is worked out as well.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reweigh.data.own import Encoding, NewData, read_new
from reweigh.errors import BadInput
from reweigh.run.finished import encoding_of, open_run, trained_model
from reweigh.run.job.evaluate import finite, outputs_on
from reweigh.run.temperature import Temperature
from reweigh.tasks import Task


@dataclass(frozen=True, eq=False)
class Predicted:
    """What the model says of N new examples.

    Attributes:
        data: the examples as they were read, with their names.
        encoding: how they became numbers, and what the outputs mean.
        values: class numbers (N,) int64, zeros and ones for each label (N, L), or a regression's values (N,) in its units.
        probabilities: each class's or label's (N, K); of a regression None.
        scores: by name, the score first; empty where the target is not known.
        temperature: what made the probabilities calibrated; None where nothing of the kind was looked for.
    """

    data: NewData
    encoding: Encoding
    values: Tensor
    probabilities: Tensor | None
    scores: dict[str, float]
    temperature: Temperature | None = None

    def __len__(self) -> int:
        """The number of examples, N."""
        return len(self.values)

    @property
    def names(self) -> list[str]:
        """What the user calls the examples."""
        return list(self.data.names)


def predict_new(
    run: Path | str, path: Path | str, *, model: Any = None, task: str | type[Task] | None = None, beam: int = 1
) -> Predicted:
    """Ask the finished run in the folder `run` about the data at `path`.

    A model of one's own ("module:function") or of Hugging Face ("hf:NAME") has to be named again by `model`, and a task of
    one's own ("module:Class") by `task`; what was an object in Python is given again. Sequences are looked for among `beam`
    beginnings at a time.

    Raises:
        BadInput: if there is no such run, it was not trained on own data, a file of it is damaged, the model is to be named,
            or the new data cannot be read as the old ones were.
    """
    finished = open_run(run, model=model, task=task)
    encoding = encoding_of(finished)
    trained = trained_model(finished, encoding.input_shape, encoding.outputs, encoding)
    data = read_new(path, encoding)
    if not len(data.x):
        raise BadInput(f"{path} has no example to predict")
    learnt = encoding.fitted.searched(beam)
    outputs = finite(outputs_on(trained, data, torch.device("cpu"), learnt))
    scores = {} if data.y is None else learnt.scores(outputs, data.y)
    found = Temperature.from_summary(finished.summary)
    likely = learnt.probabilities(outputs) if found is None else found.probabilities(learnt, outputs)
    return Predicted(data, encoding, learnt.predict(outputs), likely, scores, found)
