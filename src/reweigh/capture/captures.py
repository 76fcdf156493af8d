"""Passes that are recorded once and made again without Python: when, for which inputs, and how that is held to be right.

A pass is made by Python for the first steps of its kind (shapes and kinds of its inputs, and everything that is taken for
granted), then recorded, then made again. At the first two times, and at the times 4, 8, 16, ..., it is made both ways and
held against the one by Python; where the two differ, it is said, and Python goes on.
"""

import dataclasses
import warnings
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

from torch import Tensor

from reweigh.capture.proof import apart, undone
from reweigh.capture.recorder import Recorder, Segment, on_cuda, recorder_for
from reweigh.capture.tape import Body
from reweigh.capture.unchanged import Unchanged, hooked, kind_of
from reweigh.errors import BadInput
from reweigh.walk import Walk

WAYS = ("off", "auto", "replay", "compile", "cudagraph")
WRAPPED = "the model is wrapped or compiled, or there are other processes to agree with"
WARM_UP = 3
"""So many passes of a kind are made by Python before one is recorded."""
MOST = 8
"""Recordings that are kept at a time, the latest used."""
_MOST_KINDS = 64
_PATIENCE = 24
"""So many recordings may be made before each of them has to have served some steps."""
_FEW = "there are so few operations that Python takes next to no time"
_OFTEN = "shapes, or numbers in Python, change so often that it does not pay: pad batches to a few shapes"


@dataclasses.dataclass
class _Known:
    """A kind of pass: seen so often, recorded or not, and how often made again since."""

    unchanged: Unchanged
    seen: int = 0
    surveyed: bool = False
    segments: Sequence[Segment] | None = None
    random: bool = False
    eps: float = 0.0
    used: int = 0
    constants: list[tuple[Tensor, int]] = dataclasses.field(default_factory=list)
    addresses: Sequence[tuple[Tensor, int]] = ()

    @property
    def proof_due(self) -> bool:
        return self.used < 2 or self.used & (self.used - 1) == 0

    def holds(self) -> bool:
        still = all(t._version == version for t, version in self.constants)
        return still and all(t.data_ptr() == place for t, place in self.addresses) and self.unchanged.holds()


class Captures:
    """What was recorded of one student, and what was found out about it.

    Args:
        how: "replay": the operations, one by one; "compile": the same compiled; "cudagraph"; "auto": CUDA graphs where the
            model is on such a device, operations one by one elsewhere.

    Raises:
        BadInput: for another word.
    """

    def __init__(self, how: str) -> None:
        if how not in WAYS:
            raise BadInput(f"capture is {how!r}: choose {', '.join(map(repr, WAYS))}")
        self.how = how
        self._known: dict[tuple[str, Hashable, Hashable], list[_Known]] = {}
        self._made, self._served = Counter[str](), Counter[str]()
        self.refused: dict[str, str] = {}
        """By the name of a pass: why Python makes it, in a clause."""

    def __getstate__(self) -> dict[str, Any]:
        """A copy is of another model, and records anew."""
        return {"how": self.how}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["how"])  # type: ignore[misc]

    def passage(
        self,
        name: str,
        walk: Walk,
        loss: Any,
        inputs: Sequence[Tensor],
        kind: Hashable,
        *,
        bar: str = "",
        least: int = 0,
    ) -> "Passage | None":
        """One pass of this name, to be made part by part; None where it is Python's.

        Args:
            name: for people, and to tell passes apart.
            walk, loss: what is passed.
            inputs: the tensors that change from step to step.
            kind: all else that the pass depends on.
            bar: why it cannot be recorded, in a clause, where that is known.
            least: with fewer operations it is left to Python.

        Raises:
            BadInput: for CUDA graphs of a model that is elsewhere.
        """
        if self.how == "cudagraph" and not on_cuda(walk):
            raise BadInput("capture='cudagraph' needs all of the model on a CUDA device: move it there, or use 'auto'")
        if name in self.refused:
            return None
        known = bar or hooked(walk) or self._of(name, walk, loss, inputs, kind)
        if isinstance(known, str):
            self.refuse(name, known)
            return None
        return None if known.segments is None and known.seen <= WARM_UP else Passage(self, name, known, walk, least)

    def refuse(self, name: str, why: str) -> None:
        """Python makes this pass from here on."""
        self.refused[name] = why

    def explain(self) -> str:
        """What is made again without Python, and what is not, and why."""
        done = sorted({key[0] for key, found in self._known.items() if any(one.segments for one in found)})
        told = [f"made again without Python: {', '.join(done)}"] if done else []
        told += [f"{name} is Python's: {why}" for name, why in sorted(self.refused.items())]
        return "\n".join(told) or "nothing is recorded yet"

    def recorded(self, name: str) -> None:
        """One more recording was made; the one that was not used for longest goes."""
        self._made[name] += 1
        every = [(key, one) for key, found in self._known.items() for one in found if one.segments]
        for key, one in every[:-MOST]:
            self._known[key].remove(one)

    def served(self, name: str) -> None:
        """A recording was used."""
        self._served[name] += 1

    def _of(self, name: str, walk: Walk, loss: Any, inputs: Sequence[Tensor], kind: Hashable) -> _Known | str:
        """What is known of the pass as it is now, which is seen once more; or why it is not worth it."""
        shapes = tuple((*kind_of(t), t.requires_grad) for t in inputs)
        key = (name, shapes, kind)
        found = self._known.pop(key, [])
        self._known[key] = found  # the latest are the last
        if len(self._known) > _MOST_KINDS:
            del self._known[next(iter(self._known))]
        known = next((one for one in found if one.holds()), None)
        if known is None:
            if len(found) >= MOST and not any(one.segments for one in found):
                return f"{found[-1].unchanged.other() or 'a tensor of elsewhere'} is another at each step"
            known = _Known(Unchanged(walk, loss))
        else:
            found.remove(known)
        found.append(known)
        del found[:-MOST]
        known.seen += 1
        often = self._made[name] >= _PATIENCE and self._served[name] < 4 * self._made[name]
        return _OFTEN if often and known.segments is None and known.seen > WARM_UP else known


