"""The order of the data and random seeds, as pure functions of the run's seed.

Nothing here remembers anything: the order is a function of the seed and the epoch, and every other draw gets a seed of its
own from the run's seed and a name. A run that is resumed at an epoch therefore sees exactly what it would have seen, without
any of it being saved.
"""

import hashlib
import math

import torch
from torch import Tensor


def seed_for(seed: int, *purpose: str | int) -> int:
    """A seed for one purpose, unrelated to those of all other purposes: 63 bits of a hash.

    The same in every process and on every machine, unlike Python's `hash`.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


_MOST_PASSES = 100
"""Where an epoch were more, of few examples, all that is left come up many times."""


def epoch_order(count: int, *, seed: int, epoch: int, sampling: Tensor | None = None, thinned: bool = False) -> Tensor:
    """The rows (N,) of one epoch, as `drawn`."""
    return drawn(count, torch.Generator().manual_seed(seed_for(seed, "order", epoch)), sampling, thinned=thinned)


def drawn(count: int, generator: torch.Generator, sampling: Tensor | None = None, *, thinned: bool = False) -> Tensor:
    """N rows: a permutation, or in proportion to sampling weights (N,), where a rule has some.

    Those are drawn with replacement; or, `thinned`, from permutations in which an example stands as likely as its weight
    says, from 0 to 1: of N that are drawn in proportion a third would be missed though their weight is one, and others come
    up three times.
    """
    if sampling is None:
        return torch.randperm(count, generator=generator)
    weights = sampling.double()
    if not thinned or float(weights.sum()) * _MOST_PASSES < count:
        return torch.multinomial(weights, count, replacement=True, generator=generator)
    found, missing = list[Tensor](), count
    while missing > 0:
        order = torch.randperm(count, generator=generator)
        order = order[torch.rand(count, generator=generator, dtype=torch.double) < weights[order]]
        found, missing = [*found, order], missing - len(order)
    return torch.cat(found)[:count]


def steps_an_epoch(count: int, batch_size: int) -> int:
    """How many batches an epoch has."""
    return math.ceil(count / batch_size)


def by_shape(order: Tensor, shapes: Tensor, batch_size: int, *, seed: int, epoch: int) -> tuple[Tensor, ...]:
    """An epoch's rows in as many batches, each of examples of about the same shape; all are equally large but the last.

    So a step that was prepared for one batch serves many. The last has what is left, examples of any shape: the long ones
    would otherwise be those that few share a step of full length.
    """
    generator = torch.Generator().manual_seed(seed_for(seed, "shapes", epoch))
    size = whole_size(len(order), batch_size)
    whole, rest = order.split([len(order) - len(order) % size, len(order) % size])
    found = whole[shapes[whole].argsort(stable=True)].split(size)
    mixed = [found[place] for place in torch.randperm(len(found), generator=generator).tolist()]
    return (*mixed, rest) if len(rest) else tuple(mixed)


def whole_size(count: int, batch_size: int) -> int:
    """How large an epoch's batches are where all but the last are equally large."""
    return -(-count // steps_an_epoch(count, batch_size))


def batches(order: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """An epoch's rows in batches of at most `batch_size`, all of them, equally large to within one.

    A short last batch would give its few examples, whose weights sum to one like everybody's, a step of full
    length; equal batches do not.
    """
    return torch.tensor_split(order, steps_an_epoch(len(order), batch_size))
