"""What a rule is: from what was seen of a batch to one weight an example. No rule knows how alignments are computed."""

import abc
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from reweigh import distributed
from reweigh._types import Batch, BatchGetter
from reweigh.errors import BadInput
from reweigh.rules.materials import Materials
from reweigh.states import Seen
from reweigh.tokens import of_tokens, places


@dataclass(frozen=True)
class Evidence:
    """What is known of a batch of B examples when its weights are due; what no rule needs is not computed.

    Attributes:
        size: B.
        like: a tensor of the device and dtype that the weights are to have.
        batch: the batch itself.
        alignments: a_i = ⟨∇ℓ_i, v⟩, (B,), or None if the rule does not need them.
        losses: ℓ_i, (B,), or None likewise.
        look_up: finds the given labels in the batch.
        look_up_ids: finds the examples' ids likewise.
        counts: which tokens count, (examples, T), where the B are tokens; None where they are examples.
        seen: internal states and logits from the pass that computed the losses, or None if the rule watches nothing.
        step: how many batches were weighed before.
        clean_loss: the running mean of the clean loss, or NaN before the first.
        memory: what the rule remembered of the clean set at this time, as its `memory()` returned it.
        ids: of the examples, as the caller finds them in the batch; None without any.
    """

    size: int
    like: Tensor
    batch: Batch
    alignments: Tensor | None = None
    losses: Tensor | None = None
    look_up: BatchGetter | None = None
    look_up_ids: Callable[[Batch], Any] | None = None
    counts: Tensor | None = None
    seen: Seen | None = None
    step: int = 0
    clean_loss: float = float("nan")
    memory: Any = None
    ids: Any = None

    @cached_property
    def labels(self) -> Tensor:
        """The given labels, (B,), int64, where the weights are."""
        if self.look_up is None:
            raise BadInput("this rule needs the given labels: pass labels=, a function from a batch to a (B,) tensor")
        found = self.look_up(self.batch)
        return whole_labels(
            found if self.counts is None else of_tokens(found, self.counts), self.size, self.like.device
        )

    def labels_below(self, classes: int, known_from: str) -> Tensor:
        """The given labels, all from 0 to C − 1.

        Raises:
            BadInput: naming one that is not, and what the number of classes is known from.
        """
        labels = self.labels
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest < 0 or highest >= classes:
            raise BadInput(f"a label is {lowest if lowest < 0 else highest} but {known_from}")
        return labels

    @cached_property
    def names(self) -> list[Hashable]:
        """The examples' ids, B whole numbers: what an example is remembered by; a token by its example's and its place.

        Raises:
            BadInput: if the batch has none, or others.
        """
        found = None if self.look_up_ids is None else self.look_up_ids(self.batch)
        if self.counts is None:
            return list(whole_ids(found, self.size))
        ids, (rows, places_) = whole_ids(found, len(self.counts)), places(self.counts)
        return [(ids[row], place) for row, place in zip(rows.tolist(), places_.tolist(), strict=True)]

    def known(self, what: str) -> Tensor:
        """`alignments` or `losses`, which the rule declared in `needs`."""
        found: Tensor | None = getattr(self, what)
        if found is None:
            raise BadInput(
                f"{what} were not computed for this batch: a rule that reads them lists {what!r} in its `needs`"
            )
        return found


@dataclass(frozen=True)
class Shown:
    """What the student says of m checked examples, all finite.

    Attributes:
        seen: internal states and logits, of `Rule.places`.
        labels: their right labels, (m,), int64.
        ids: as the caller finds them, one tensor (m,); None without any.
        batches: the examples themselves.
    """

    seen: Seen
    labels: Tensor
    ids: Tensor | None
    batches: Sequence[Batch] = ()


