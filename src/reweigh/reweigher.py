"""The Reweigher: clean stream + clean direction + alignments + rule, as a training loop wants them.

reweigher = Reweigher(model, per_example_loss, rule=L2RW(), clean=clean_loader)
for batch in train_loader:
    optimizer.zero_grad()
    losses, weights = reweigher.backward(batch)
    optimizer.step()
"""

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from reweigh import distributed
from reweigh._types import Batch, LayerChoice, Look, PerExampleLoss
from reweigh.alignment import Checked, Engine, Selection, Task, Weighted
from reweigh.arguments import check_rule, check_together
from reweigh.as_found import kept_if_failed, parts_of
from reweigh.clean_gradient import CleanGradient, gradient_of
from reweigh.clean_stream import clean_stream
from reweigh.culprits import clean_examples
from reweigh.errors import BadInput
from reweigh.fields import ids_in, labels_in
from reweigh.first_look import first_look
from reweigh.learning import Learner, Learning, Student
from reweigh.optimizers.wrapped import has_stepped, unwrapped
from reweigh.presets import preset_named
from reweigh.progress import Progress
from reweigh.rules import Evidence, LearnedRule, Rule, Uniform
from reweigh.several import held, unwrap
from reweigh.step import Clean, StepReport, examine
from reweigh.trained import last_layers
from reweigh.undo import remember, whole

_Out = TypeVar("_Out")


def _weighing(call: Callable[["Reweigher", Batch], _Out]) -> Callable[["Reweigher", Batch], _Out]:
    """A public call that weighs a batch: done or not begun, and by itself."""

    @functools.wraps(call)
    def by_itself(self: "Reweigher", batch: Batch) -> _Out:
        self._begin()
        before = self._versions()
        done = call(self, batch)
        if self._versions() != before:
            raise BadInput(
                "the parameters were changed while a batch was being weighed: where several threads share a model, let one "
                "of them at a time weigh, pass backward and step"
            )
        return done

    return whole(by_itself)


