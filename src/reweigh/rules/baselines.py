"""What a rule that learns must beat: the baselines of Ren et al. 2018 (section 4.1), and the oracle.

All weights sum to one over the batch, so that every rule trains with the same effective learning rate.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from reweigh import distributed
from reweigh._types import BatchGetter
from reweigh.errors import BadInput, NonFinite
from reweigh.rules.materials import Materials, NoOptions
from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence, Rule, to_sum_one, whole_labels


@rule("uniform", title="plain training")
class Uniform(Rule):
    """Plain training: every example counts 1/B."""

    words: ClassVar[str] = "every example counts alike, as in plain training"
    tells_apart: ClassVar[bool] = False

    def weigh(self, evidence: Evidence) -> Tensor:
        """1/B for each of the B examples."""
        return to_sum_one(torch.ones_like(evidence.like))


@rule("random", title="random weights")
class RandomRectified(Rule):
    """max(z_i, 0) / Σ max(z_j, 0), z standard normal (equation 16): the control for any rule that zeroes half a batch."""

    def __init__(self, seed: int = 0) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    @classmethod
    def made(cls, materials: Materials, options: NoOptions) -> Self:
        """With a seed of its own."""
        return cls(materials.seed("random weights"))

    def weigh(self, evidence: Evidence) -> Tensor:
        """Drawn anew for each batch, from the rule's own generator: as one rank would for all ranks' examples in a row."""
        sizes = distributed.sizes(evidence.size, evidence.like.device)
        drawn = torch.randn(sum(sizes), generator=self._generator, dtype=torch.float32, device="cpu")
        z = drawn.split(sizes)[distributed.rank()]
        return to_sum_one(z.clamp(min=0).to(evidence.like))

    def state_dict(self) -> dict[str, Any]:
        """The generator's state."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on drawing where the other left off."""
        self._generator.set_state(state["generator"])


@rule("proportion", needs={"classes"})
class ClassProportion(Rule):
    """Every class counts alike over an epoch: the inverse of its frequency in the training set.

        w_i = N / (C·n_c) / B      with N examples, n_c of them in the class c, and C classes that have any

    The weights of a batch sum to one on average, not each time: were they made to, a batch without a rare class would
    count as in plain training.
    """

    def __init__(self, counts: Sequence[int] | Tensor) -> None:
        self._counts = torch.as_tensor(counts, dtype=torch.float64)
        countable = bool((torch.isfinite(self._counts) & (self._counts >= 0)).all())
        if self._counts.ndim != 1 or not countable or not bool(self._counts.any()):
            raise BadInput("class counts must be a list of the number of training examples of each class, not all zero")

    @classmethod
    def made(cls, materials: Materials, options: NoOptions) -> Self:
        """For the training set's class sizes."""
        return cls(materials.sizes)

    def weigh(self, evidence: Evidence) -> Tensor:
        """By the given label's class."""
        with distributed.together(evidence.like.device):
            labels = evidence.labels
            if int(labels.min()) < 0 or int(labels.max()) >= len(self._counts):
                raise BadInput(
                    f"the batch has labels from {int(labels.min())} to {int(labels.max())} but class counts were "
                    f"given for 0 to {len(self._counts) - 1}"
                )
        classes = int((self._counts > 0).sum())
        size = distributed.size_of_batch(evidence.size, evidence.like.device)
        of_class = self._counts.sum() / (classes * self._counts.clamp(min=1) * size)
        return of_class.to(evidence.like)[labels]


@rule("resampling", needs={"classes"})
class ClassResampling(Rule):
    """Class-balanced mini-batches: every class is drawn equally often, and within a batch all examples count alike."""

    def weigh(self, evidence: Evidence) -> Tensor:
        """1/B: the balance is in the drawing."""
        return to_sum_one(torch.ones_like(evidence.like))

    def sampling_weights(self, labels: Tensor) -> Tensor:
        """The inverse of the size of each example's class, (N,), for `torch.utils.data.WeightedRandomSampler`."""
        labels = whole_labels(labels, len(labels), labels.device)
        _, place, sizes = labels.unique(return_inverse=True, return_counts=True)
        weights: Tensor = (1 / sizes.double())[place]
        return weights


@rule("hard-mining", needs={"classes"})
class HardMining(Rule):
    """Of the majority class only the hardest examples: those of highest loss, as many as the rest of the batch has.

    The released code of Ren et al. meant this, but compared the batch's mean loss with itself and so dropped majority
    examples arbitrarily; here the losses are each example's own.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"losses"})

    def __init__(self, majority: int | None = None) -> None:
        self.majority = majority

    def weigh(self, evidence: Evidence) -> Tensor:
        """One for the kept examples and zero for the others, then summing to one. Default majority: the batch's own."""
        with distributed.together(evidence.like.device):
            labels, losses = evidence.labels, evidence.known("losses")
            if bool(losses.isnan().any()):
                raise NonFinite("a loss is NaN, so that it has no place among the hardest: look at these examples")
        return to_sum_one(distributed.over_the_batch(self._kept, labels, losses))

    def _kept(self, labels: Tensor, losses: Tensor) -> Tensor:
        majority = int(labels.mode().values) if self.majority is None else self.majority
        of_majority = labels == majority
        kept = (~of_majority).to(losses.dtype)
        # A batch of the majority class alone still teaches its hardest example.
        k = min(max(int((~of_majority).sum()), 1), int(of_majority.sum()))
        hardest = losses.masked_fill(~of_majority, float("-inf")).topk(k).indices
        return kept.index_fill(0, hardest, 1.0)


@rule("oracle", needs={"truth"})
class Oracle(Rule):
    """Knows the truth: corrupted examples count nothing, the others alike. No rule of zeros and ones can do better."""

    def __init__(self, corrupted: BatchGetter) -> None:
        self._corrupted = corrupted

    @classmethod
    def made(cls, materials: Materials, options: NoOptions) -> Self:
        """Of the labels that are known to be wrong."""
        assert materials.wrong is not None
        return cls(materials.wrong)

    def weigh(self, evidence: Evidence) -> Tensor:
        """Zero where `corrupted(batch)`, a boolean tensor (B,), is true."""
        with distributed.together(evidence.like.device):
            corrupted = torch.as_tensor(self._corrupted(evidence.batch), device=evidence.like.device)
            if corrupted.shape != (evidence.size,):
                raise BadInput(
                    f"the oracle was told of {tuple(corrupted.shape)} examples in a batch of {evidence.size}: its "
                    "function must return one boolean an example"
                )
            if not bool(((corrupted == 0) | (corrupted == 1)).all()):
                raise BadInput(
                    "the oracle was told numbers other than 0 and 1: its function must return one boolean an example, "
                    "true where the label is wrong"
                )
        return to_sum_one((~corrupted.bool()).to(evidence.like.dtype))
