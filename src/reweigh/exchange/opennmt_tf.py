"""OpenNMT-tf: both sides, a file of weights, and the part of the configuration that names them.

It divides by the sum of a batch's weights, and zeros alone would be divided by zero: so no weight is below a thousandth.
"""

from pathlib import Path

from reweigh.exchange.weighed import Weighed, beside, in_lines, numbers, sides
from reweigh.exchange.yaml_text import yaml_of

LEAST = 0.001


class OpenNMTtf:
    """Three files of as many lines, and `data:` of the configuration."""

    name = "opennmt-tf"

    def files(self, pairs: Weighed, target: Path) -> dict[Path, str]:
        """Source, target, one weight a line, and YAML."""
        texts, weights = sides(pairs, target), beside(target, "weights")
        features, labels = map(str, texts)
        told = {"train_features_file": features, "train_labels_file": labels, "example_weights": str(weights)}
        config = yaml_of({"data": told})
        return {**texts, weights: in_lines(numbers(pairs.weights, LEAST)), beside(target, "yml"): config}

    def steps(self, pairs: Weighed, target: Path) -> list[str]:
        """The configuration."""
        return [
            f"train with `onmt-main --config {beside(target, 'yml')} ... train`, beside a configuration of your own"
        ]
