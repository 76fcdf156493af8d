"""Predictions as a table: a row an example, in the order of the file."""

from typing import Any

from reweigh.predict.predict import Predicted


def columns(predicted: Predicted, *, each: bool = False) -> dict[str, Any]:
    """The columns by name.

    `id` (what the user calls the example), `prediction` (the class, the labels joined by ";", or the value), and of classes
    `probability`, that of the prediction. With `each`, also `probability of NAME` for every class or label.
    """
    said = predicted.encoding.fitted.columns(predicted.values, predicted.probabilities, each=each)
    return {"id": predicted.names, **said}
