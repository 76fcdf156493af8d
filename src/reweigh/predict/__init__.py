"""A finished run's model on new data: what it says of each row, image or text, beside what the user calls it."""

from reweigh.predict.predict import Predicted, predict_new
from reweigh.predict.table import columns

__all__ = ["Predicted", "columns", "predict_new"]
