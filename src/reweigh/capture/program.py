"""Recorded operations as one Python function: each call is a line, and what is not needed any more is let go.

Nothing is computed otherwise than it was recorded: the same operations, on tensors of the same shapes, in the same order.
Left out are operations without any effect: those whose result nobody uses, and second names of a tensor.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from reweigh._torch import kernel_of


class Slot(int):
    """The number of a tensor in a recording."""


@dataclass(frozen=True)
class Call:
    """One operation: arguments and results with a `Slot` in each tensor's place.

    Attributes:
        stays: whether it has an effect beside its results: it writes in place, or draws random numbers.
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Any
    stays: bool


@dataclass(frozen=True)
class Place:
    """A buffer, by where it stands: another may stand there at the next pass."""

    holder: dict[str, Any]
    name: str


Constants = dict[Slot, "torch.Tensor | Place"]
"""What is neither an input nor made on the way."""
Run = Callable[[Sequence[Any], Sequence[Any]], tuple[list[Any], list[Any]]]
"""From inputs and what an earlier part has left to outputs and what is left for later parts."""


@dataclass
class Part:
    """What lies between two looks of the host: operations, and the slots that come in and go out."""

    calls: list[Call]
    inputs: list[Slot]
    outputs: list[Slot | None]


def slots_in(value: Any) -> Iterator[Slot]:
    """The tensors in an argument or a result."""
    if isinstance(value, Slot):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from slots_in(item)
    elif isinstance(value, dict):
        yield from slots_in(list(value.values()))


def _used(call: Call) -> Iterator[Slot]:
    yield from slots_in(call.args)
    yield from slots_in(call.kwargs)


def needed(parts: Sequence[Part]) -> list[Part]:
    """The parts without operations whose results nobody uses."""
    found: list[Part] = []
    wanted: set[Slot] = set()
    for part in reversed(parts):
        wanted |= {slot for slot in part.outputs if slot is not None}
        calls: list[Call] = []
        for call in reversed(part.calls):
            if call.stays or any(slot in wanted for slot in slots_in(call.out)):
                calls.append(call)
                wanted.update(_used(call))
        found.append(Part(calls[::-1], part.inputs, part.outputs))
    return found[::-1]


def written(parts: Sequence[Part], constants: Constants, called: Callable[[Any], Any] = kernel_of) -> list[Run]:
    """Each part as a function of Python; `called` says what a line calls for an operation."""
    parts = needed(parts)
    runs: list[Run] = []
    carried: list[Slot] = []
    known = set(constants)
    for number, part in enumerate(parts):
        known |= {*part.inputs, *(slot for call in part.calls for slot in slots_in(call.out))}
        later = {slot for one in parts[number + 1 :] for slot in _taken(one)}
        leaves = sorted(slot for slot in later if slot in known and slot not in constants)
        runs.append(_Writer(constants, called).written(part, carried, leaves))
        carried = leaves
    return runs


def _taken(part: Part) -> Iterator[Slot]:
    for call in part.calls:
        yield from _used(call)
    yield from (slot for slot in part.outputs if slot is not None)


class _Writer:
    """Writes one part as source and has Python compile it."""

    def __init__(self, constants: Constants, called: Callable[[Any], Any]) -> None:
        self._constants, self._called = constants, called
        self._names: dict[str, Any] = {}
        self._known: dict[int, str] = {}

    def written(self, part: Part, carried: Sequence[Slot], leaves: Sequence[Slot]) -> Run:
        last: dict[Slot, int] = {}
        for at, call in enumerate(part.calls):
            for slot in (*_used(call), *slots_in(call.out)):
                last[slot] = at
        kept = {*leaves, *(slot for slot in part.outputs if slot is not None)}
        lines = [f"    [{', '.join(map(self._slot, slots))}] = {name}" for name, slots in
                 (("inputs", part.inputs), ("carried", carried)) if slots]  # fmt: skip
        lines.append("    del inputs, carried")
        unused = {*part.inputs, *carried} - set(last) - kept
        lines += [f"    del {', '.join(f's{slot}' for slot in sorted(unused))}"] if unused else []
        for at, call in enumerate(part.calls):
            lines += self._line(call)
            gone = {slot for slot in (*_used(call), *slots_in(call.out)) if last[slot] == at and slot not in kept}
            if gone := gone - set(self._constants):
                lines.append(f"    del {', '.join(f's{slot}' for slot in sorted(gone))}")
        outputs = ", ".join("None" if slot is None else self._slot(slot) for slot in part.outputs)
        lines.append(f"    return [{outputs}], [{', '.join(map(self._slot, leaves))}]")
        source = "def run(inputs, carried):\n" + "\n".join(lines) + "\n"
        exec(compile(source, "<recorded>", "exec"), self._names)
        run: Run = self._names["run"]
        return run

    def _line(self, call: Call) -> Iterator[str]:
        args = [self._value(value) for value in call.args]
        args += [f"{name}={self._value(value)}" for name, value in call.kwargs.items()]
        asked = f"{self._name(self._called(call.func), 'f')}({', '.join(args)})"
        if isinstance(call.out, Slot):
            yield f"    s{call.out} = {asked}"
        elif any(True for _ in slots_in(call.out)):
            yield f"    {self._target(call.out)} = {asked}"
        else:
            yield f"    {asked}"

    def _target(self, out: Any) -> str:
        if isinstance(out, Slot):
            return f"s{out}"
        return f"[{', '.join(map(self._target, out))}]" if isinstance(out, tuple | list) else "_"

    def _slot(self, slot: Slot) -> str:
        if slot not in self._constants:
            return f"s{slot}"
        found = self._constants[slot]
        if isinstance(found, Place):
            return f"{self._name(found.holder, 'k')}[{found.name!r}]"
        return self._name(found, "k")

    def _value(self, value: Any) -> str:
        if isinstance(value, Slot):
            return self._slot(value)
        if value is None or type(value) in (bool, int) or (type(value) is float and math.isfinite(value)):
            return repr(value)
        if type(value) is list:
            return f"[{', '.join(map(self._value, value))}]"
        if type(value) is tuple:
            return f"({''.join(f'{self._value(item)}, ' for item in value)})"
        return self._name(value, "k")

    def _name(self, value: Any, kind: str) -> str:
        name = self._known.setdefault(id(value), f"{kind}{len(self._known)}")
        self._names[name] = value
        return name
