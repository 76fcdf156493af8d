"""A learner of the trade for each kind of data: boosted trees, TF-IDF with a linear layer, a linear probe (scikit-learn)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from reweigh.audit.vectors import pieces, token_lists
from reweigh.data.own import Encoding
from reweigh.data.own.sources import OUTSIDE
from reweigh.errors import require
from reweigh.tasks import Learner, Task

FEW_COLUMNS = 200
"""Up to so many numbers an example trees are grown on; beyond it a linear layer."""
MOST_ROWS = 100_000
"""Examples that such a learner is given, drawn at random where there are more; all of them stand in memory."""


def learner_for(task: Task, encoding: Encoding, columns: int, seed: int) -> tuple[str, Learner] | None:
    """What people call it, and a learner for such data, not yet fitted; None where a task has none."""
    make = _KINDS.get(encoding.kind)
    if make is None:
        return None
    kind = make(encoding, columns, seed)
    learner = task.learner(kind.classifier, kind.regressor)
    return None if learner is None else (kind.words, learner)


def features(inputs: Tensor, encoding: Encoding) -> npt.NDArray[Any] | list[list[int]]:
    """Inputs (N, ...), as a model takes them, as the learner for their kind does."""
    if encoding.kind == "text":
        return token_lists(inputs, encoding.model_options.get("padding", 0))
    return np.asarray(inputs.reshape(len(inputs), -1).cpu().numpy())


class _Kind:
    """Two estimators for one kind of inputs."""

    def __init__(self, words: str, classifier: Callable[[], Any], regressor: Callable[[], Any]) -> None:
        self.words, self.classifier, self.regressor = words, classifier, regressor


def _trees(encoding: Encoding, columns: int, seed: int) -> _Kind:
    ensemble = require("sklearn.ensemble", "cli")
    sizes = tuple(encoding.model_options.get("categories", ()))
    first = columns - len(sizes)
    categories = [first + k for k, size in enumerate(sizes) if size <= 255] or None
    options = {"categorical_features": categories, "random_state": seed}
    return _Kind(
        "boosted trees",
        lambda: ensemble.HistGradientBoostingClassifier(**options),
        lambda: ensemble.HistGradientBoostingRegressor(**options),
    )


def _linear(words: str, before: Callable[[], Any]) -> _Kind:
    linear, pipeline = require("sklearn.linear_model", "cli"), require("sklearn.pipeline", "cli")
    return _Kind(
        words,
        lambda: pipeline.make_pipeline(before(), linear.LogisticRegression(max_iter=1000)),
        lambda: pipeline.make_pipeline(before(), linear.RidgeCV(np.logspace(-3, 3, 7))),
    )


def _texts(encoding: Encoding, columns: int, seed: int) -> _Kind:
    text = require("sklearn.feature_extraction.text", "cli")
    return _linear(
        "TF-IDF with a linear layer",
        lambda: text.TfidfVectorizer(analyzer=pieces, sublinear_tf=True, min_df=2),
    )


def _probe(encoding: Encoding, columns: int, seed: int) -> _Kind:
    scaler = require("sklearn.preprocessing", "cli").StandardScaler
    return _linear("a linear probe", scaler)


def _arrays(encoding: Encoding, columns: int, seed: int) -> _Kind:
    return (_trees if columns <= FEW_COLUMNS else _probe)(encoding, columns, seed)


_KINDS: dict[str, Callable[[Encoding, int, int], _Kind]] = {
    "table": _trees,
    "text": _texts,
    "images": _probe,
    "arrays": _arrays,
    OUTSIDE: _arrays,
}
