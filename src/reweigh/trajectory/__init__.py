"""The last steps of the student's training, recorded, and the clean loss differentiated back through them."""

from reweigh.trajectory.back import back_through
from reweigh.trajectory.curvature import Curvature
from reweigh.trajectory.record import Part, RecordedStep, Setting
from reweigh.trajectory.rewind import checksum

__all__ = ["Curvature", "Part", "RecordedStep", "Setting", "back_through", "checksum"]
