"""Predictions as a table: a row an example, in the order of the file."""

from typing import Any

from reweigh.predict.predict import Predicted


def columns(predicted: Predicted, *, each: bool = False) -> dict[str, Any]:
    """The columns by name.

    `id` (what the user calls the example), `prediction` (the class, the labels joined by ";", or the value), and of classes
    `probability`, that of the prediction. With `each`, also `probability of NAME` for every class or label.
    """
    found: dict[str, Any] = {"id": predicted.names}
    classes, probabilities = predicted.encoding.classes, predicted.probabilities
    if probabilities is None:
        return {**found, "prediction": predicted.values.numpy()}
    if predicted.encoding.task == "classification":
        found["prediction"] = [classes[k] for k in predicted.values.tolist()]
        found["probability"] = probabilities.max(1).values.numpy()
    else:
        found["prediction"] = [
            ";".join(name for name, there in zip(classes, row, strict=True) if there)
            for row in predicted.values.tolist()
        ]
    if each:
        found |= {f"probability of {name}": probabilities[:, k].numpy() for k, name in enumerate(classes)}
    return found