class Reweigher:
    """Gives every example of a batch a weight such that a step on the weighted batch lowers the clean loss.

    Args:
        model: the student, as it is trained; wrappers (DDP, `torch.compile`) may stay on. Where a criterion or the like has
            parameters too, a list or dict of modules, which the loss is then called with.
        per_example_loss: `(model, batch) -> (B,)`; it must call the model that it is given.
        rule: from what is seen of an example to its weight: `L2RW()`, `MetaWeightNet()`, or another of `reweigh.rules`.
        clean: the clean set: a Dataset, a DataLoader or list of batches, or a dict or tuple of tensors.
        engine: how alignments are computed: "auto", "ghost", "forward", "finite", "double", or an engine object.
        layers: only the parameters inside these submodules (glob patterns or a predicate).
        optimizer: the student's; look ahead through its step. Default: plain SGD's, as in Ren et al.; a rule that learns
            needs it.
        learning: how a rule that learns does so; call `after_step()` after the optimizer's step then.
        labels: finds the given labels in a batch; default: by the usual names.
        ids: finds the examples' ids likewise.
        clean_loss: as `per_example_loss`, for clean batches, where they need another one.
        preset: "exact", or "fast": the last quarter of the layers, zero weights skipped; other arguments count before it.
        clean_batch_size: M, where `clean` is a Dataset or tensors; default 100 or all of it.
        clean_every: k, how many batches one clean gradient serves; default 1.
        clean_average: β of a running mean over clean gradients; default 0, none.
        skip_zeros: run the training pass over the examples with a weight only, where that gives the same gradient.
        clean_weight_decay: λ adds λθ to the clean gradient, as the released code of Ren et al. does.
        warm_up: so many first batches count uniformly; a cold model's gradients tell little.
        seed: of the clean stream's order.

    Raises:
        BadInput: here or at the first batch, in one sentence, where an argument cannot be used.
    """

    def __init__(
        self,
        model: Any,
        per_example_loss: PerExampleLoss,
        *,
        rule: Rule,
        clean: Any,
        engine: str | Engine = "auto",
        layers: LayerChoice = None,
        optimizer: Optimizer | None = None,
        learning: Learning | None = None,
        labels: Look = labels_in,
        ids: Callable[[Batch], Any] = ids_in,
        clean_loss: PerExampleLoss | None = None,
        preset: str = "exact",
        clean_batch_size: int | None = None,
        clean_every: int = 1,
        clean_average: float = 0.0,
        skip_zeros: bool | None = None,
        clean_weight_decay: float = 0.0,
        warm_up: int = 0,
        seed: int = 0,
    ) -> None:
        check_rule(rule)
        self._model, self._loss, self._clean_loss = held(model), per_example_loss, clean_loss or per_example_loss
        self.rule, self._warm_up_rule, self._warm_up = rule, Uniform(), warm_up
        self._engine = Checked(engine) if isinstance(engine, str) else engine
        if (chosen := preset_named(preset)).last_layers and layers is None:
            layers = last_layers(unwrap(self._model)) or None
        self._given_optimizer, optimizer = optimizer, unwrapped(optimizer)
        self._layers, self._optimizer = layers, optimizer
        self._labels, self._ids = labels, ids
        self._stream = clean_stream(clean, batch_size=clean_batch_size, seed=seed, rank=distributed.rank())
        gradient = gradient_of(self._model, self._clean_loss, optimizer, layers, clean_weight_decay)
        self._clean_gradient = CleanGradient(self._stream, gradient, every=clean_every, average=clean_average)
        self._selection = Selection() if (chosen.skip_zeros if skip_zeros is None else skip_zeros) else None
        self._progress = Progress()
        self._callers: set[int] = set()
        self._looked = False
        check_together(rule, learning, keeps=self._clean_gradient.keeps, skip_zeros=skip_zeros)
        self._learner = self._learner_of(rule, learning or Learning()) if isinstance(rule, LearnedRule) else None

    @property
    def report(self) -> StepReport | None:
        """What the last batch that counted was like."""
        return self._progress.report

    @_weighing
    def weigh(self, batch: Batch) -> Tensor:
        """The weights of a batch, (B,), detached; the model and all it holds are left as found.

        Use them as `losses.backward(weights)`, with losses of your own forward pass, which draws the same dropout masks.

        Raises:
            NonFinite: if a loss, the clean gradient, an alignment or a weight is not finite, with the ids of the examples.
                After any error rule, counters and report are as before; the clean set has moved on.
            EngineRefused: if the engine asked for cannot be right for this model.
        """
        task = self._task(batch)
        if (learner := self._learner_now()) is not None:
            return learner.weigh(task, self._progress)
        clean = self._clean()
        alignments = losses = None
        if clean is not None:
            alignments = self._engine.alignments(task, clean.towards)
        if alignments is None or "losses" in self._rule_now().needs:
            losses = task.losses_alone()
        return self._weights(batch, clean, alignments, losses)

    @_weighing
    def backward(self, batch: Batch) -> Weighted:
        """One forward pass of training and the gradient of Σ w_i ℓ_i added to `.grad`; returns losses and weights, (B,).

        The same weights and gradients as `weigh` and `losses.backward(weights)`, but passes are shared where the engine
        can. Buffers and random number generators move on as in one plain forward pass.

        Raises:
            NonFinite, EngineRefused: as `weigh`, before any gradient is added.
        """
        task = self._task(batch)
        kept_if_failed(task.module)
        if (learner := self._learner_now()) is not None:
            return learner.backward(task, self._progress)
        clean = self._clean()
        if clean is not None:
            weigh = functools.partial(self._weights, batch, clean)
            return self._engine.backward(task, clean.towards, weigh, selection=self._selection)
        losses = task.training_losses()
        weights = self._weights(batch, None, None, losses.detach())
        torch.autograd.backward(losses, weights)
        return Weighted(losses.detach(), weights)

    def after_backward(self) -> None:
        """To be called after a backward pass of one's own (`weigh`), where gradients are clipped before the step.

        A rule that learns sees by it how far they are. `backward` does so by itself, and other rules have no use for it.
        """
        if (learner := self._learner_now()) is not None:
            learner.graded()

    def prepare_clean(self, prepare: Callable[[Batch], Batch]) -> None:
        """Let every clean batch go through `prepare` first, such as to the device and precision of a host."""
        self._stream.prepare = prepare

    def after_step(self) -> None:
        """To be called after each `optimizer.step()`, before gradients are cleared: a rule that learns does so here.

        Other rules have nothing to do. Fills in what `report` could not know before. Where the optimizer took no step (a
        gradient scaler skips one where gradients overflow) nothing is learned from the batch.

        Raises:
            NonFinite: if the clean loss, its gradient, or what the rule learns from it is not finite; nothing is learned.
            BadInput: if the gradients are gone already.
        """
        if self._step_taken():
            self._learn()

    @whole
    def _step_taken(self) -> bool:
        """Note the step; whether the rule is to learn from it now. That holds, whatever becomes of the learning."""
        self._begin()
        learner = self._learner_now() if has_stepped(self._given_optimizer) else None
        return learner is not None and learner.step_taken()

    @whole
    def _learn(self) -> None:
        self._begin()
        assert self._learner is not None
        learned = self._learner.learn()
        self._progress.learned(learned.alignments, learned.clean)

    def explain(self) -> str:
        """Which engine computes the alignments, and why; for a teacher, which internal states it reads."""
        engine = self._engine.explain() if isinstance(self._engine, Checked) else f"{self._engine!r}, as given"
        places = self.rule.places(unwrap(self._model))
        states = f"internal states: {', '.join(places)}" if places else ""
        more = self._learner.explain() if self._learner else self._selection.reason if self._selection else ""
        return "\n".join(line for line in (engine, more, states) if line)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to give the same weights: rule, clean stream, engine choice, step."""
        kept = {name: None if part is None else part.state_dict() for name, part in self._parts().items()}
        return {"rule": self.rule.name, "step": self._progress.step, **kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadInput: if the state is another rule's, or was made with another clean set.
        """
        if state["rule"] != self.rule.name:
            raise BadInput(
                f"the checkpoint was made with the rule {state['rule']!r}, not {self.rule.name!r}: resume with it"
            )
        for name, part in self._parts().items():
            if part is not None and (state.get(name) is not None or name == "clean_gradient"):
                part.load_state_dict(state.get(name))
        self._progress.step = state["step"]

    def _parts(self) -> dict[str, Any]:
        """What has a state of its own, in the order in which states are taken up."""
        return {
            "rule_state": self.rule,
            "clean": self._stream,
            "clean_gradient": self._clean_gradient,
            "engine": self._engine if isinstance(self._engine, Checked) else None,
            "watch": self._progress.watch,
            "weightless": self._progress.weightless,
            "learner": self._learner,
        }

    def _begin(self) -> None:
        """A call that fails has not been: what is counted and kept is put back; the stream sees to itself."""
        distributed.forbid_join(self._model, self._optimizer)
        self._callers.add(threading.get_ident())
        mine = self, self.rule, self._clean_gradient, self._engine, self._selection, *self._progress.holds()
        remember(*mine, *(self._learner.holds() if self._learner else ()))

    def _versions(self) -> int | None:
        """A number that any change of a parameter raises, where several threads weigh; else a change is the model's own."""
        if len(self._callers) < 2:
            return None
        return sum(p._version for part in parts_of(self._model) for p in part._parameters.values() if p is not None)

    def _learner_of(self, rule: LearnedRule, learning: Learning) -> Learner:
        at = self._model, self._loss, self._clean_loss, self._optimizer, self._engine, self._layers
        return Learner(rule, learning, Student(*at, self._stream.next, self._labels, self._ids))

    def _learner_now(self) -> Learner | None:
        """The learner, once the warm-up is over."""
        return self._learner if self._rule_now() is self.rule else None

    def _rule_now(self) -> Rule:
        return self.rule if self._progress.step >= self._warm_up else self._warm_up_rule

    def _clean(self) -> Clean | None:
        """The direction for this batch and its clean loss, if the rule of the moment needs alignments."""
        return self._clean_gradient.next() if "alignments" in self._rule_now().needs else None

    def _weights(self, batch: Batch, clean: Clean | None, alignments: Tensor | None, losses: Tensor | None) -> Tensor:
        """The rule's weights, checked and reported; ends the step. The rule sees nothing that is not finite."""
        like = alignments if alignments is not None else losses
        assert like is not None
        done, ids = self._progress, self._ids(batch)
        if clean is not None and alignments is not None:
            alignments = clean.undone(alignments)
        bad_clean = functools.partial(
            clean_examples, self._model, self._clean_loss, self._clean_gradient.batch, self._ids
        )
        examine(done.step + 1, losses, alignments, clean, ids, bad_clean)
        evidence = Evidence(len(like), like, batch, alignments, losses, self._labels)
        weights = self._rule_now().weigh(evidence).detach().to(like.dtype)
        done.count(weights, alignments, losses, clean, ids)
        if clean is not None and done.report is not None:
            self._clean_gradient.used(done.report.direction_norm)
            done.see(undecided=isinstance(self._engine, Checked) and self._engine.chosen is None)
        return weights

    def _task(self, batch: Batch) -> Task:
        """The batch under the model, after a first look at both where weights will follow from gradients."""
        task = Task(self._model, self._loss, batch, self._layers)
        if not self._looked and (isinstance(self.rule, LearnedRule) or "alignments" in self.rule.needs):
            first_look(task.module, self._loss, batch, layers=self._layers, optimizer=self._optimizer)
            self._looked = True
        return task
