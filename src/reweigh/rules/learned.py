"""Rules that learn: weights that are a differentiable function of what is seen of an example, with parameters ω.

Such a rule says how weights follow from the evidence, with a graph to ω; `reweigh.learning` finds the derivative of the
clean loss by each weight and takes it from there: `weights.backward(derivatives)`, one step of the rule's own optimizer.
"""

import abc
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from reweigh import distributed, rng
from reweigh._types import Batch
from reweigh.as_found import substituted
from reweigh.errors import BadInput
from reweigh.rules.materials import Materials
from reweigh.rules.rule import Evidence, Rule, to_sum_one
from reweigh.rules.rule_file import network_of, read_rule, rule_as_bytes
from reweigh.states import Seen
from reweigh.storage import write_bytes

_LOWEST = 80.0  # e⁻⁸⁰ is well within float32, and its gradient too
NORMALISATIONS = ("sum", "mean")


@dataclass(frozen=True)
class LearnedOptions:
    """What every rule that learns can be told."""

    normalise: str = "sum"


class LearnedRule(Rule):
    """A weight between 0 and 1 from a network, then normalised over the batch.

    The network computes in single precision, whatever the student or torch's default type; where its parameters are
    given another one (`rule.net.double()`), in that.

    Args:
        normalise: "sum": the weights of a batch sum to one, as L2RW's do, so that the size of the student's steps stays;
            "mean": each weight is divided by B, as Shu et al. 2019 publish it: low weights all over make steps smaller.
        seed: of the network's first parameters.

    Raises:
        BadInput: for another normalisation.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"losses"})
    reads_labels: bool = True
    """Whether a rule that watches internal states wants the clean examples' labels beside them."""
    follow: bool = False
    """Whether the meta-gradient follows how the weights depend on the student's parameters, where it goes through steps."""

    def __init__(self, normalise: str = "sum", seed: int = 0) -> None:
        if normalise not in NORMALISATIONS:
            raise BadInput(f"normalise={normalise!r} is not known: choose one of {', '.join(NORMALISATIONS)}")
        if not isinstance(seed, int):
            raise BadInput(f"seed={seed!r}: give a whole number")
        self.normalise, self.seed = normalise, seed
        self.net: nn.Module | None = None
        self.frozen = False

    @classmethod
    def made(cls, materials: Materials, options: Any) -> Self:
        """Of these options, and a seed of its own."""
        return cls(**vars(options), seed=seed_from(materials))

    @property
    def class_count(self) -> int | None:
        """For how many classes the rule was made; None where it serves any number."""
        return None

    def used_with(self, options: Any) -> None:
        """Take of the options what may differ from how a rule that was trained before was made: as a rule nothing."""

    @abc.abstractmethod
    def build(self, evidence: Evidence) -> nn.Module:
        """The network, once the first batch shows how wide things are."""

    @abc.abstractmethod
    def inputs(self, evidence: Evidence) -> tuple[Any, ...]:
        """What the network is given."""

    @abc.abstractmethod
    def config(self) -> dict[str, Any]:
        """The arguments that make this rule again, as JSON holds them."""

    @property
    def dtype(self) -> torch.dtype:
        """In what the network computes."""
        return torch.float32 if self.net is None else next(self.net.parameters()).dtype

    def ready(self, evidence: Evidence) -> nn.Module:
        """The network, made at the first batch from the rule's seed, where the batch's weights are to be."""
        if self.net is None:
            with rng.kept():
                rng.seed(self.seed)
                self.net = self.build(evidence)
        if next(self.net.parameters()).device != evidence.like.device:
            self.net.to(evidence.like.device)
        return self.net

    def weigh(self, evidence: Evidence) -> Tensor:
        """The weights, (B,), without a graph."""
        with torch.no_grad():
            return self.weights(evidence).to(evidence.like.dtype)

    def weights(self, evidence: Evidence, parameters: dict[str, Tensor] | None = None) -> Tensor:
        """The weights, (B,), with a graph to the network's parameters, or to those given; at least in single precision."""
        with distributed.together(evidence.like.device):
            net, inputs = self.ready(evidence), self.inputs(evidence)
            inputs = tuple(_in(t, self.dtype) for t in inputs)
            with substituted(net, parameters or {}):
                raw = net(*inputs)
        sums_to_one = self.normalise == "sum"
        weights = to_sum_one(raw) if sums_to_one else raw / distributed.size_of_batch(evidence.size, raw.device)
        return weights.to(torch.promote_types(evidence.like.dtype, torch.float32))

    def masks(self, batch: Batch) -> dict[str, Tensor]:
        """By place of an internal state, which of its positions count, (B, T); places without a mask count whole."""
        return {}

    def memory(self) -> Any:
        """What the rule remembers of the clean set, for the evidence of a batch; made of tensors, never changed later."""
        return None

    def memory_from(self, tensors: Any) -> Any:
        """The memory again, from its tensors by name as a checkpoint holds them."""
        return None

    def see_clean(self, seen: Seen | None, labels: Tensor | None) -> None:
        """Take note of a pass over M clean examples: their states, and their labels (M,)."""

    def check_clean(self, seen: Seen | None, labels: Tensor | None) -> None:
        """Raise `BadInput` where `see_clean` could not take note of this pass; before that, and on this rank alone."""

    def state_dict(self) -> dict[str, Any]:
        """The network's parameters, and what it takes to make it again."""
        return {"config": self.config(), "net": None if self.net is None else self.net.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadInput: if the state is that of a rule with other settings.
        """
        if not isinstance(state, dict) or not {"config", "net"} <= state.keys():
            raise BadInput(f"this is no state of a {self.name} rule: give what its state_dict() returned")
        if state["config"] != self.config():
            raise BadInput(f"the {self.name} rule's state was made with {state['config']}, not with {self.config()}")
        if state["net"] is not None:
            self.net = network_of(self.from_parameters, state["net"], f"the {self.name} rule's state")

    @abc.abstractmethod
    def from_parameters(self, parameters: dict[str, Tensor]) -> nn.Module:
        """A network of the right widths for these parameters."""

    def save(self, path: Path | str) -> None:
        """The trained rule in a file of its own: safetensors, with its settings in the header.

        Raises:
            BadInput: if it has not seen a batch yet.
        """
        write_bytes(Path(path), self.as_bytes())

    def as_bytes(self) -> bytes:
        """The content of such a file.

        Raises:
            BadInput: if it has not seen a batch yet.
        """
        if self.net is None:
            raise BadInput(f"the {self.name} rule has learned nothing yet: save it after some training")
        return rule_as_bytes(self.name, self.config(), self.net.state_dict())

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """A rule that `save` wrote, frozen: it weighs, and learns no more.

        Raises:
            BadInput: if the file is not such a rule's, or is damaged.
        """
        name, config, parameters = read_rule(path)
        if name != cls.name:
            raise BadInput(f"{path} holds a {name} rule, not {cls.name}")
        try:
            rule = cls(**config)
            same = rule.config() == config
        except Exception as broken:
            raise BadInput(f"{path} holds settings that make no {cls.name} rule: {broken!s:.200}") from broken
        if not same:
            raise BadInput(
                f"{path} holds settings that make no {cls.name} rule: it was changed, or saved by another version"
            )
        rule.net = network_of(rule.from_parameters, parameters, str(path)).requires_grad_(False)
        rule.frozen = True
        return rule

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.config().items())})"


def seed_from(materials: Materials) -> int:
    """The seed of a rule's network."""
    return materials.seed("teacher") % 2**31


def linear(width: int, out: int) -> nn.Linear:
    """A layer in single precision, whatever torch's default type is; drawn on the CPU, so that a seed says all."""
    return nn.Linear(width, out, dtype=torch.float32, device=home())


def between_0_and_1(scores: Tensor) -> Tensor:
    """The sigmoid, which never comes down to nothing: a batch that all scores low is weighed evenly, not left out."""
    return scores.clamp(min=-_LOWEST).sigmoid()


def home() -> str:
    """Where a rule's network is made: on the CPU, or without memory where only its shapes are asked for."""
    return "meta" if torch.get_default_device().type == "meta" else "cpu"


def a_width(name: str, value: Any) -> int:
    """A whole number of at least 1.

    Raises:
        BadInput: naming the setting.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadInput(f"{name}={value!r}: give a whole number of at least 1")
    return value


def _in(value: Any, dtype: torch.dtype) -> Any:
    """Floating-point tensors as the network computes, also inside lists; all else as it is."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    return [_in(item, dtype) for item in value] if isinstance(value, list) else value
