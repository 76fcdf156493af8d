"""The Reweigher: clean stream + clean direction + alignments + rule, as a training loop wants them.

reweigher = Reweigher(model, per_example_loss, rule=L2RW(), clean=clean_loader)
for batch in train_loader:
    optimizer.zero_grad()
    losses, weights = reweigher.backward(batch)
    optimizer.step()
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reweigh import distributed
from reweigh._types import Batch, LayerChoice, Look, Params, PerExampleLoss
from reweigh.alignment import Checked, Engine, Task, Weighted
from reweigh.clean_stream import clean_stream
from reweigh.direction import direction_and_loss
from reweigh.errors import BadInput, NonFinite
from reweigh.fields import ids_in, labels_in
from reweigh.metrics import effective_sample_size
from reweigh.rules import Evidence, Rule, Uniform
from reweigh.student import undisturbed

VANISHED = 0.01
"""The clean gradient counts as vanished when the mean of ‖v‖ over some 20 steps falls below this share of its highest."""
_MEMORY = 0.95


@dataclass(frozen=True)
class StepReport:
    """What the last batch was like.

    Attributes:
        step: how many batches have been weighed so far.
        alignments: a_i, (B,), or None where the rule does not need them.
        direction_norm: ‖v‖ of the clean direction; NaN where the rule does not need it.
        clean_loss: the mean loss of the clean batch; NaN likewise.
        effective_sample_size: (Σw)²/Σw², between 0 and B.
        zero_share: the share of the batch's weights that are zero.
    """

    step: int
    alignments: Tensor | None
    direction_norm: float
    clean_loss: float
    effective_sample_size: float
    zero_share: float


class Reweigher:
    """Gives every example of a batch a weight such that a step on the weighted batch lowers the clean loss.

    Args:
        model: the student, as it is trained; wrappers (DDP, `torch.compile`) may stay on.
        per_example_loss: `(model, batch) -> (B,)`; it must call the model that it is given.
        rule: from alignments to weights: `L2RW()`, or one of `reweigh.rules`.
        clean: the clean set: a Dataset, a DataLoader or list of batches, or a dict or tuple of tensors.
        engine: how alignments are computed: "auto", "forward", "finite", "double", or an engine object.
        layers: only the parameters inside these submodules (glob patterns or a predicate).
        optimizer: look ahead through this optimizer's step; default: plain SGD's, as in the paper.
        labels, ids: find the given labels and the examples' ids in a batch; default: by the usual names.
        clean_loss: as `per_example_loss`, for clean batches, where they need another one.
        clean_batch_size: M, where `clean` is a Dataset or tensors; default 100 or all of it.
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
        labels: Look = labels_in,
        ids: Look | None = None,
        clean_loss: PerExampleLoss | None = None,
        clean_batch_size: int | None = None,
        clean_weight_decay: float = 0.0,
        warm_up: int = 0,
        seed: int = 0,
    ) -> None:
        if not isinstance(rule, Rule):
            raise BadInput(f"rule= is {rule!r}, not a rule object: pass for instance L2RW()")
        self._model, self._loss, self._clean_loss = model, per_example_loss, clean_loss or per_example_loss
        self.rule, self._warm_up_rule, self._warm_up = rule, Uniform(), warm_up
        self._engine = Checked(engine) if isinstance(engine, str) else engine
        self._layers, self._optimizer, self._decay = layers, optimizer, clean_weight_decay
        self._labels, self._ids = labels, ids or ids_in
        self._stream = clean_stream(clean, batch_size=clean_batch_size, seed=seed, rank=distributed.rank())
        self._step = 0
        self._norm = self._highest_norm = 0.0
        self._warned = False
        self.report: StepReport | None = None

    def weigh(self, batch: Batch) -> Tensor:
        """The weights of a batch, (B,), detached; the model and all it holds are left as found.

        Use them as `losses.backward(weights)`, with losses of your own forward pass, which draws the same dropout masks.

        Raises:
            NonFinite: if a loss, the clean gradient, an alignment or a weight is not finite, with the ids of the batch.
            EngineRefused: if the engine asked for cannot be right for this model.
        """
        task = Task(self._model, self._loss, batch, self._layers)
        needs = self._rule_now().needs
        step = _Step(self, batch)
        alignments = losses = None
        if "alignments" in needs:
            alignments = self._engine.alignments(task, step.direction)
        if "losses" in needs or alignments is None:
            with undisturbed(task.module), torch.no_grad():
                losses = task.losses()
        return step.weigh(alignments, losses)

    def backward(self, batch: Batch) -> Weighted:
        """One forward pass of training and the gradient of Σ w_i ℓ_i added to `.grad`; returns losses and weights, (B,).

        The same weights and gradients as `weigh` and `losses.backward(weights)`, but passes are shared where the engine
        can. Buffers and random number generators move on as in one plain forward pass.

        Raises:
            NonFinite, EngineRefused: as `weigh`, before any gradient is added.
        """
        task = Task(self._model, self._loss, batch, self._layers)
        step = _Step(self, batch)
        if "alignments" in self._rule_now().needs:
            return self._engine.backward(task, step.direction, step.weigh)
        losses = task.training_losses()
        weights = step.weigh(None, losses.detach())
        torch.autograd.backward(losses, weights)
        return Weighted(losses.detach(), weights)

    def explain(self) -> str:
        """Which engine computes the alignments, and why."""
        return self._engine.explain() if isinstance(self._engine, Checked) else f"{self._engine!r}, as given"

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed run needs to give the same weights: rule, clean stream, engine choice, step."""
        engine = self._engine.state_dict() if isinstance(self._engine, Checked) else None
        return {
            "rule": self.rule.name,
            "rule_state": self.rule.state_dict(),
            "clean": self._stream.state_dict(),
            "engine": engine,
            "step": self._step,
            "norms": [self._norm, self._highest_norm],
            "warned": self._warned,
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
        if isinstance(self._engine, Checked) and state["engine"] is not None:
            self._engine.load_state_dict(state["engine"])
        self._step, self._warned = state["step"], state["warned"]
        self._norm, self._highest_norm = state["norms"]

    def _rule_now(self) -> Rule:
        return self.rule if self._step >= self._warm_up else self._warm_up_rule

    def _clean_direction(self) -> tuple[dict[str, Tensor], Tensor]:
        v, loss = direction_and_loss(
            self._model,
            self._clean_loss,
            self._stream.next(),
            optimizer=self._optimizer,
            layers=self._layers,
            weight_decay=self._decay,
        )
        return distributed.averaged(v), loss

    def _watch(self, norm: float) -> None:
        """Warn once when the clean gradient has all but vanished."""
        first = self._highest_norm == 0.0
        self._norm = norm if first else _MEMORY * self._norm + (1 - _MEMORY) * norm
        self._highest_norm = max(self._highest_norm, self._norm)
        if not self._warned and self._norm < VANISHED * self._highest_norm:
            self._warned = True
            warnings.warn(
                f"the clean gradient has all but vanished (‖v‖ is {self._norm:.1e}, it was {self._highest_norm:.1e}): the "
                "clean set is fitted and the weights are turning to noise, so stop here, augment the clean batch or add "
                "clean examples",
                stacklevel=4,
            )


class _Step:
    """One batch on its way to weights: remembers what was seen, checks that it is finite, and reports."""

    def __init__(self, owner: Reweigher, batch: Batch) -> None:
        self._owner, self._batch = owner, batch
        self._norm = self._clean_loss = torch.full((), math.nan)

    @property
    def direction(self) -> Params:
        """v of the next clean batch."""
        v, self._clean_loss = self._owner._clean_direction()
        self._norm = (
            torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(v.values()))).float()) if v else self._norm
        )
        return v

    def weigh(self, alignments: Tensor | None, losses: Tensor | None) -> Tensor:
        """The rule's weights, checked; ends the step."""
        owner = self._owner
        like = alignments if alignments is not None else losses
        assert like is not None
        evidence = Evidence(len(like), like, self._batch, alignments, losses, owner._labels)
        weights = owner._rule_now().weigh(evidence).detach()
        numbers = self._checked(alignments, losses, weights)
        owner._step += 1
        if not math.isnan(numbers[0]):
            owner._watch(numbers[0])
        owner.report = StepReport(owner._step, alignments, *numbers)
        return weights

    def _checked(self, alignments: Tensor | None, losses: Tensor | None, weights: Tensor) -> tuple[float, ...]:
        named = {"loss": losses, "alignment": alignments, "weight": weights}
        sums = [t.double().sum() for t in named.values() if t is not None]
        zeros = (weights == 0).double().mean()
        # One transfer for all numbers, so that an accelerator is waited for once a step.
        values = torch.stack(
            [t.double().to(weights.device) for t in (self._norm, self._clean_loss, zeros, *sums)]
        ).tolist()
        needs_direction = alignments is not None
        if not all(map(math.isfinite, values[2:])) or (needs_direction and not math.isfinite(values[0])):
            raise NonFinite(self._what_is_not_finite(named, values))
        return values[0], values[1], effective_sample_size(weights), values[2]

    def _what_is_not_finite(self, named: dict[str, Tensor | None], values: list[float]) -> str:
        step = f"at step {self._owner._step + 1}"
        remedy = "lower the learning rate, or look at these examples"
        if not math.isfinite(values[1]) or (not math.isfinite(values[0]) and named["alignment"] is not None):
            return f"the clean loss or its gradient is not finite {step} (loss {values[1]}): look at the clean examples, or lower the learning rate"
        ids = self._owner._ids(self._batch)
        for what, tensor in named.items():
            if tensor is not None and not bool(torch.isfinite(tensor).all()):
                rows = (~torch.isfinite(tensor)).nonzero().flatten().cpu()
                where = (
                    f"ids {ids.cpu()[rows].tolist()[:10]}"
                    if ids is not None
                    else f"positions {rows.tolist()[:10]} of the batch"
                )
                return f"the {what} of {len(rows)} of {len(tensor)} examples is not finite {step} ({where}): {remedy}"
        return f"the sum of the losses is not finite {step}: {remedy}"
