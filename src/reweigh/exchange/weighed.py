"""Pairs of texts as they stand in the user's files, with the weights that a run found: what trainers elsewhere are given."""

from itertools import compress
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from reweigh.audit import Audit
from reweigh.data.own import Sources
from reweigh.data.own.columns import Roles
from reweigh.data.own.pairs import open_pairs, texts_of
from reweigh.errors import BadInput
from reweigh.ledger.visits import Array
from reweigh.storage import write_bytes
from reweigh.tables import check_free


class Weighed(NamedTuple):
    """N pairs in the order of the training file.

    Attributes:
        names: what source and target are called.
        sources, targets: their texts, one line each.
        ids: what the user calls the pairs.
        weights: (N,), none negative, their mean one.
        task: the name of what is learnt of them.
        right: (N,) the probability that a pair is right; NaN where that cannot be told.
    """

    names: tuple[str, str]
    sources: list[str]
    targets: list[str]
    ids: list[str]
    weights: Array
    right: Array
    task: str


class Written(NamedTuple):
    """The files, and what to do with them, a sentence a step."""

    paths: list[Path]
    steps: list[str]


class Trainer(Protocol):
    """Writes pairs and weights as another program takes them."""

    name: str

    def files(self, pairs: Weighed, target: Path) -> dict[Path, str]:
        """The content of each file; all names begin with that of `target`."""
        ...

    def steps(self, pairs: Weighed, target: Path) -> list[str]:
        """What to do with them."""
        ...


def weighed(audit: Audit) -> Weighed:
    """The training pairs of a run, weighted by how likely they are right, or as far as training trusted them.

    Raises:
        BadInput: if it did not learn from pairs of texts, or nothing has a weight.
    """
    data, encoding = audit.run.config.data, audit.encoding
    if not (audit.task.of_pairs and isinstance(data, Sources) and encoding is not None and encoding.kind == "pairs"):
        raise BadInput(f"the run in {audit.run.path} did not learn from pairs of texts, which such trainers take")
    source, target = str(encoding.reader["source"]), encoding.targets[0]
    table = open_pairs(data.train, source, Roles((target,), data.id_column, data.clean_column))
    there = np.zeros(table.rows, dtype=bool)
    there[audit.examples.ids.numpy()] = True
    left, right = ([_line(text) for text in compress(texts_of(table, name), there)] for name in (source, target))
    order = audit.examples.ids.argsort().tolist()
    weights = np.nan_to_num(audit.sample_weight[order]).clip(0)
    if not weights.sum() > 0:
        raise BadInput(f"no pair of the run in {audit.run.path} has a weight: look at `reweigh audit`, and train again")
    ids = [audit.name(row) for row in order]
    return Weighed((source, target), left, right, ids, weights / weights.mean(), audit.right[order], audit.task.name)


def write_all(trainer: Trainer, pairs: Weighed, target: Path, *, overwrite: bool = False) -> Written:
    """Write the files one after the other, each whole or not at all.

    Raises:
        BadInput: if one of them is there, and may not be replaced.
    """
    found = trainer.files(pairs, target)
    for path in found:
        check_free(path, overwrite=overwrite)
    for path, content in found.items():
        write_bytes(path, content.encode())
    return Written(list(found), trainer.steps(pairs, target))


def beside(target: Path, end: str) -> Path:
    """`target` with something behind its name: corpus and .de give corpus.de."""
    return target.with_name(f"{target.name}.{end}")


def sides(pairs: Weighed, target: Path) -> dict[Path, str]:
    """Both sides as a Moses pair, line n beside line n."""
    texts = zip(pairs.names, (pairs.sources, pairs.targets), strict=True)
    return {beside(target, name): in_lines(side) for name, side in texts}


def in_lines(values: list[str]) -> str:
    """One a line."""
    return "".join(f"{value}\n" for value in values)


def numbers(values: Array, least: float = 0.0) -> list[str]:
    """Weights in digits, none below `least`."""
    return [f"{max(value, least):.6f}" for value in values.tolist()]


def _line(text: str) -> str:
    """Without what would end a line, or a field."""
    return " ".join(text.replace("\t", " ").replace("\r", " ").split("\n"))
