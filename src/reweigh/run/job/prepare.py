"""From settings to data: a training set with wrong labels, a clean set, and a test set.

Of a known data set the order matters. The imbalance is made first, then the clean examples are set apart, then the rest is
corrupted: a clean example never carries a wrong label, also where it stays in the training set, and the same
examples are corrupted whether it stays or not. The user's own data come with a clean set and, as a rule, with wrong labels;
noise and imbalance can be added to the training part of a classification, to see what a rule makes of them.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from reweigh import minilm
from reweigh.data import Examples, clean_split, load, long_tail, parse_noise
from reweigh.data.imbalance import parse_imbalance
from reweigh.data.outside import is_outside, source_named
from reweigh.data.own import Encoding, Names, Sources, read_own
from reweigh.data.own.hold_out import hold_out
from reweigh.data.own.texts import OPEN
from reweigh.data.stored import joined as inputs_joined
from reweigh.errors import BadInput
from reweigh.models.pretrained import PREFIX
from reweigh.rightness.before import Before
from reweigh.run.job import from_sources
from reweigh.settings import Settings
from reweigh.settings.known import Injected, ResolvedKnown
from reweigh.settings.usual import resolved

HELD_BACK = 0.3
"""Share of the clean examples by which the epoch is chosen."""


class RunData(NamedTuple):
    """What a run learns from and is tested on; of own data also how they became numbers, and what examples are called.

    `held` are checked examples by which the epoch is chosen, where it is; `before` what clean examples, and these, were
    called before they were checked, as far as that is known.
    """

    train: Examples
    clean: Examples
    test: Examples
    encoding: Encoding | None = None
    names: Names | None = None
    notes: tuple[str, ...] = ()
    told: dict[str, Any] | None = None
    held: Examples | None = None
    before: Before | None = None

    @property
    def truth(self) -> Tensor | None:
        """(N,) bool: which training labels are wrong; None where none is known to be."""
        corrupted = self.train.corrupted
        return corrupted if bool(corrupted.any()) else None


def prepare(config: Settings) -> RunData:
    """Load, unbalance, set apart and corrupt, all of it drawn from the run's seed.

    Raises:
        BadInput: if the data cannot be had, or do not allow what the settings ask for.
    """
    if not isinstance(config.data, Sources):
        return _known_data(config)
    return (_outside_data if is_outside(config.data.train) else _own_data)(config, config.data)


def _known_data(config: Settings) -> RunData:
    settings, seed = resolved(config), config.student.seed
    known, keep = settings.data, settings.weights.keep_clean_in_train
    assert isinstance(known, ResolvedKnown)
    whole, test = load(known.dataset, known.data_root, known.download)
    classes = len(whole.classes)
    whole = _unbalanced(config.injected, whole, seed)
    split = clean_split(whole.y, known.clean_per_class, seed, keep, classes=classes)
    train, unchecked = whole.select(split.train), ~split.clean_in_train
    return RunData(_corrupted(config.injected, train, unchecked, seed), whole.select(split.clean), test)


def _own_data(config: Settings, sources: Sources) -> RunData:
    seed = config.student.seed
    own = read_own(sources, seed=seed, tokenizer=_tokenizer(config.student.model))
    if not own.train.task.has_classes and config.injected != Injected():
        raise BadInput(
            f"noise and imbalance are made of classes, and the task is {own.train.task.name}: leave them out"
        )
    train = _unbalanced(config.injected, own.train, seed)
    train = _corrupted(config.injected, train, torch.ones(len(train), dtype=torch.bool), seed)
    before = _true_before(config, own.before)
    return RunData(train, own.clean, own.test, own.encoding, own.names, own.notes, own.told, before=before)


def _true_before(config: Settings, before: Before | None) -> Before | None:
    """What checked examples were called, where the others have their labels as given and no more mistakes than that."""
    return before if config.injected == Injected() else None


def _tokenizer(model: str | None) -> str | None:
    """Whose pieces texts are cut into for the model; None for pieces of their own."""
    if model is None:
        return OPEN
    return model.removeprefix(PREFIX) if model.startswith(PREFIX) else minilm.NAME if model == minilm.NAME else None


def _outside_data(config: Settings, sources: Sources) -> RunData:
    seed = config.student.seed
    train, clean, test, before, notes = from_sources.parts_of(sources, seed)
    options = dict(getattr(source_named(sources.train), "model_options", {}))
    train = _unbalanced(config.injected, train, seed)
    train = _corrupted(config.injected, train, torch.ones(len(train), dtype=torch.bool), seed)
    encoding, before = from_sources.encoding_of(train, options), _true_before(config, before)
    return RunData(train, clean, test, encoding, notes=tuple(notes), before=before)


def with_clean_kept(config: Settings, data: RunData) -> RunData:
    """Own data with the clean examples among those to train on, where the settings ask for it."""
    if data.encoding is None or not config.weights.keep_clean_in_train:
        return data
    return data._replace(train=joined(data.train, data.clean))


def with_held_back(config: Settings, data: RunData) -> RunData:
    """The data with a share of the clean examples apart, class by class, where the settings choose the epoch by them.

    Raises:
        BadInput: if there are too few.
    """
    if config.student.patience is None:
        return data
    y, count = data.clean.y, len(data.clean)
    try:
        groups = y.numpy() if data.clean.task.has_classes else None
        mask = hold_out(groups, count, HELD_BACK, config.student.seed)
    except BadInput as few:
        raise BadInput(
            f"{count} clean examples are too few to hold some back for --patience: check more, or leave it out"
        ) from few
    held = data.clean.select(torch.from_numpy(mask))
    train = data.train.select(~torch.isin(data.train.ids, held.ids))
    said = f"{len(held)} of the {count} clean examples are held back to choose the epoch by, beside the test set"
    clean = data.clean.select(torch.from_numpy(~mask))
    return data._replace(train=train, clean=clean, held=held, notes=(*data.notes, said))


def joined(one: Examples, other: Examples) -> Examples:
    """The examples of both, one after the other."""
    y, ids = (torch.cat([getattr(part, name) for part in (one, other)]) for name in ("y", "ids"))
    whole = Examples(inputs_joined(one.x, other.x), y, ids, one.classes, task=one.task)
    if one.true_y is one.y and other.true_y is other.y:
        return whole
    return replace(whole, true_y=torch.cat([one.true_y, other.true_y]))


def _unbalanced(injected: Injected, examples: Examples, seed: int) -> Examples:
    factor = parse_imbalance(injected.imbalance)
    if factor is None:
        return examples
    return examples.select(long_tail(examples.y, len(examples.classes), factor, seed))


def _corrupted(injected: Injected, examples: Examples, unchecked: Tensor, seed: int) -> Examples:
    if injected.noise == "none":
        return examples
    labels = examples.y.clone()
    noise = parse_noise(injected.noise)
    labels[unchecked] = noise.apply(labels[unchecked], len(examples.classes), seed).labels
    return examples.with_labels(labels)
