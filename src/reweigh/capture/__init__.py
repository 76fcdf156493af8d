"""Passes recorded once and made again without Python."""

from reweigh.capture.captures import WAYS, WRAPPED, Captures, Passage, captures_if
from reweigh.capture.inputs import Inputs
from reweigh.capture.tape import Body

__all__ = ["WAYS", "WRAPPED", "Body", "Captures", "Inputs", "Passage", "captures_if"]