def captures_if(how: str) -> Captures | None:
    """Where passes are recorded for this `capture`; None for "off".

    Raises:
        BadInput: for a word that is none of them.
    """
    captures = Captures(how)
    return None if how == "off" else captures


class Passage:
    """One pass, made part by part: recorded, made again, or both ways.

    Attributes:
        random: whether it draws random numbers, so far as is known: a pass that is being recorded may.
    """

    def __init__(self, captures: Captures, name: str, known: _Known, walk: Walk, least: int) -> None:
        self._captures, self._name, self._known, self._walk, self._least = captures, name, known, walk, least
        new = known.segments is None
        self._recorder = recorder_for(captures.how, walk, surveyed=known.surveyed) if new else None
        self._proving = known.segments is not None and known.proof_due
        self._next = 0
        self._buffers = [holder[name] for holder, name in walk.buffers] if new else []
        self.random = known.segments is None or known.random

    def run(self, inputs: Sequence[Tensor], body: Body) -> list[Tensor | None]:
        """The next part: what `body` makes of these tensors."""
        if self._recorder is not None:
            return self._recorder.run(inputs, body)
        segments = self._known.segments
        if segments is None:  # an earlier part was disproved
            return body(inputs)
        segment, self._next = segments[self._next], self._next + 1
        if not self._proving:
            return segment(inputs)
        with undone(self._walk):
            replayed = segment(inputs)
        found = body(inputs)
        if self._proving and (why := apart(replayed, found, self._known.eps)) is not None:
            self._disproved(why)
        return found

    def done(self) -> None:
        """The pass is over, and nothing failed."""
        if self._recorder is not None:
            self._recorded(self._recorder)
        elif self._known.segments is not None:
            self._known.used += 1
            self._captures.served(self._name)

    def _recorded(self, recorder: Recorder) -> None:
        known, few = self._known, recorder.operations < self._least
        segments = recorder.done()
        if (why := recorder.refused or self._bound_anew() or (_FEW if few else None)) is not None:
            return self._captures.refuse(self._name, why)
        known.surveyed = True
        if segments is None:
            return None
        known.segments, known.addresses = segments, recorder.addresses
        known.random, known.eps = recorder.random, recorder.eps
        known.constants = [(t, t._version) for t in recorder.constants]
        self._captures.recorded(self._name)
        if not known.holds():
            self._captures.refuse(self._name, "the pass itself binds an attribute or a global anew each time")
        return None

    def _bound_anew(self) -> str | None:
        """Whether the pass has put another tensor in a buffer's place, which only Python does."""
        now = self._walk.buffers
        same = len(now) == len(self._buffers) and all(
            holder[name] is before for (holder, name), before in zip(now, self._buffers, strict=True)
        )
        return None if same else "the pass puts other tensors in the places of buffers, instead of writing to them"

    def _disproved(self, why: str) -> None:
        self._captures.refuse(self._name, f"made again without Python it came out otherwise ({why})")
        self._known.segments, self._proving = None, False
        if self._known.used > 0:
            warnings.warn(
                f"{self._name}: a step made again without Python came out otherwise than one by Python ({why}), so that "
                f"up to {self._known.used} steps since the last comparison may have been wrong; it goes on by Python. "
                "Something changes between steps that is neither in the batch nor in the model: pass it in the batch",
                stacklevel=6,
            )
