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

import torch
from torch import Tensor

from reweigh import rng
from reweigh.capture.recorder import Recorder, Segment, recorder_for
from reweigh.capture.tape import Body
from reweigh.capture.unchanged import Unchanged, hooked
from reweigh.errors import BadInput
from reweigh.walk import Walk

WAYS = ("off", "auto", "replay", "cudagraph")
WRAPPED = "the model is wrapped or compiled, or there are other processes to agree with"
WARM_UP = 3
"""So many passes of a kind are made by Python before one is recorded."""
MOST = 8
"""Recordings that are kept at a time, the latest used."""
_MOST_KINDS = 64
_PATIENCE = 24
"""So many recordings may be made before each of them has to have served some steps."""
_OFTEN = "shapes, or numbers in Python, change so often that it does not pay: pad batches to a few shapes"


@dataclasses.dataclass
class _Known:
    """A kind of pass: seen so often, recorded or not, and how often made again since."""

    unchanged: Unchanged
    seen: int = 0
    segments: Sequence[Segment] | None = None
    random: bool = False
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
        how: "auto": CUDA graphs where the model is on such a device, operations made again elsewhere; "replay" or
            "cudagraph": one of them by name.

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
        self, name: str, walk: Walk, loss: Any, inputs: Sequence[Tensor], kind: Hashable, *, bar: str = ""
    ) -> "Passage | None":
        """One pass of this name, to be made part by part; None where it is Python's.

        Args:
            name: for people, and to tell passes apart.
            walk, loss: what is passed.
            inputs: the tensors that change from step to step.
            kind: all else that the pass depends on.
            bar: why it cannot be recorded, in a clause, where that is known.
        """
        if name in self.refused:
            return None
        known = bar or hooked(walk) or self._of(name, walk, loss, inputs, kind)
        if isinstance(known, str):
            self.refuse(name, known)
            return None
        return None if known.segments is None and known.seen <= WARM_UP else Passage(self, name, known, walk)

    def refuse(self, name: str, why: str) -> None:
        """Python makes this pass from here on."""
        self.refused[name] = why

    def explain(self) -> str:
        """What is made again without Python, and what is not, and why."""
        done = sorted({key[0] for key, found in self._known.items() if any(one.segments for one in found)})
        told = [f"made again without Python: {', '.join(done)}"] if done else []
        told += [f"{name} is Python's: {why}" for name, why in sorted(self.refused.items())]
        return "\n".join(told) or "nothing is recorded yet"

    def recorder(self, walk: Walk) -> Recorder:
        """What a pass is recorded by."""
        return recorder_for(self.how, walk)

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
        shapes = tuple((t.shape, t.stride(), t.dtype, t.device, t.requires_grad) for t in inputs)
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

    def __init__(self, captures: Captures, name: str, known: _Known, walk: Walk) -> None:
        self._captures, self._name, self._known, self._walk = captures, name, known, walk
        self._recorder = captures.recorder(walk) if known.segments is None else None
        self._proving = known.segments is not None and known.proof_due
        self._next = 0
        self._buffers = [holder[name] for holder, name in walk.buffers]
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
        with _undone(self._walk):
            replayed = segment(inputs)
        found = body(inputs)
        if self._proving and (apart := _apart(replayed, found)) is not None:
            self._disproved(apart)
        return found

    def done(self) -> None:
        """The pass is over, and nothing failed."""
        if self._recorder is not None:
            if (why := self._recorder.refused or self._bound_anew()) is not None:
                self._captures.refuse(self._name, why)
                return
            self._known.segments, self._known.random = self._recorder.done(), self._recorder.random
            self._known.constants = [(t, t._version) for t in self._recorder.constants]
            self._known.addresses = self._recorder.addresses
            self._captures.recorded(self._name)
            if not self._known.holds():
                self._captures.refuse(self._name, "the pass itself binds an attribute or a global anew each time")
        elif self._known.segments is not None:
            self._known.used += 1
            self._captures.served(self._name)

    def _bound_anew(self) -> str | None:
        """Whether the pass has put another tensor in a buffer's place, which only Python does."""
        now = self._walk.buffers
        same = len(now) == len(self._buffers) and all(
            holder[name] is before for (holder, name), before in zip(now, self._buffers, strict=True)
        )
        return None if same else "the pass puts other tensors in the places of buffers, instead of writing to them"

    def _disproved(self, apart: str) -> None:
        self._captures.refuse(self._name, f"made again without Python it came out otherwise ({apart})")
        self._known.segments, self._proving = None, False
        if self._known.used > 0:
            warnings.warn(
                f"{self._name}: a step made again without Python came out otherwise than one by Python ({apart}), so that "
                f"up to {self._known.used} steps since the last comparison may have been wrong; it goes on by Python. "
                "Something changes between steps that is neither in the batch nor in the model: pass it in the batch",
                stacklevel=6,
            )


class _undone:
    """After the block buffers and generators are as they were."""

    def __init__(self, walk: Walk) -> None:
        self._buffers = [b for part in walk.parts for b in part._buffers.values() if b is not None]
        self._values = [b.detach().clone() for b in self._buffers]
        self._back = rng.way_back(walk.devices)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        self._back()
        for buffer, value in zip(self._buffers, self._values, strict=True):
            buffer.data.copy_(value)


def _apart(replayed: Sequence[Tensor | None], found: Sequence[Tensor | None]) -> str | None:
    """How far two results are apart, where that is more than rounding."""
    for one, other in zip(replayed, found, strict=True):
        if one is None or other is None:
            if one is not other:
                return "a gradient where there is none, or none where there is one"
            continue
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"shape {tuple(one.shape)} for {tuple(other.shape)}"
        if not one.is_floating_point():
            if not torch.equal(one, other):
                return "other whole numbers"
            continue
        kind = torch.promote_types(one.dtype, torch.float32)
        a, b = one.detach().to(kind), other.detach().to(kind)
        size, off = float(b.norm()), float((a - b).norm())
        if off != off and bool(torch.equal(a.isnan(), b.isnan())):
            continue
        if not off <= torch.finfo(one.dtype).eps ** 0.5 * size + torch.finfo(kind).tiny:
            return f"off by {off / size if size else off:.1e}"
    return None
