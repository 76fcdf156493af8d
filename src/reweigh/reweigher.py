"""The Reweigher: clean stream + clean direction + alignments + rule, as a training loop wants them.

reweigher = Reweigher(model, per_example_loss, rule=L2RW(), clean=clean_loader)
for batch in train_loader:
    optimizer.zero_grad()
    losses, weights = reweigher.backward(batch)
    optimizer.step()
"""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reweigh import distributed
from reweigh._types import Batch, LayerChoice, Look, PerExampleLoss
from reweigh.alignment import Checked, Engine, Selection, Task, Weighted
from reweigh.clean_gradient import CleanGradient, gradient_of
from reweigh.clean_stream import clean_stream
from reweigh.errors import BadInput
from reweigh.fields import ids_in, labels_in
from reweigh.learning import Learner, Learning, Looked, Student
from reweigh.optimizers.wrapped import has_stepped, unwrapped
from reweigh.presets import preset_named
from reweigh.rules import Evidence, LearnedRule, Rule, Uniform
from reweigh.step import Clean, GradientWatch, StepReport, report
from reweigh.student import last_layers, undisturbed, unwrap


class Reweigher:
    """Gives every example of a batch a weight such that a step on the weighted batch lowers the clean loss.

    Args:
        model: the student, as it is trained; wrappers (DDP, `torch.compile`) may stay on.
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
        model: nn.Module,
        per_example_loss: PerExampleLoss,
        *,
        rule: Rule,
        clean: Any,
        engine: str | Engine = "auto",
        layers: LayerChoice = None,
        optimizer: Optimizer | None = None,
        learning: Learning | None = None,
        labels: Look = labels_in,
        ids: Callable[[Batch], Tensor | None] = ids_in,
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
        if not isinstance(rule, Rule):
            raise BadInput(f"rule= is {rule!r}, not a rule object: pass for instance L2RW()")
        self._model, self._loss, self._clean_loss = model, per_example_loss, clean_loss or per_example_loss
        self.rule, self._warm_up_rule, self._warm_up = rule, Uniform(), warm_up
        self._engine = Checked(engine) if isinstance(engine, str) else engine
        if (chosen := preset_named(preset)).last_layers and layers is None:
            layers = last_layers(unwrap(model)) or None
        self._given_optimizer, optimizer = optimizer, unwrapped(optimizer)
        self._layers, self._optimizer = layers, optimizer
        self._labels, self._ids = labels, ids
        self._stream = clean_stream(clean, batch_size=clean_batch_size, seed=seed, rank=distributed.rank())
        gradient = gradient_of(model, self._clean_loss, optimizer, layers, clean_weight_decay)
        self._clean_gradient = CleanGradient(self._stream, gradient, every=clean_every, average=clean_average)
        self._selection = Selection() if (chosen.skip_zeros if skip_zeros is None else skip_zeros) else None
        self._step = 0
        self._watch = GradientWatch()
        self.report: StepReport | None = None
        if learning is not None and not isinstance(rule, LearnedRule):
            raise BadInput(f"learning= was given, but the {rule.name} rule has nothing to learn: leave it out")
        if isinstance(rule, LearnedRule) and (self._clean_gradient.keeps or skip_zeros):
            raise BadInput(
                f"the {rule.name} rule learns from the clean gradient where each step led: leave out clean_every=, "
                "clean_average= and skip_zeros=, and let it learn more rarely by Learning(every=...)"
            )
        self._learner = self._learner_of(rule, learning or Learning()) if isinstance(rule, LearnedRule) else None

    def weigh(self, batch: Batch) -> Tensor:
        """The weights of a batch, (B,), detached; the model and all it holds are left as found.

        Use them as `losses.backward(weights)`, with losses of your own forward pass, which draws the same dropout masks.

        Raises:
            NonFinite: if a loss, the clean gradient, an alignment or a weight is not finite, with the ids of the batch.
            EngineRefused: if the engine asked for cannot be right for this model.
        """
        task = Task(self._model, self._loss, batch, self._layers)
        if (learner := self._learner_now()) is not None:
            return self._learned_weights(learner, learner.look(task, self._step, training=False))
        clean = self._clean()
        alignments = losses = None
        if clean is not None:
            alignments = self._engine.alignments(task, clean.direction)
        if alignments is None or "losses" in self._rule_now().needs:
            with undisturbed(task.module), torch.no_grad():
                losses = task.losses()
        return self._weights(batch, clean, alignments, losses)

    def backward(self, batch: Batch) -> Weighted:
        """One forward pass of training and the gradient of Σ w_i ℓ_i added to `.grad`; returns losses and weights, (B,).

        The same weights and gradients as `weigh` and `losses.backward(weights)`, but passes are shared where the engine
        can. Buffers and random number generators move on as in one plain forward pass.

        Raises:
            NonFinite, EngineRefused: as `weigh`, before any gradient is added.
        """
        task = Task(self._model, self._loss, batch, self._layers)
        if (learner := self._learner_now()) is not None:
            return self._backward_learned(task, learner)
        clean = self._clean()
        if clean is not None:
            weigh = functools.partial(self._weights, batch, clean)
            return self._engine.backward(task, clean.direction, weigh, selection=self._selection)
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

        Other rules have nothing to do. Fills in what `report` could not know before.

        Raises:
            NonFinite: if the clean loss, its gradient, or what the rule learns from it is not finite.
            BadInput: if the gradients are gone already.
        """
        if (learner := self._learner_now()) is None or not has_stepped(self._given_optimizer):
            return
        learned = learner.after_step()
        if learned is not None and self.report is not None:
            self.report = replace(
                self.report,
                alignments=learned.alignments,
                direction_norm=float(learned.clean.norm),
                clean_loss=float(learned.clean.loss),
            )
            self._watch.see(self.report.direction_norm)

    def explain(self) -> str:
        """Which engine computes the alignments, and why; for a teacher, which internal states it reads."""
        engine = self._engine.explain() if isinstance(self._engine, Checked) else f"{self._engine!r}, as given"
        places = self.rule.places(unwrap(self._model))
        states = f"internal states: {', '.join(places)}" if places else ""
        more = self._learner.explain() if self._learner else self._selection.reason if self._selection else ""
        return "\n".join(line for line in (engine, more, states) if line)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to give the same weights: rule, clean stream, engine choice, step."""
        return {
            "rule": self.rule.name,
            "rule_state": self.rule.state_dict(),
            "clean": self._stream.state_dict(),
            "clean_gradient": self._clean_gradient.state_dict(),
            "engine": self._engine.state_dict() if isinstance(self._engine, Checked) else None,
            "step": self._step,
            "watch": self._watch.state_dict(),
            "learner": None if self._learner is None else self._learner.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadInput: if the state is another rule's, or was made with another clean set.
        """
        if state["rule"] != self.rule.name:
            raise BadInput(
                f"the checkpoint was made with the rule {state['rule']!r}, not {self.rule.name!r}: resume with it"
            )
        self.rule.load_state_dict(state["rule_state"])
        self._stream.load_state_dict(state["clean"])
        self._clean_gradient.load_state_dict(state.get("clean_gradient"))
        if isinstance(self._engine, Checked) and state["engine"] is not None:
            self._engine.load_state_dict(state["engine"])
        self._watch.load_state_dict(state["watch"])
        self._step = state["step"]
        if self._learner is not None and state["learner"] is not None:
            self._learner.load_state_dict(state["learner"])

    def _learner_of(self, rule: LearnedRule, learning: Learning) -> Learner:
        student = Student(
            self._model,
            self._loss,
            self._clean_loss,
            self._optimizer,
            self._engine,
            self._layers,
            self._stream.next,
            self._labels,
        )
        return Learner(rule, learning, student)

    def _learner_now(self) -> Learner | None:
        """The learner, once the warm-up is over."""
        return self._learner if self._rule_now() is self.rule else None

    def _backward_learned(self, task: Task, learner: Learner) -> Weighted:
        looked = learner.look(task, self._step, training=True)
        weights = self._learned_weights(learner, looked)
        torch.autograd.backward(looked.losses, weights)
        learner.graded()
        return Weighted(looked.losses.detach(), weights)

    def _learned_weights(self, learner: Learner, looked: Looked) -> Tensor:
        weights, learned = learner.weigh(looked)
        clean, alignments = learned or (None, None)
        ids = self._ids(looked.task.batch)
        self.report = report(self._step + 1, weights, alignments, looked.evidence.losses, clean, ids)
        self._step += 1
        learner.record(looked, weights)
        return weights

    def _rule_now(self) -> Rule:
        return self.rule if self._step >= self._warm_up else self._warm_up_rule

    def _clean(self) -> Clean | None:
        """The direction for this batch and its clean loss, if the rule of the moment needs alignments."""
        return self._clean_gradient.next() if "alignments" in self._rule_now().needs else None

    def _weights(self, batch: Batch, clean: Clean | None, alignments: Tensor | None, losses: Tensor | None) -> Tensor:
        """The rule's weights, checked and reported; ends the step."""
        like = alignments if alignments is not None else losses
        assert like is not None
        weights = self._rule_now().weigh(Evidence(len(like), like, batch, alignments, losses, self._labels)).detach()
        self.report = report(self._step + 1, weights, alignments, losses, clean, self._ids(batch))
        self._step += 1
        if clean is not None:
            self._clean_gradient.used()
            self._watch.see(self.report.direction_norm)
        return weights
