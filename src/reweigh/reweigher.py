"""The Reweigher: clean stream + clean direction + alignments + rule, as a training loop wants them.

reweigher = Reweigher(model, per_example_loss, rule=L2RW(), clean=clean_loader)
for batch in train_loader:
    optimizer.zero_grad()
    losses, weights = reweigher.backward(batch)
    optimizer.step()
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from reweigh import distributed
from reweigh._types import AnyLoss, Batch, BatchGetter, LayerChoice
from reweigh.alignment import AutoEngine, Engine, EngineTask, Selection, Weighted
from reweigh.arguments import check_rule, check_together
from reweigh.as_found import kept_if_failed
from reweigh.batches import Parts
from reweigh.capture import captures_if
from reweigh.carried import Carried
from reweigh.clean_gradient import CleanGradient, gradient_of
from reweigh.clean_stream import clean_stream
from reweigh.contrast import Contrast, contrasted
from reweigh.errors import BadInput
from reweigh.fields import ids_in, labels_in
from reweigh.first_look import first_look
from reweigh.learning import Learner, Learning, Setup
from reweigh.optimizers.wrapped import has_stepped, unwrapped
from reweigh.passes import forbid_no_grad
from reweigh.presets import preset_named
from reweigh.progress import Progress
from reweigh.rules import LearnedRule, Rule, Uniform
from reweigh.several import unwrap
from reweigh.step import StepReport
from reweigh.student import Student
from reweigh.trained import last_layers, told_of_body
from reweigh.turns import Turns, in_turn
from reweigh.undo import whole
from reweigh.weighing import Weigher


class Reweigher:
    """Gives every example of a batch a weight such that a step on the weighted batch lowers the clean loss.

    Args:
        model: the student, as it is trained; wrappers (DDP, `torch.compile`) may stay on. Where a criterion or the like has
            parameters too, a list or dict of modules, which the loss is then called with.
        per_example_loss: `(model, batch) -> (B,)`; it must call the model that it is given.
        rule: from what is seen of an example to its weight: `L2RW()`, `MetaWeightNet()`, or another of `reweigh.rules`.
        clean: the clean set: a Dataset, a DataLoader or list of batches, or a dict or tuple of tensors.
        engine: how alignments are computed: "auto", "ghost", "forward", "finite", "double", or an engine object.
        layers: only the parameters inside these submodules (glob patterns or a predicate); "body": all but embeddings and
            the output layer tied to one.
        optimizer: the student's; look ahead through its step. Default: plain SGD's, as in Ren et al.; a rule that learns
            needs it.
        learning: how a rule that learns does so; call `after_step()` after the optimizer's step then.
        labels: finds the given labels in a batch; default: by the usual names.
        ids: finds the examples' ids likewise.
        clean_loss: as `per_example_loss`, for clean batches, where they need another one.
        contrast: hold each clean example against another one, as `reweigh.contrast.OtherInput("source")`: the clean
            direction is the gradient of the difference of the two losses.
        per: what gets a weight where the loss is (losses, counts) of tokens, (B, T): "example", whose loss is the mean of
            its tokens that count, or "token"; weights are (B, T) then, zero where none counts.
        preset: "exact", or "fast": the last quarter of the layers, zero weights skipped; other arguments count before it.
        clean_batch_size: M, where `clean` is a Dataset or tensors; default 100 or all of it. Under several ranks M is each
            one's, and theirs are parts of one batch; batches that `clean` has itself all of them go through whole.
        clean_every: k, how many batches one clean gradient serves; default 1.
        clean_average: β of a running mean over clean gradients; default 0, none.
        skip_zeros: run the training pass over the examples with a weight only, where that gives the same gradient.
        clean_weight_decay: λ adds λθ to the clean gradient, as the released code of Ren et al. does.
        warm_up: so many first batches count uniformly; a cold model's gradients tell little.
        when_vanished: the rule that weighs on once the clean gradient has all but vanished, which is said once, such as
            `Uniform()`; without one there is a warning, and the weights go on.
        seed: of the clean stream's order.
        capture: record a step's passes and make them again without Python: "off"; "replay", operation by operation;
            "compile"; "cudagraph"; "auto", the latter where the model is on such a device. See what `explain()` says of it.

    Raises:
        BadInput: here or at the first batch, in one sentence, where an argument cannot be used.
    """

    def __init__(
        self,
        model: Any,
        per_example_loss: AnyLoss,
        *,
        rule: Rule,
        clean: Any,
        engine: str | Engine = "auto",
        layers: LayerChoice = None,
        optimizer: Optimizer | None = None,
        learning: Learning | None = None,
        labels: BatchGetter = labels_in,
        ids: Callable[[Batch], Any] = ids_in,
        clean_loss: AnyLoss | None = None,
        contrast: Contrast | None = None,
        per: str = "example",
        preset: str = "exact",
        clean_batch_size: int | None = None,
        clean_every: int = 1,
        clean_average: float = 0.0,
        skip_zeros: bool | None = None,
        clean_weight_decay: float = 0.0,
        warm_up: int = 0,
        when_vanished: Rule | None = None,
        seed: int = 0,
        capture: str = "off",
    ) -> None:
        check_rule(rule)
        self.rule, self._warm_up = rule, warm_up
        if (chosen := preset_named(preset)).last_layers and layers is None:
            layers = last_layers(unwrap(model)) or None
        self._student = Student(model, per_example_loss, layers, per=per)
        self._student.captures = captures_if(capture)
        skips = chosen.skip_zeros if skip_zeros is None else skip_zeros
        self._engine = AutoEngine(engine, Selection() if skips else None)
        self._given_optimizer, self._optimizer = optimizer, unwrapped(optimizer)
        # A contrast pairs the examples of a whole batch.
        ranks = (0, 1) if contrast else (distributed.rank(), distributed.world_size())
        self._stream = clean_stream(clean, batch_size=clean_batch_size, seed=seed, ranks=ranks)
        clean_student = self._student.with_loss(contrasted(contrast, clean_loss or per_example_loss, self._stream))
        clean_student.captures = None if contrast else self._student.captures  # a contrast draws, by numbers of its own
        self._at = Setup(self._student, clean_student, self._optimizer, self._engine, self._stream, labels, ids)
        gradient = gradient_of(clean_student, self._optimizer, clean_weight_decay)
        self._clean_gradient = CleanGradient(self._stream, gradient, every=clean_every, average=clean_average)
        self._when_vanished = when_vanished
        self._progress = Progress(None if when_vanished is None else when_vanished.words)
        self._turns = Turns(self._student.model, self._optimizer)
        self._model_examined = False
        check_together(rule, learning, keeps=self._clean_gradient.keeps, skip_zeros=skip_zeros)
        self._learner = Learner(rule, learning or Learning(), self._at) if isinstance(rule, LearnedRule) else None

    @property
    def report(self) -> StepReport | None:
        """What the last batch that counted was like."""
        return self._progress.report

    @in_turn
    def weigh(self, batch: Batch) -> Tensor:
        """The weights of a batch, (B,), or (B, T) of tokens, detached; the model and all it holds are left as found.

        Use them as `losses.backward(weights)`, with losses of your own forward pass, which draws the same dropout masks.

        Raises:
            NonFinite: if a loss, the clean gradient, an alignment or a weight is not finite, with the ids of the examples.
                After any error rule, counters and report are as before; the clean set has moved on.
            EngineRefused: if the engine asked for cannot be right for this model.
        """
        return self._half().weigh(self._task(batch), self._progress)

    @in_turn
    def backward(self, batch: Batch) -> Weighted:
        """One forward pass of training and the gradient of Σ w_i ℓ_i added to `.grad`; returns losses and weights, (B,).

        Of tokens both are (B, T), zero where none counts. The same weights and gradients as `weigh` and
        `losses.backward(weights)`, but passes are shared where the engine can. Buffers and random number generators move on
        as in one plain forward pass.

        `Parts([batch, ...])` are weighed as one batch of them all would be, to rounding, and each is passed twice: the
        gradient of a step that is larger than memory. Rules that learn, or look into batches or at internal states, cannot.

        Raises:
            NonFinite, EngineRefused: as `weigh`, before any gradient is added.
            BadInput: for parts that cannot be weighed together, or where gradients are switched off.
        """
        forbid_no_grad()
        if isinstance(batch, Parts):
            return self._backward_parts(batch)
        task = self._task(batch)
        kept_if_failed(task.walk)
        return self._half().backward(task, self._progress)

    def _backward_parts(self, parts: Parts) -> Weighted:
        tasks, half = [self._task(part) for part in parts.batches], self._half()
        if not isinstance(half, Weigher):
            raise BadInput("a rule that learns does so from one pass a step: give it one batch, not several for a step")
        kept_if_failed(tasks[0].walk)
        return half.backward_parts(self._student.on(parts), tasks, self._progress)

    def step(self, batch: Batch, optimizer: Optimizer, *, clip_norm: float | None = None) -> Weighted:
        """A whole step: gradients cleared, `backward`, clipped to a norm where one is given, `optimizer.step`, `after_step`.

        Raises:
            NonFinite, EngineRefused, BadInput: as these; where `backward` fails the parameters are as before.
        """
        optimizer.zero_grad()
        done = self.backward(batch)
        if clip_norm is not None:
            clip_grad_norm_((p for group in optimizer.param_groups for p in group["params"]), clip_norm)
        optimizer.step()
        self.after_step()
        return done

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
        step = self._learner.learn()
        self._progress.meta_step(step.alignments, step.clean)

    def explain(self) -> str:
        """Which engine computes the alignments, and why; for a teacher, which internal states it reads."""
        places, body = self.rule.places(self._student.module), told_of_body(self._student.module, self._student.layers)
        states = f"internal states: {', '.join(places)}" if places else ""
        selection, captures = self._engine.selection, self._student.captures
        more = self._learner.explain() if self._learner else selection.reason if selection else ""
        told = captures.explain() if captures else ""
        return "\n".join(line for line in (self._engine.explain(), body, more, states, told) if line)

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to give the same weights: rule, clean stream, engine choice, step."""
        return self._carried().state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadInput: if the state is another rule's, or was made with another clean set.
        """
        self._carried().load_state_dict(state)

    def _carried(self) -> Carried:
        """All that has a state."""
        return Carried(self.rule, self._stream, self._clean_gradient, self._engine, self._progress, self._learner)

    def _begin(self) -> None:
        """A call that fails has not been: what is counted and kept is put back; the stream sees to itself."""
        mine = self, self.rule, self._clean_gradient, self._engine, self._engine.selection, *self._progress.holds()
        self._turns.begin(*mine, *(self._learner.holds() if self._learner else ()))

    def _half(self) -> Learner | Weigher:
        """What weighs the next batch: the learner where the rule learns, once the warm-up is over."""
        return self._learner_now() or Weigher(self._other or self.rule, self._at, self._clean_gradient)

    @property
    def _other(self) -> Rule | None:
        """What weighs the next batch in the rule's place: in the warm-up, and where the clean gradient is gone."""
        if self._progress.step < self._warm_up:
            return Uniform()
        return self._when_vanished if self._progress.watch.weights_stop else None

    def _learner_now(self) -> Learner | None:
        return self._learner if self._other is None else None

    def _task(self, batch: Batch) -> EngineTask:
        """The batch under the model, after a first look at both."""
        task = self._student.on(batch)
        if not self._model_examined:
            first_look(self._student, batch, self._optimizer)
            self._model_examined = True
            task = self._student.on(batch)  # what a first pass makes, is there now
        return task
