"""Small files of every kind that the documentation's commands read: `reweigh demo --files`."""

from reweigh.samples.sample import Sample
from reweigh.samples.write import SAMPLES, write_samples

__all__ = ["SAMPLES", "Sample", "write_samples"]
