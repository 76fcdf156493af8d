"""Rules that learn: weights that are a differentiable function of what is seen of an example, with parameters ω.

Such a rule says how weights follow from the evidence, with a graph to ω; `reweigh.learning` finds the derivative of the
clean loss by each weight and takes it from there: `weights.backward(derivatives)`, one step of the rule's own optimizer.
"""

import abc
import io
import json
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from reweigh import rng
from reweigh.digests import check_beside
from reweigh.errors import BadInput, ReweighError, require
from reweigh.rules.rule import Evidence, Rule, to_sum_one
from reweigh.states import Seen
from reweigh.storage import read_plain, write_bytes

NORMALISATIONS = ("sum", "mean")


class LearnedRule(Rule):
    """A weight between 0 and 1 from a network, then normalised over the batch.

    Args:
        normalise: "sum": the weights of a batch sum to one, as L2RW's do, so that the size of the student's steps stays;
            "mean": each weight is divided by B, as Shu et al. 2019 publish it: low weights all over make steps smaller.
        seed: of the network's first parameters.

    Raises:
        BadInput: for another normalisation.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"losses"})
    follow: bool = False
    """Whether the meta-gradient follows how the weights depend on the student's parameters, where it goes through steps."""

    def __init__(self, normalise: str = "sum", seed: int = 0) -> None:
        if normalise not in NORMALISATIONS:
            raise BadInput(f"normalise={normalise!r} is not known: choose one of {', '.join(NORMALISATIONS)}")
        self.normalise, self.seed = normalise, seed
        self.net: nn.Module | None = None
        self.frozen = False

    @abc.abstractmethod
    def build(self, evidence: Evidence) -> nn.Module:
        """The network, once the first batch shows how wide things are."""

    @abc.abstractmethod
    def inputs(self, evidence: Evidence) -> tuple[Any, ...]:
        """What the network is given."""

    @abc.abstractmethod
    def config(self) -> dict[str, Any]:
        """The arguments that make this rule again, as JSON holds them."""

    def ready(self, evidence: Evidence) -> nn.Module:
        """The network, made at the first batch from the rule's seed."""
        if self.net is None:
            with rng.kept():
                rng.seed(self.seed)
                self.net = self.build(evidence).to(evidence.like.device)
        return self.net

    def weigh(self, evidence: Evidence) -> Tensor:
        """The weights, (B,), without a graph."""
        with torch.no_grad():
            return self.weights(evidence)

    def weights(self, evidence: Evidence, parameters: dict[str, Tensor] | None = None) -> Tensor:
        """The weights, (B,), with a graph to the network's parameters, or to those given."""
        net, inputs = self.ready(evidence), self.inputs(evidence)
        raw = torch.func.functional_call(net, parameters, inputs) if parameters is not None else net(*inputs)
        return (to_sum_one(raw) if self.normalise == "sum" else raw / evidence.size).to(evidence.like.dtype)

    def memory(self) -> Any:
        """What the rule remembers of the clean set, for the evidence of a batch; made of tensors, never changed later."""
        return None

    def memory_from(self, tensors: Any) -> Any:
        """The memory again, from its tensors by name as a checkpoint holds them."""
        return None

    def see_clean(self, seen: Seen | None, labels: Tensor | None) -> None:
        """Take note of a pass over M clean examples: their states, and their labels (M,)."""

    def state_dict(self) -> dict[str, Any]:
        """The network's parameters, and what it takes to make it again."""
        return {"config": self.config(), "net": None if self.net is None else self.net.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadInput: if the state is that of a rule with other settings.
        """
        if state["config"] != self.config():
            raise BadInput(f"the {self.name} rule's state was made with {state['config']}, not with {self.config()}")
        if state["net"] is not None:
            with rng.kept():  # a network is drawn, and then overwritten
                self.net = self.from_parameters(state["net"])
            self.net.load_state_dict(state["net"])

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
        parameters = {name: p.detach().cpu().contiguous() for name, p in self.net.state_dict().items()}
        header = {"reweigh_rule": json.dumps({"name": self.name, "config": self.config()})}
        content: bytes = require("safetensors.torch", "cli").save(parameters, header)
        return content

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """A rule that `save` wrote, frozen: it weighs, and learns no more.

        Raises:
            BadInput: if the file is not such a rule's, or is damaged.
        """
        name, config, parameters = read_rule(path)
        if name != cls.name:
            raise BadInput(f"{path} holds a {name} rule, not {cls.name}")
        rule = cls(**config)
        rule.net = rule.from_parameters(parameters)
        rule.net.load_state_dict(parameters)
        rule.net.requires_grad_(False)
        rule.frozen = True
        return rule

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.config().items())})"


def read_rule(path: Path | str) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """Name, settings and parameters of a saved rule.

    Raises:
        BadInput: if the file is not a rule that `LearnedRule.save` wrote.
    """
    safetensors = require("safetensors.torch", "cli")
    if not Path(path).exists():
        raise BadInput(f"{path} cannot be read: No such file or directory")
    try:
        content = read_plain(Path(path))
        check_beside(Path(path), content)
        size = int.from_bytes(content[:8], "little")
        header = json.loads(io.BytesIO(content[8 : 8 + size]).read())
        told = json.loads(header["__metadata__"]["reweigh_rule"])
        return str(told["name"]), dict(told["config"]), safetensors.load(content)
    except ReweighError:
        raise
    except Exception as broken:
        raise BadInput(f"{path} is not a rule saved by reweigh, or is damaged: name a teacher.safetensors") from broken
