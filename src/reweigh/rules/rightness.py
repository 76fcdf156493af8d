"""Weights by how likely each label is right, told by a verifier that the checked examples teach while the student trains.

    features of a pair (x, y)   what the student says of y, and how near x lies to the checked examples of class y in the
                                student's internal states; a checked example is left out of its own class
    teaching                    every few steps anew, by Newton's method: checked examples with their right label against the
                                same inputs with wrong ones, half at random, half where the student is tempted
    memory                      what was said at an example's visits, averaged
    share                       expectation maximisation over that: how many labels are right, and by it the log-odds
    weight                      the sigmoid of three times the log-odds; the weights of a batch sum to one

An alignment says whether an example helps now, and this whether its label is right: where classes are rare, the checked set
small or the labels right, alignments lead astray and rightness does not. Nearest in print: CleanNet (Lee et al., CVPR 2018),
confident learning (Northcutt et al., 2021), prior shift by expectation maximisation (Saerens et al., 2002).

Examples that are checked themselves get no weight until the last part of training, and nothing is judged from then on: what
the student has learnt by heart it believes, and of the checked ones that would flatter right labels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from reweigh import distributed, rng
from reweigh._types import Batch
from reweigh.errors import BadInput
from reweigh.rightness.crossfit import CrossFit
from reweigh.rightness.judge import Judge, Lesson, on_cpu
from reweigh.rightness.memory import Memory
from reweigh.rightness.said import Said
from reweigh.rightness.verdicts import Verdicts
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.view import USUAL_KINDS
from reweigh.rules.materials import Materials
from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence, Rule, Shown, id_tensor, to_sum_one
from reweigh.states import Seen, named_places, usual_places

_SHOWN = 512
"""So many checked examples teach at a time."""
_COUNT_EVERY = 25
_FIRST, _LATE = 0.1, 0.7
_CATCHES_UP = 1 / (1 - _LATE)
"""What a checked example weighs in the last part: over all of training as much as another whose label is right."""
_USUAL_FIRST = 100


@dataclass(frozen=True)
class VerifierOptions:
    """As the arguments of `RightnessRule`; `first` and `late` are steps, by themselves after 10 and 70 % of training."""

    states: tuple[str, ...] | None = None
    by_pair: bool = False
    kinds: tuple[str, ...] = USUAL_KINDS
    sharpness: float = 3.0
    every: int = 5
    first: int | None = None
    late: int | None = None


@rule("verifier", needs={"classes"}, options=VerifierOptions, title="the verifier")
class RightnessRule(Rule):
    """Weights by P(label right).

    Args:
        states: places of the internal states in which nearness is measured; default: what goes into the last Linear layer.
        by_pair: count right labels for each pair of given and suggested label, not for all together: better where mistakes
            have a pattern, worse where classes are rare.
        sharpness: weights take so many times the log-odds: a tenth of its weight is enough for a wrong label to be learnt.
        every: teach after so many steps.
        first: weigh from this step on; before it all examples count alike.
        late: from this step on judge nothing anew, and train on examples that are checked; None: never.
        features: from a batch to frozen features of it, (B, D), such as an encoder's: nearness in them counts too.
        kinds: of wrong labels, names in `reweigh.rightness.KINDS`.
        seed: of the wrong labels that it is taught by.

    Raises:
        BadInput: for a number that cannot be used, or a kind that is not there.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"losses"})

    def __init__(
        self,
        states: Sequence[str] | None = None,
        *,
        by_pair: bool = False,
        sharpness: float = 3.0,
        every: int = 5,
        first: int | None = None,
        late: int | None = None,
        features: Callable[[Batch], Tensor] | None = None,
        kinds: Sequence[str] = USUAL_KINDS,
        seed: int = 0,
    ) -> None:
        if not sharpness > 0 or not math.isfinite(sharpness):
            raise BadInput(f"sharpness={sharpness!r}: give a number above 0, 1 for the probabilities themselves")
        if not isinstance(every, int) or every < 1:
            raise BadInput(f"every={every!r}: give a number of steps, at least 1")
        if late is not None and late <= (first or 0):
            raise BadInput(f"late={late!r}: give a step after the first that is weighed, {first or 0}")
        self.states = None if states is None else list(states)
        self.by_pair, self.sharpness, self.every, self.first, self.late = by_pair, sharpness, every, first, late
        self.features, self.kinds, self.seed = features, tuple(kinds), seed
        Verifier(self.kinds)  # refuses a kind that is not there
        self._places: list[str] | None = None
        self._judge: Judge | None = None
        self._lesson: Lesson | None = None
        self._verdicts = Verdicts.none(1 + len(self.kinds))
        self._step = 0

    @classmethod
    def made(cls, materials: Materials, options: VerifierOptions) -> Self:
        """With a seed of its own, and the beginning and the last part of a training of so many steps."""
        told, steps = dict(vars(options)), materials.steps
        if steps is not None:
            told["first"] = round(_FIRST * steps) if options.first is None else options.first
            told["late"] = max(round(_LATE * steps), told["first"] + 1) if options.late is None else options.late
        return cls(**told, seed=materials.seed("verifier"))

    def places(self, module: nn.Module) -> list[str]:
        """The states in which nearness is measured."""
        if self._places is None:
            self._places = usual_places(module)[-1:] if self.states is None else named_places(module, self.states)
        return self._places

    def judged(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Ids (N,), P(right) (N,) and suggested labels (N,) of the examples seen so far; None before they were counted."""
        return self._verdicts.judged()

    def told_apart(self) -> CrossFit | None:
        """How well right labels are told from wrong ones, as the student stood when it was taught last; None before."""
        return None if self._lesson is None else self._lesson.told_apart(self.kinds, self.seed)

    def wants_checked(self, step: int) -> int | None:
        """All at the very first batch, to know their ids; some every few steps while it judges."""
        self._step = step
        if self._judge is None:
            return None
        return _SHOWN if self._judges(step) and step % self.every == 0 else 0

    def see_checked(self, shown: Shown) -> None:
        """Be taught by checked examples, as the student stands now."""
        with distributed.together(shown.labels.device):
            logits, spaces = self._looked(shown.seen, shown.batches)
        said = Said(logits, spaces, shown.labels.cpu(), shown.ids).of_all_ranks()
        if said.ids is not None:
            self._verdicts = self._verdicts.with_checked(said.ids)
        self._judge, self._lesson = Judge.taught(*said[:3], self.kinds, rng.mixed(self.seed, self._step))

    def weigh(self, evidence: Evidence) -> Tensor:
        """The sigmoid of the sharpened log-odds, then summing to one."""
        return to_sum_one(self.rightness(evidence).to(evidence.like))

    def rightness(self, evidence: Evidence) -> Tensor:
        """From 0 to 1, (B,), on the CPU; of checked examples 0 while their turn has not come, and then more than 1."""
        with distributed.together(evidence.like.device):
            visit = self._visit(evidence)
        self._note(visit, evidence.step)
        odds = self._verdicts.log_odds(visit)
        if odds is None or evidence.step < self._begin:
            right = torch.ones(evidence.size, dtype=torch.double)
        else:
            right = torch.sigmoid(self.sharpness * odds)
        late = self.late is not None and evidence.step >= self.late
        return right.masked_fill(torch.isin(visit.ids, self._verdicts.checked), _CATCHES_UP if late else 0.0)

    @property
    def _begin(self) -> int:
        return _USUAL_FIRST if self.first is None else self.first

    def _judges(self, step: int) -> bool:
        return step >= self._begin and (self.late is None or step < self.late)

    def _visit(self, evidence: Evidence) -> Memory:
        """What is to be said of this batch, as a memory of it alone, in its order."""
        assert evidence.seen is not None
        assert self._judge is not None
        logits, spaces = self._looked(evidence.seen, [evidence.batch])
        labels = evidence.labels_below(logits.shape[1], f"the model has {logits.shape[1]} outputs").cpu()
        asked, suggested = self._judge.ask(self._judge.view(logits, spaces), labels)
        return Memory(_whole(evidence.ids, evidence.size), asked, labels, suggested)

    def _note(self, visit: Memory, step: int) -> None:
        """Remember the visit, of all ranks, and count right labels anew where it is time."""
        if not self._judges(step):
            return
        for part in distributed.everywhere(visit):
            self._verdicts = self._verdicts.with_visit(part)
        if self._verdicts.calibration is None or step % _COUNT_EVERY == 0:
            assert self._judge is not None
            self._verdicts = self._verdicts.counted(self._judge.classes, by_pair=self.by_pair)

    def _looked(self, seen: Seen, batches: Sequence[Batch]) -> tuple[Tensor, list[Tensor]]:
        """Logits (n, K), and the features in which nearness is measured, (n, D) each."""
        if seen.logits is None or seen.logits.shape[1] < 2:
            raise BadInput(
                f"the {self.name} rule reads the student's logits, (B, C) with C ≥ 2, and this model's output has none: "
                "take another rule"
            )
        spaces = [torch.cat([on_cpu(seen.states[place]) for place in self._places or ()], 1)]
        if self.features is not None:
            spaces.append(torch.cat([on_cpu(self.features(batch)) for batch in batches]))
        return on_cpu(seen.logits), spaces

    def state_dict(self) -> dict[str, Any]:
        """All but the settings: the places, what it was taught, and what was said of the training set."""
        judge = None if self._judge is None else self._judge.state_dict()
        return {"places": self._places, "judge": judge, "verdicts": self._verdicts.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            BadInput: if it is no such state.
        """
        try:
            places, judge = state["places"], state["judge"]
            verdicts = Verdicts.from_state(state["verdicts"])
            taught = None if judge is None else Judge.from_state(judge)
        except (KeyError, TypeError, AttributeError) as wrong:
            raise BadInput(f"this is no state of a {self.name} rule: give what its state_dict() returned") from wrong
        self._places, self._verdicts, self._judge, self._lesson = places, verdicts, taught, None


@rule("right-and-helpful", needs={"classes"}, options=VerifierOptions, title="rightness times alignment")
class RightAndHelpful(RightnessRule):
    """P(label right) times the rectified alignment: better than either where many labels are wrong by a pattern.

    With few checked examples of classes that overlap or are rare it inherits what the alignment does wrong there.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"losses", "alignments"})

    def weigh(self, evidence: Evidence) -> Tensor:
        """Their product, then summing to one."""
        aligned = evidence.known("alignments").clamp(min=0)
        return to_sum_one(self.rightness(evidence).to(aligned) * aligned)


def _whole(ids: Any, size: int) -> Tensor:
    if (found := id_tensor(ids, size)) is not None:
        return found
    raise BadInput(
        "the verifier remembers what was said of each example by its id, and finds no whole number for each of this "
        f"batch's {size}: put them under 'id', or pass ids=, a function from a batch to a (B,) tensor"
    )