class Rule(abc.ABC):
    """A rule for weights. Subclasses say what they need and turn it into non-negative weights."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    """What `Evidence` must hold: any of "alignments", "losses"."""
    entry: ClassVar[Any]
    """What the registry knows of it, once it is made known."""
    words: ClassVar[str] = "another rule weighs"
    """What is said where it takes over from a rule whose clean gradient has vanished."""
    thins: bool = False
    """Whether `sampling_weights` are from 0 to 1 and say how likely an example stands in each pass over them all."""
    tells_apart: ClassVar[bool] = True
    """Whether a low weight says anything of an example; not where all of them count alike."""

    @classmethod
    def made(cls, materials: Materials, options: Any) -> Self:
        """A rule of these options, a dataclass whose fields are the constructor's arguments unless a rule says otherwise."""
        return cls(**vars(options))

    def prepare(self, materials: Materials) -> None:  # noqa: B027 (most rules need no more than their batches)
        """Take note of data and student, before training begins; whoever trains calls it once."""

    def places(self, module: nn.Module) -> list[str] | None:
        """Which internal states of the student to watch (see `reweigh.states`); None: nothing, not even the logits."""
        return None

    def wants_checked(self, step: int) -> int | None:
        """How many checked examples it is to be shown before the batch of this step; 0 for none, None for all there are."""
        return 0

    def see_checked(self, shown: Shown) -> None:  # noqa: B027 (most rules are shown none)
        """Take note of what the student, as it is now, says of checked examples."""

    @abc.abstractmethod
    def weigh(self, evidence: Evidence) -> Tensor:
        """The weights, (B,), that multiply the examples' losses: the student descends Σ w_i ℓ_i."""

    def sampling_weights(self, labels: Tensor) -> Tensor | None:
        """How often each example of a data set is to be drawn, (N,), in proportion; None for plain shuffling."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to give the same weights."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027 (most rules keep nothing)
        """Take up where `state_dict` left off."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def whole_labels(found: Any, size: int, device: torch.device) -> Tensor:
    """Labels as a user's function or batch gives them, as (size,) int64 on the device.

    Raises:
        BadInput: if they are of another shape, or no whole numbers.
    """
    try:
        labels = torch.as_tensor(found).to(device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(
            f"the labels are a {type(found).__name__} that makes no tensor: number the classes 0, 1, …"
        ) from error
    if labels.shape != (size,):
        raise BadInput(
            f"the labels have shape {tuple(labels.shape)} but there are {size} losses: one label "
            "an example is needed, pass labels= if they lie elsewhere in the batch"
        )
    if labels.is_complex() or (labels.is_floating_point() and not bool((labels == labels.floor()).all())):
        raise BadInput(
            "the labels are no whole numbers: pass labels=, a function from a batch to classes 0, 1, …, (B,)"
        )
    if labels.is_floating_point() and not bool((labels.abs() < 2**53).all()):
        raise BadInput("a label is infinite: pass labels=, a function from a batch to classes 0, 1, …, (B,)")
    return labels.long()


def id_tensor(found: Any, size: int) -> Tensor | None:
    """Ids that are a tensor of one whole number an example, as (size,) int64 on the CPU; None if they are anything else."""
    if isinstance(found, Tensor) and found.shape == (size,) and not found.is_floating_point():
        return found.detach().cpu().long()
    return None


def whole_ids(found: Any, size: int) -> list[int]:
    """Ids as a user's function or batch gives them, as whole numbers.

    Raises:
        BadInput: if there are none, or others than one whole number an example.
    """
    try:
        ids = None if found is None else torch.as_tensor(found)
    except (TypeError, ValueError, RuntimeError):
        ids = None
    if ids is None:
        raise BadInput(
            "this rule knows examples by their ids, and the batch has none that are whole numbers: put them under 'id', or "
            "pass ids=, a function from a batch to (B,) whole numbers"
        )
    if ids.shape != (size,) or ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise BadInput(
            f"the ids have shape {tuple(ids.shape)} and are {ids.dtype}: give one whole number for each of {size} examples"
        )
    return [int(name) for name in ids.tolist()]


def to_sum_one(weights: Tensor) -> Tensor:
    """w̃ / (Σ w̃ + δ(Σ w̃)): the weights of a batch sum to one, or stay zero where all are (Ren et al. 2018, equation 9).

    Their scale drops out before they are added up, by a power of two, so exactly: no sum overflows, however large they are,
    and none is lost, however small. Half precision is added up in single. With several ranks the sum is over all of them,
    times their number, since their gradients are averaged afterwards; or over each one's own (`distributed.weights_over`).
    """
    wide = weights.float() if weights.dtype in (torch.float16, torch.bfloat16) else weights
    ranks = distributed.ranks_normalised()
    largest = wide.detach().amax() if wide.numel() else wide.new_zeros(())
    largest = distributed.largest(largest) if ranks > 1 else largest
    unit = largest / (2 * torch.frexp(largest).mantissa)  # the largest power of two up to it
    scaled = wide / torch.where(largest > 0, unit, torch.ones_like(unit))
    total = distributed.summed_with_gradient(scaled.sum()) if ranks > 1 else scaled.sum()
    share = scaled * ranks / torch.where(total == 0, torch.ones_like(total), total)
    return share.to(weights.dtype)
