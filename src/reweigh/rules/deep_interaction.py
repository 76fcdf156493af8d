"""Learning to Reweight with Deep Interactions (Fan et al.; AAAI 2021): a teacher that reads the student's internal states.

Earlier teachers see the surface of the student only: losses, margins, progress. This one also gets what the student makes
of each example inside, from the very pass that computes the losses, and the given label; and it can compare the example's
states with the class means of the clean examples' states, which are refreshed as the student moves. It answers with a weight
between 0 and 1 and is trained by the clean loss, through the student's own steps.

The paper's exact layers are not public; these are ours. Three kinds of information can be switched off, so that "surface
only", "internal only" and "both" are one code:

    surface       loss, margin, entropy, the probability of the given label, progress, the clean loss
    internal      the states as vectors, each normalised and projected
    interaction   cosines of the states with the clean class means, and the label that attention over these would give;
                  nothing here depends on the width of a state, so that such a teacher fits other students too
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.rules.clean_means import Means
from reweigh.rules.learned import LearnedRule
from reweigh.rules.rule import Evidence
from reweigh.rules.surface import surface
from reweigh.rules.teacher import Teacher
from reweigh.states import Seen, named_places, usual_places


class DeepInteraction(LearnedRule):
    """The teacher.

    Args:
        classes: C, the number of classes.
        states: places in the student by name or glob, such as `"layer3"` or `"head:input"`; default: found automatically
            (`places` then holds them).
        surface: tell the teacher the surface information.
        internal: tell it the internal states.
        interaction: tell it how the states lie to the clean examples' class means.
        follow: let the meta-gradient follow how the states depend on the student's parameters (horizons above 1).
        width: of the projections.
        hidden: width of the teacher's hidden layer.
        total_steps: of the student's training, for the progress; not needed.
        normalise: as for every `LearnedRule`.
        seed: likewise.

    Raises:
        BadInput: if nothing is left to read.
    """

    name: ClassVar[str] = "deep-interaction"

    def __init__(
        self,
        classes: int,
        *,
        states: Sequence[str] | None = None,
        surface: bool = True,
        internal: bool = True,
        interaction: bool = True,
        follow: bool = False,
        width: int = 16,
        hidden: int = 64,
        total_steps: int | None = None,
        normalise: str = "sum",
        seed: int = 0,
    ) -> None:
        super().__init__(normalise, seed)
        if not (surface or internal or interaction):
            raise BadInput("the teacher is told nothing: leave on one of surface, internal and interaction")
        if classes < 1:
            raise BadInput(f"classes is {classes}: give the number of classes")
        self.classes, self.states = classes, None if states is None else list(states)
        self.surface, self.internal, self.interaction, self.follow = surface, internal, interaction, follow
        self.width, self.hidden, self.total_steps = width, hidden, total_steps
        self._places: list[str] | None = None
        self._means: dict[str, Means] = {}

    def places(self, module: nn.Module) -> list[str]:
        """The states that are read; an empty list where the teacher keeps to the surface."""
        if self._places is None:
            if not (self.internal or self.interaction):
                self._places = []
            elif self.states is None:
                self._places = usual_places(module)
            else:
                self._places = named_places(module, self.states)
        return self._places

    def build(self, evidence: Evidence) -> nn.Module:
        """The network for the widths of these states."""
        return self._teacher([s.shape[1] for s in self._states(evidence)])

    def from_parameters(self, parameters: dict[str, Tensor]) -> nn.Module:
        """The widths are those of the projections; without projections only their number matters."""
        if self.internal:
            projections = [p for name, p in parameters.items() if name.startswith("projections.") and p.ndim == 2]
            return self._teacher([p.shape[1] for p in projections])
        return self._teacher([1] * len(parameters["sharpness"]) if self.interaction else [])

    def inputs(self, evidence: Evidence) -> tuple[Any, ...]:
        """Surface features (B, 7) or None, labels (B,), states, and the clean class means or None, one for each state."""
        on_top = surface(evidence, self.total_steps) if self.surface else None
        if on_top is not None and not self.follow:
            on_top = on_top.detach()
        labels = evidence.labels
        if int(labels.max()) >= self.classes or int(labels.min()) < 0:
            raise BadInput(f"a label is {int(labels.max())} but the teacher was made for {self.classes} classes")
        states = self._states(evidence)
        self._check_widths(states)
        memory: dict[str, Means] = evidence.memory or {}
        means = [memory.get(p) or Means.none(self.classes, s) for p, s in zip(self._places or (), states, strict=True)]
        return on_top, labels, states, means if self.interaction else None

    def memory(self) -> dict[str, Means]:
        """The clean class means, by place."""
        return dict(self._means)

    def memory_from(self, tensors: Any) -> dict[str, Means]:
        """The class means again."""
        return {place: Means(**found) for place, found in (tensors or {}).items()}

    def see_clean(self, seen: Seen | None, labels: Tensor | None) -> None:
        """Move the class means towards those of these clean examples."""
        if self.interaction and seen is not None and labels is not None:
            for place, states in seen.states.items():
                states = states.detach().float()
                means = self._means.get(place) or Means.none(self.classes, states)
                self._means[place] = means.with_batch(states, labels.to(states.device))

    def state_dict(self) -> dict[str, Any]:
        """The network, the places, and the clean class means."""
        means = {place: {"rows": m.rows, "seen": m.seen} for place, m in self._means.items()}
        return {**super().state_dict(), "places": self._places, "means": means}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off."""
        super().load_state_dict(state)
        self._places = state["places"]
        self._means = self.memory_from(state["means"])

    def config(self) -> dict[str, Any]:
        """All arguments."""
        names = ("classes", "states", "surface", "internal", "interaction", "follow", "width", "hidden", "total_steps")
        return {**{name: getattr(self, name) for name in names}, "normalise": self.normalise, "seed": self.seed}

    def _teacher(self, widths: list[int]) -> Teacher:
        told = {"surface": self.surface, "internal": self.internal, "interaction": self.interaction}
        return Teacher(self.classes, widths, self.width, self.hidden, **told)

    def _states(self, evidence: Evidence) -> list[Tensor]:
        seen = evidence.seen or Seen()
        return [seen.states[place].float() for place in self._places or ()]

    def _check_widths(self, states: list[Tensor]) -> None:
        if self.net is None:
            return
        assert isinstance(self.net, Teacher)
        if len(self.net.widths) != len(states) and self._places:
            raise BadInput(
                f"the teacher was trained on {len(self.net.widths)} internal states but this student shows {len(states)}: "
                "name as many with states="
            )
        widths = [s.shape[1] for s in states]
        if self.internal and self.net.widths != widths:
            raise BadInput(
                f"the teacher reads states of widths {self.net.widths} but this student's are {widths}: a teacher for other "
                "widths must be trained with internal=False (interaction and surface fit any width)"
            )
