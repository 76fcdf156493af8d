"""What a resumed run needs of a Reweigher: the state of each of its parts, by name."""

from typing import Any, NamedTuple

from reweigh._torch import tree_flatten, tree_map
from reweigh.alignment import AutoEngine
from reweigh.clean_gradient import CleanGradient
from reweigh.clean_stream import CleanStream
from reweigh.errors import BadInput
from reweigh.learning import Learner
from reweigh.progress import Progress
from reweigh.rules import Rule
from reweigh.sharded import is_sharded, whole_copy


class Carried(NamedTuple):
    """All parts of a Reweigher that have a state of their own."""

    rule: Rule
    stream: CleanStream
    gradient: CleanGradient
    engine: AutoEngine
    progress: Progress
    learner: Learner | None

    def state_dict(self) -> dict[str, Any]:
        """The rule's name, the step, and of each part its state; None for a part that is not there.

        What is spread over ranks is whole here, so that it serves any number of them: then all ranks must call.
        """
        kept = {name: None if part is None else part.state_dict() for name, part in self._parts().items()}
        if any(map(is_sharded, tree_flatten(kept)[0])):
            kept = tree_map(whole_copy, kept)
        return {"rule": self.rule.name, "step": self.progress.step, **kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Give each part its state back.

        Raises:
            BadInput: if the state is another rule's, or a part refuses its own.
        """
        if state["rule"] != self.rule.name:
            raise BadInput(
                f"the checkpoint was made with the rule {state['rule']!r}, not {self.rule.name!r}: resume with it"
            )
        for name, part in self._parts().items():
            if part is not None and (state.get(name) is not None or name == "clean_gradient"):
                part.load_state_dict(state.get(name))
        self.progress.step = state["step"]

    def _parts(self) -> dict[str, Any]:
        """By name, in the order in which states are taken up."""
        return {
            "rule_state": self.rule,
            "clean": self.stream,
            "clean_gradient": self.gradient,
            "engine": self.engine,
            "watch": self.progress.watch,
            "weightless": self.progress.weightless,
            "learner": self.learner,
        }
