"""A run's data where sources of somebody's own hand them out: their ids say which examples are the same."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reweigh.data import Examples
from reweigh.data.outside import examples_of, is_outside, source_named
from reweigh.data.own import Encoding, Sources
from reweigh.data.own.check_found import check_found
from reweigh.data.own.hold_out import hold_out
from reweigh.data.own.sources import OUTSIDE
from reweigh.errors import BadInput
from reweigh.rightness.before import Before
from reweigh.words import counted, shown


def parts_of(sources: Sources, seed: int) -> tuple[Examples, Examples, Examples, Before | None, list[str]]:
    """Training, clean and test examples that share no id, what the clean ones were called, and what is to be said.

    Raises:
        BadInput: if a source was not named, no example is said to be clean, or a part has none left.
    """
    train = _part(sources.train)
    if sources.clean is not None:
        clean = _part(sources.clean)
    elif sources.clean_ids is not None:
        clean = train.select(_checked(train, Path(sources.clean_ids)))
    else:
        raise BadInput(
            f"nothing says which examples of {sources.train} are checked: give --clean with a source, or --clean-ids"
        )
    notes: list[str] = []
    if sources.test is not None:
        test = _part(sources.test)
        clean = _without(clean, test, "the clean set", notes)
        train = _without(train, test, "training", notes)
    else:
        groups = clean.y.numpy() if clean.task.has_classes else None
        held = torch.from_numpy(hold_out(groups, len(clean), sources.test_share, seed))
        test = clean.select(held)
        notes.append(f"{len(test):,} of the {len(clean):,} clean examples are held back for testing")
        train, clean = _without(train, test, "training", []), clean.select(~held)
    before = None if sources.clean is None else _before(train, clean)
    train = _without(train, clean, "training", notes if sources.clean is not None else [])
    notes += train.task.check_parts(train.y, clean.y, (str(sources.train), str(sources.clean or sources.clean_ids)))
    notes += check_found(train.task, clean.ids, clean.y, before)
    return train, clean, test, before, notes


def encoding_of(train: Examples, options: dict[str, object]) -> Encoding:
    """What a model has to know of the examples; `options` is what the source says of itself."""
    task = train.task
    return Encoding(
        kind=OUTSIDE,
        task=task.name,
        classes=task.classes,
        targets=task.targets,
        input_shape=tuple(train.x.shape[1:]),
        outputs=task.outputs,
        model_options=options,
        target_scale=task.scale,
    )


def _part(name: str) -> Examples:
    if not is_outside(name):
        raise BadInput(
            f"{name} is a file, and the training data are a source: give the clean and the test part as sources too"
        )
    return examples_of(source_named(name))


def _checked(train: Examples, path: Path) -> Tensor:
    """The rows whose ids the file names, one a line."""
    try:
        wanted = np.loadtxt(path, dtype=np.int64, ndmin=1)
    except (OSError, ValueError) as refused:
        raise BadInput(
            f"{path} is no list of ids: give the ids of the checked examples, whole numbers, one a line"
        ) from refused
    unknown = wanted[~np.isin(wanted, train.ids.numpy())]
    if unknown.size or not wanted.size:
        raise BadInput(
            f"{path} names {counted(int(unknown.size), 'id')} that no example has, such as {shown(unknown[:1])}"
        )
    return torch.isin(train.ids, torch.from_numpy(wanted))


def _before(train: Examples, clean: Examples) -> Before | None:
    shared = torch.isin(train.ids, clean.ids)
    return Before(train.ids[shared], train.y[shared]) if bool(shared.any()) else None


def _without(part: Examples, other: Examples, name: str, notes: list[str]) -> Examples:
    shared = torch.isin(part.ids, other.ids)
    if bool(shared.all()):
        raise BadInput(f"no example of {name} is left: give examples whose ids are in no other part")
    if not bool(shared.any()):
        return part
    notes.append(f"{counted(int(shared.sum()), 'example')} in another part as well left out of {name}")
    return part.select(~shared)
