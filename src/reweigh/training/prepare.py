"""From settings to data: a training set with wrong labels, a clean set, and a test set.

The order matters. The imbalance is made first, then the clean examples are set apart, then the rest is
corrupted: a clean example never carries a wrong label, also where it stays in the training set, and the same
examples are corrupted whether it stays or not.
"""

from typing import NamedTuple

from torch import Tensor

from reweigh.data import Examples, clean_split, load, long_tail, parse_noise
from reweigh.training.config import TrainConfig, parse_imbalance


class RunData(NamedTuple):
    """What a run learns from and is tested on."""

    train: Examples
    clean: Examples
    test: Examples

    @property
    def truth(self) -> Tensor | None:
        """(N,) bool: which training labels are wrong; None where none is known to be."""
        corrupted = self.train.corrupted
        return corrupted if bool(corrupted.any()) else None


def prepare(config: TrainConfig) -> RunData:
    """Load, unbalance, set apart and corrupt, all of it drawn from the run's seed.

    Raises:
        BadInput: if the data cannot be had, or do not allow what the settings ask for.
    """
    whole, test = load(config.dataset, config.data_root, config.download)
    classes = len(whole.classes)
    factor = parse_imbalance(config.imbalance)
    if factor is not None:
        whole = whole.select(long_tail(whole.y, classes, factor, config.seed))
    split = clean_split(whole.y, config.clean_per_class, config.seed, config.keep_clean_in_train, classes=classes)
    train, unchecked = whole.select(split.train), ~split.clean_in_train
    labels = train.y.clone()
    labels[unchecked] = parse_noise(config.noise).apply(labels[unchecked], classes, config.seed).labels
    return RunData(train.with_labels(labels), whole.select(split.clean), test)
