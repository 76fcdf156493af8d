"""Data sets known by name, and what is done to the labels and classes of a training set to see what a rule makes of it."""

from dataclasses import MISSING, dataclass
from typing import ClassVar

from reweigh.data import NAMES, parse_noise
from reweigh.data.imbalance import parse_imbalance
from reweigh.options import check, option


@dataclass(frozen=True, kw_only=True)
class KnownData:
    """A data set known by name; None is the usual."""

    title: ClassVar[str] = "Data sets known by name"

    dataset: str = option(MISSING, "One of {}.", choices=NAMES)
    clean_per_class: int | None = option(None, "Clean images to set apart, per class.", known=10, least=1)
    data_root: str | None = option(
        None, "Where data sets lie or are put.", usual="$REWEIGH_DATA, else the user's cache"
    )
    download: bool = option(True, "Fetch data that are missing.")

    def __post_init__(self) -> None:
        check(self)

    @property
    def name(self) -> str:
        """What people call the data."""
        return self.dataset


@dataclass(frozen=True, kw_only=True)
class ResolvedKnown(KnownData):
    """The same with nothing left open."""

    clean_per_class: int


@dataclass(frozen=True, kw_only=True)
class Injected:
    """What is done to the training examples, never to the clean ones."""

    title: ClassVar[str] = "Damage done on purpose"

    noise: str = option(
        "none", "Labels to make wrong: background:0.4 (40 % get one same class), uniform:0.4, symmetric:0.4, pair:0.4."
    )
    imbalance: str = option("none", "Classes to make rare: long-tail:100 makes the largest 100 times the smallest.")

    def __post_init__(self) -> None:
        check(self)
        parse_noise(self.noise)
        parse_imbalance(self.imbalance)
