"""From a batch to its weights by a rule that does not learn: what it needs is worked out, examined, weighed and counted."""

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from reweigh import rng
from reweigh.alignment import EngineTask, Weighted
from reweigh.alignment.by_capture import training
from reweigh.batches import BATCH_NORMS, found_in
from reweigh.checked_pass import show
from reweigh.clean_gradient import CleanGradient
from reweigh.culprits import clean_examples
from reweigh.errors import BadInput
from reweigh.learning import Setup
from reweigh.progress import Progress
from reweigh.rules import Evidence, Rule
from reweigh.states import Look, Seen
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
        places = self._places(task, progress)
        clean = self._clean()
        alignments = losses = seen = None
        if clean is not None:
            alignments = self._at.engine.alignments(task, clean.towards)
        if alignments is None or "losses" in self._rule.needs or places is not None:
            losses, seen = self._look(task, places)
            losses = task.student.unscaled(losses)
        return task.placed(self._weights(progress, task, clean, alignments, losses, seen))

    def backward(self, task: EngineTask, progress: Progress) -> Weighted:
        """As `weigh`, from the pass that trains where the engine can, and the gradient of Σ w_i ℓ_i is added to `.grad`."""
        places = self._places(task, progress)
        clean = self._clean()
        if clean is not None:
            seen = None if places is None else self._look(task, places)[1]
            weigh = functools.partial(self._weights, progress, task, clean, seen=seen)
            losses, weights = self._at.engine.backward(task, clean.towards, weigh)
            return Weighted(task.placed(losses), task.placed(weights))
        look = Look(places, compiled=task.compiled)
        if (pass_ := training(task, look)) is None:
            with look.at(task.module, task.batch):
                losses = task.training_losses()
            back: Callable[[Tensor], None] = functools.partial(torch.autograd.backward, losses)
        else:
            losses, back = pass_.losses, pass_.back
        alone = task.student.unscaled(losses.detach())
        weights = self._weights(progress, task, None, None, alone, _detached(look, alone))
        back(weights)
        return Weighted(task.placed(alone), task.placed(weights))

    def backward_parts(self, whole: EngineTask, tasks: Sequence[EngineTask], progress: Progress) -> Weighted:
        """As `backward` of one batch that is `whole`, part by part: all are looked at, then weighed, then trained on.

        Each part draws the same in both of its passes, and other numbers than the next part.

        Raises:
            BadInput: for tokens, a rule that reads internal states or looks into batches, or batch normalisation.
        """
        if any(isinstance(part, BATCH_NORMS) and part.training for part in whole.walk.parts):
            raise BadInput(
                "batch normalisation looks at each of several batches by itself, and not at the step that they make: take a "
                "model without it, or weigh each batch by itself"
            )
        if whole.per == "token" or self._places(whole, progress) is not None:
            raise BadInput(
                "batches that make one step have one weight an example, by losses and alignments alone: take such a rule, "
                "or weigh each batch by itself"
            )
        clean, devices, drawn = self._clean(), whole.walk.devices, int(torch.randint(2**62, ()))
        alignments, losses, trained = list[Tensor](), list[Tensor](), list[Tensor]()
        with rng.kept(devices):
            for number, task in enumerate(tasks):
                rng.seed(rng.mixed(drawn, number), devices)
                if clean is not None:
                    alignments.append(self._at.engine.alignments(task, clean.towards))
                if clean is None or "losses" in self._rule.needs:
                    losses.append(task.student.unscaled(task.losses_alone()))
            found = [torch.cat(each) if each else None for each in (alignments, losses)]
            weights = self._weights(progress, whole, clean, found[0], found[1])
            each = weights.split(list(map(len, alignments or losses)))
            for number, (task, part) in enumerate(zip(tasks, each, strict=True)):
                rng.seed(rng.mixed(drawn, number), devices)
                of_part = task.training_losses()
                torch.autograd.backward(of_part, part)
                trained.append(task.student.unscaled(of_part.detach()))
        return Weighted(torch.cat(trained), weights)

    def _clean(self) -> Clean | None:
        """The direction for this batch and its clean loss, if the rule needs alignments."""
        return self._gradient.next() if "alignments" in self._rule.needs else None

    def _places(self, task: EngineTask, progress: Progress) -> list[str] | None:
        """The internal states that the rule watches; where it wants to be shown checked examples, it has been."""
        at, places = self._at, self._rule.places(task.module)
        if (most := self._rule.wants_checked(progress.step)) != 0:
            batches = at.stream.portion(most, progress.step, lambda batch: len(at.labels(batch)))
            self._rule.see_checked(show(at.clean_student, batches, places or (), at.labels, at.ids))
        return places

    def _look(self, task: EngineTask, places: list[str] | None) -> tuple[Tensor, Seen | None]:
        """The losses (B,), without a graph, and what the pass shows of the states."""
        look = Look(places)
        with look.at(task.module, task.batch):
            losses = task.losses_alone()
        return losses, _detached(look, losses)

    def _weights(
        self,
        done: Progress,
        task: EngineTask,
        clean: Clean | None,
        alignments: Tensor | None,
        losses: Tensor | None,
        seen: Seen | None = None,
    ) -> Tensor:
        """The rule's weights, checked and reported; ends the step. The rule sees nothing that is not finite."""
        at, batch = self._at, task.batch
        like = alignments if alignments is not None else losses
        assert like is not None
        ids = task.each(found_in(batch, at.ids))
        if clean is not None and alignments is not None:
            alignments = clean.undone(alignments)
        bad_clean = functools.partial(clean_examples, at.clean_student, self._gradient.batch, at.ids)
        examine(done.step + 1, losses, alignments, clean, ids, bad_clean)
        labels, names = (functools.partial(found_in, look_up=look_up) for look_up in (at.labels, at.ids))
        evidence = Evidence(
            len(like), like, batch, alignments, losses, labels, names, task.tokens, seen, done.step, ids=ids
        )
        weights = self._rule.weigh(evidence).detach().to(like.dtype)
        done.count(weights, alignments, losses, clean, ids, task.tokens)
        if clean is not None and done.report is not None:
            self._gradient.used(done.report.direction_norm)
            done.see(undecided=at.engine.chosen is None)
        return weights


def _detached(look: Look, losses: Tensor) -> Seen | None:
    """What was seen of as many examples, without a graph."""
    seen = look.checked(len(losses))
    return None if seen is None else seen.detached()
