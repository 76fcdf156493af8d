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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from reweigh._types import Batch
from reweigh.errors import BadInput
from reweigh.rules.clean_means import Means, means_from
from reweigh.rules.learned import LearnedOptions, LearnedRule, a_width, seed_from
from reweigh.rules.masks import checked_masks, masked_only, masks_of
from reweigh.rules.materials import Materials
from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence, whole_labels
from reweigh.rules.surface import surface
from reweigh.rules.teacher import Teacher
from reweigh.states import Seen, checked, named_places, usual_places

READS = ("surface", "internal", "interaction")


@dataclass(frozen=True)
class TeacherOptions(LearnedOptions):
    """Which of `READS` the teacher is told, and the places of the internal states, None for what is found."""

    reads: tuple[str, ...] = READS
    states: tuple[str, ...] | None = None


@rule("deep-interaction", options=TeacherOptions)
class DeepInteraction(LearnedRule):
    """The teacher.

    Args:
        classes: C, the number of classes; None where examples have none, as sentences and real targets: then no label is
            read, and interaction is how the states lie to the mean clean state.
        states: places in the student by name or glob, such as `"layer3"` or `"head:input"`; default: found automatically
            (`places` then holds them).
        surface: tell the teacher the surface information.
        internal: tell it the internal states.
        interaction: tell it how the states lie to the clean examples' class means.
        masks: which positions of a sequence are pooled: by place or glob the field of the batch whose positions these are,
            booleans or tokens, as {"encoder*": "source"}, and the token that does not count where it is not 0, as
            {"encoder*": ("source", 3)}; the last glob that fits counts. Without, all, or what whoever prepares the rule
            knows of the task. Weights of tokens read a state without a mask at their own positions, and need
            `interaction=False`.
        follow: let the meta-gradient follow how the states depend on the student's parameters (horizons above 1).
        width: of the projections.
        hidden: width of the teacher's hidden layer.
        total_steps: of the student's training, for the progress; not needed.
        normalise: as for every `LearnedRule`.
        seed: likewise.

    Raises:
        BadInput: if nothing is left to read.
    """

    def __init__(
        self,
        classes: int | None,
        *,
        states: Sequence[str] | None = None,
        surface: bool = True,
        internal: bool = True,
        interaction: bool = True,
        masks: Mapping[str, str | tuple[str, int]] | None = None,
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
        for what, flag in {
            "surface": surface,
            "internal": internal,
            "interaction": interaction,
            "follow": follow,
        }.items():
            if not isinstance(flag, bool):
                raise BadInput(f"{what}={flag!r}: give True or False")
        if states is not None and (isinstance(states, str) or not all(isinstance(place, str) for place in states)):
            raise BadInput(f"states={states!r:.100}: give a list of names, such as ['layer3', 'head:input']")
        if classes is not None and (not isinstance(classes, int) or isinstance(classes, bool) or classes < 1):
            raise BadInput(f"classes is {classes!r}: give the number of classes, or None where there are none")
        self.classes, self.states = classes, None if states is None else list(states)
        self.reads_labels, self._masks = classes is not None, checked_masks(masks)
        self._all_masked = False
        self.surface, self.internal, self.interaction, self.follow = surface, internal, interaction, follow
        self.width, self.hidden = a_width("width", width), a_width("hidden", hidden)
        self.total_steps = None if total_steps is None else a_width("total_steps", total_steps)
        self._places: list[str] | None = None
        self._means: dict[str, Means] = {}

    @classmethod
    def made(cls, materials: Materials, options: TeacherOptions) -> Self:
        """For the number of classes, or for none."""
        told: dict[str, Any] = {what: what in options.reads for what in READS}
        classes = None if materials.class_sizes is None else len(materials.class_sizes)
        return cls(classes, states=options.states, **told, normalise=options.normalise, seed=seed_from(materials))

    def prepare(self, materials: Materials) -> None:
        """The task knows which positions count, unless somebody has said it; for a trained teacher it is another one."""
        if materials.masks and (self.frozen or not self._masks):
            self._masks, self._all_masked = dict(materials.masks), True

    @property
    def class_count(self) -> int | None:
        """C."""
        return self.classes

    def used_with(self, options: TeacherOptions) -> None:
        """The places belong to the student, which may be another one."""
        if options.states is not None:
            self.states = list(options.states)

    def places(self, module: nn.Module) -> list[str]:
        """The states that are read; an empty list where the teacher keeps to the surface."""
        if self._places is None:
            if not (self.internal or self.interaction):
                self._places = []
            elif self.states is None:
                self._places = usual_places(module)
            else:
                self._places = named_places(module, self.states)
            if self._all_masked:
                self._places = masked_only(self._masks, self._places, named=self.states is not None)
        return self._places

    def masks(self, batch: Batch) -> dict[str, Tensor]:
        """Which positions of the states count, by place."""
        return masks_of(self._masks, self._places or (), batch)

    def build(self, evidence: Evidence) -> nn.Module:
        """The network for the widths of these states."""
        return self._teacher([s.shape[1] for s in self._states(evidence)])

    def from_parameters(self, parameters: dict[str, Tensor]) -> nn.Module:
        """The widths are those of the projections; without projections only their number matters."""
        if self.internal:
            names = [f"projections.{i}.weight" for i in range(len(parameters))]
            return self._teacher([parameters[name].shape[1] for name in names if name in parameters])
        return self._teacher([1] * len(parameters["sharpness"]) if self.interaction else [])

    def inputs(self, evidence: Evidence) -> tuple[Any, ...]:
        """Surface features (B, 7) or None, labels (B,), states, and the clean class means or None, one for each state."""
        if evidence.counts is not None and self.interaction:
            raise BadInput(
                "the teacher compares whole examples with the clean set: for weights of tokens set interaction=False"
            )
        if self.classes is None:
            labels = torch.zeros(evidence.size, dtype=torch.int64, device=evidence.like.device)
            without_logits = replace(evidence.seen or Seen(), logits=None)  # which say nothing without a label
            evidence = replace(evidence, seen=without_logits)
        else:
            labels = evidence.labels_below(self.classes, f"the teacher was made for {self.classes} classes, from 0")
        on_top = surface(evidence, self.total_steps) if self.surface else None
        if on_top is not None and not self.follow:
            on_top = on_top.detach()
        states = self._states(evidence)
        if isinstance(self.net, Teacher):
            self.net.check_widths([s.shape[1] for s in states])
        memory: dict[str, Means] = evidence.memory or {}
        known = zip(self._places or (), states, strict=True)
        means = [(memory.get(place) or Means.none(self.classes or 1, s)).to(self.dtype) for place, s in known]
        return on_top, labels, states, means if self.interaction else None

    def memory(self) -> dict[str, Means]:
        """The clean class means, by place."""
        return dict(self._means)

    def memory_from(self, tensors: Any) -> dict[str, Means]:
        """The class means again; raises `BadInput` if the tensors are not such means."""
        return means_from(tensors, self.classes or 1)

    def see_clean(self, seen: Seen | None, labels: Tensor | None) -> None:
        """Move the class means towards those of these clean examples."""
        if self.interaction and seen is not None and (labels is not None or self.classes is None):
            for place, states in seen.states.items():
                states = states.detach().float()
                means = self._means.get(place) or Means.none(self.classes or 1, states)
                given = torch.zeros(len(states), dtype=torch.int64) if labels is None else labels
                self._means[place] = means.with_batch(states, given.to(states.device))

    def check_clean(self, seen: Seen | None, labels: Tensor | None) -> None:
        """Every place was passed, one row an example, and all labels are classes.

        Raises:
            BadInput: naming what is not so.
        """
        if not self.interaction or seen is None or (labels is None and self.classes is not None):
            return
        if labels is None or self.classes is None:
            checked(seen, self._places or (), len(next(iter(seen.states.values()), ())))
            return
        labels = whole_labels(labels, labels.numel() if labels.ndim == 1 else -1, labels.device)
        checked(seen, self._places or (), len(labels))
        outside = labels[(labels < 0) | (labels >= self.classes)]
        if len(outside):
            raise BadInput(
                f"a clean label is {int(outside[0])} but the teacher was made for {self.classes} classes, from 0"
            )

    def state_dict(self) -> dict[str, Any]:
        """The network, the places, and the clean class means."""
        means = {place: {"rows": m.rows, "seen": m.seen} for place, m in self._means.items()}
        return {**super().state_dict(), "places": self._places, "means": means}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadInput: as for every `LearnedRule`; or if the class means are none.
        """
        if not isinstance(state, dict) or not {"places", "means"} <= state.keys():
            raise BadInput(f"this is no state of a {self.name} rule: give what its state_dict() returned")
        places, means = state["places"], self.memory_from(state["means"])
        if places is not None and not (isinstance(places, list) and all(isinstance(place, str) for place in places)):
            raise BadInput(
                f"the {self.name} rule's state names no internal states: give what its state_dict() returned"
            )
        super().load_state_dict(state)
        self._places, self._means = places, means

    def config(self) -> dict[str, Any]:
        """All arguments."""
        names = ("classes", "states", "surface", "internal", "interaction", "follow", "width", "hidden", "total_steps")
        told = {name: getattr(self, name) for name in names}
        masks = {glob: list(said) for glob, said in self._masks.items()}
        return {**told, "masks": masks, "normalise": self.normalise, "seed": self.seed}

    def _teacher(self, widths: list[int]) -> Teacher:
        told = {"surface": self.surface, "internal": self.internal, "interaction": self.interaction}
        return Teacher(self.classes or 1, widths, self.width, self.hidden, **told)

    def _states(self, evidence: Evidence) -> list[Tensor]:
        seen = evidence.seen or Seen()
        return [seen.states[place].to(self.dtype) for place in self._places or ()]
