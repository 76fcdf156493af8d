"""The last steps of the student's training, recorded, and the clean loss differentiated back through them."""

from reweigh.trajectory.back import back_through as back_through
from reweigh.trajectory.curvature import Curvature as Curvature
from reweigh.trajectory.record import Part as Part
from reweigh.trajectory.record import RecordedStep as RecordedStep
from reweigh.trajectory.record import Setting as Setting
from reweigh.trajectory.rewind import checksum as checksum

__all__ = ["Curvature", "Part", "RecordedStep", "Setting", "back_through", "checksum"]
