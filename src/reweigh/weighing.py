"""From a batch to its weights by a rule that does not learn: what it needs is worked out, examined, weighed and counted."""

import functools

import torch
from torch import Tensor

from reweigh.alignment import EngineTask, Weighted
from reweigh.clean_gradient import CleanGradient
from reweigh.culprits import clean_examples
from reweigh.learning import Setup
from reweigh.progress import Progress
from reweigh.rules import Evidence, Rule
from reweigh.step import Clean, examine


class Weigher:
    """The Reweigher's half for rules that do not learn, and for the batches of the warm-up."""

    def __init__(self, rule: Rule, setup: Setup, gradient: CleanGradient) -> None:
        self._rule, self._at, self._gradient = rule, setup, gradient

    def weigh(self, task: EngineTask, progress: Progress) -> Tensor:
        """The weights, (B,), detached; the model is left as found.

        Raises:
            NonFinite: if a loss, the clean side, an alignment or a weight is not finite; then nothing is counted.
        """
        clean = self._clean()
        alignments = losses = None
        if clean is not None:
            alignments = self._at.engine.alignments(task, clean.towards)
        if alignments is None or "losses" in self._rule.needs:
            losses = task.student.unscaled(task.losses_alone())
        return self._weights(progress, task, clean, alignments, losses)

    def backward(self, task: EngineTask, progress: Progress) -> Weighted:
        """As `weigh`, from the pass that trains where the engine can, and the gradient of Σ w_i ℓ_i is added to `.grad`."""
        clean = self._clean()
        if clean is not None:
            weigh = functools.partial(self._weights, progress, task, clean)
            return self._at.engine.backward(task, clean.towards, weigh)
        losses = task.training_losses()
        alone = task.student.unscaled(losses.detach())
        weights = self._weights(progress, task, None, None, alone)
        torch.autograd.backward(losses, weights)
        return Weighted(alone, weights)

    def _clean(self) -> Clean | None:
        """The direction for this batch and its clean loss, if the rule needs alignments."""
        return self._gradient.next() if "alignments" in self._rule.needs else None

    def _weights(
        self,
        done: Progress,
        task: EngineTask,
        clean: Clean | None,
        alignments: Tensor | None,
        losses: Tensor | None,
    ) -> Tensor:
        """The rule's weights, checked and reported; ends the step. The rule sees nothing that is not finite."""
        at, batch = self._at, task.batch
        like = alignments if alignments is not None else losses
        assert like is not None
        ids = at.ids(batch)
        if clean is not None and alignments is not None:
            alignments = clean.undone(alignments)
        bad_clean = functools.partial(clean_examples, at.clean_student, self._gradient.batch, at.ids)
        examine(done.step + 1, losses, alignments, clean, ids, bad_clean)
        evidence = Evidence(len(like), like, batch, alignments, losses, at.labels)
        weights = self._rule.weigh(evidence).detach().to(like.dtype)
        done.count(weights, alignments, losses, clean, ids)
        if clean is not None and done.report is not None:
            self._gradient.used(done.report.direction_norm)
            done.see(undecided=at.engine.chosen is None)
        return weights
