"""Whatever is changed is noted first, with the way back: an interrupt at any instruction leaves all as found.

Python raises KeyboardInterrupt between any two instructions: within a context manager's `__enter__`, after it and before its
block, in the middle of its `__exit__`. So nothing rests on `finally` alone. Two kinds of notes are kept, for each thread:

    lent(put_back)          to be put back when a block ends (`ForAWhile`), or when the call fails
    unless_done(put_back)   to be put back if the public call that is under way fails

and `whole` makes a function a public call: if anything is raised in it, an interrupt or an error, the notes are gone through
backwards. A way back says how things were, so that it can be taken twice, and a second interrupt does no harm. The one pass
that takes long, the model's, is interrupted as ever.

Levels of forward-mode differentiation, PyTorch's generators and some flags belong to the process, not to a thread: one
public call runs at a time, and others wait. A process is forked between two calls.
"""

import abc
import contextlib
import functools
import os
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from reweigh.modes import Modes

PutBack = Callable[[], None]
_In = ParamSpec("_In")
_Out = TypeVar("_Out")
_TRIES = 3


class _Notes(threading.local):
    def __init__(self) -> None:
        self.lent: list[PutBack] = []
        self.made: list[PutBack] = []
        self.within = False


_notes = _Notes()
_turn = threading.RLock()


def lent(put_back: PutBack) -> None:
    """To be called before a change that lasts as long as the innermost `ForAWhile`; the way back may be taken twice."""
    _notes.lent.append(put_back)


def unless_done(put_back: PutBack) -> None:
    """To be called before a change that is to last, but not if the public call under way fails."""
    if _notes.within:
        _notes.made.append(put_back)


class ForAWhile(abc.ABC):
    """A context manager that changes something for a while; it can be used once."""

    def __enter__(self) -> Any:
        self._mark = len(_notes.lent)
        try:
            return self.change()
        except BaseException:
            _give_back(_notes.lent, self._mark)
            raise

    def __exit__(self, *error: object) -> None:
        _give_back(_notes.lent, self._mark)

    @abc.abstractmethod
    def change(self) -> Any:
        """Note the way back by `lent`, and change; what is returned goes to the `with` statement."""


def _give_back(notes: list[PutBack], mark: int = 0) -> None:
    while len(notes) > mark:
        notes[-1]()
        notes.pop()  # only now, so that an interrupt leaves it to be taken again


def whole(call: Callable[_In, _Out]) -> Callable[_In, _Out]:
    """A public call, in its turn: done, or not begun. Where one calls another, the outer one counts."""

    @functools.wraps(call)
    def in_turn(*args: _In.args, **kwargs: _In.kwargs) -> _Out:
        if (notes := _notes).within:
            return call(*args, **kwargs)
        modes, before = None, 0
        try:
            _turn.acquire()
            modes, before = Modes.now(), len(notes.lent)  # what is lent by then is for whoever is around the call
            notes.within = True
            done = call(*args, **kwargs)
            _give_back(notes.lent, before)  # what was interrupted, and the interrupt swallowed
            notes.made.clear()
            notes.within = False
            _pass_on()
            return done
        except BaseException as error:
            _let_go(error)
            _put_all_back(modes, before)
            if (interrupt := _interrupt_behind(error)) is not None:
                raise interrupt from None
            raise

    return in_turn


def _let_go(error: BaseException | None) -> None:
    """Generators that PyTorch's context managers are made of, and that an interrupt left half entered, end now.

    The frames of a traceback hold them: they would end once that is forgotten, and put back what they had taken away after
    everything has been put back.
    """
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            traceback.clear_frames(error.__traceback__)
        error = error.__context__


def _interrupt_behind(error: BaseException) -> KeyboardInterrupt | None:
    """The interrupt that PyTorch's own context managers stumbled over, half entered or half left, on its way out.

    An error that somebody raised from an interrupt on purpose names it as its cause, and stays.
    """
    behind: BaseException | None = error
    while isinstance(behind, RuntimeError) and behind.__cause__ is None:
        behind = behind.__context__
    return behind if behind is not error and isinstance(behind, KeyboardInterrupt) else None


def _put_all_back(modes: Modes | None, before: int) -> None:
    failures = 0
    while True:
        try:
            if _notes.within and modes is not None:
                modes.put_back()
                with torch.no_grad():
                    _give_back(_notes.lent, before)
                    _give_back(_notes.made)
                modes.put_back()
                _notes.within = False
            _pass_on()
            return
        except KeyboardInterrupt:  # a second one: the first is on its way already
            continue
        except Exception:  # a way back that cannot be taken must not bar the others
            failures += 1
            if failures % _TRIES == 0 and (left := _notes.lent if len(_notes.lent) > before else _notes.made):
                left.pop()


def _pass_on() -> None:
    """Let the next thread have its turn; can be called where that has happened."""
    with contextlib.suppress(RuntimeError):
        while True:
            _turn.release()


def remember(*things: object) -> None:
    """The attributes of these objects, and what lists, dictionaries, generators and tensors among them hold, are put back if
    the call under way fails.
    """
    if _notes.within:
        unless_done(functools.partial(_as_remembered, [_remembered(thing) for thing in things if thing is not None]))


def _remembered(thing: object) -> tuple[dict[str, Any], dict[str, Any], list[tuple[Any, Any]]]:
    own = getattr(thing, "__dict__", {})
    held = [(value, copied) for value in own.values() if (copied := _content(value)) is not None]
    return own, own.copy(), held


def _content(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return None
    if kind in _CONTAINERS:
        return value.copy()
    if isinstance(value, torch.Generator):
        return value.get_state()
    return value.detach().clone() if isinstance(value, Tensor) and value.numel() else None


_PLAIN = frozenset({bool, int, float, str, type(None), tuple})
_CONTAINERS = frozenset({list, dict, set, OrderedDict})


def _as_remembered(found: list[tuple[dict[str, Any], dict[str, Any], list[tuple[Any, Any]]]]) -> None:
    for own, values, held in found:
        restore(own, values)
        for value, content in held:
            if isinstance(value, torch.Generator):
                value.set_state(content)
            elif isinstance(value, Tensor):
                value.data.copy_(content)
            elif isinstance(value, list):
                value[:] = content
            elif isinstance(value, set):
                value.intersection_update(content)
                value.update(content)
            else:
                restore(value, content)


def values_of(tensors: Sequence[Tensor]) -> PutBack:
    """A function that puts back the numbers that these tensors hold."""
    found = [(t, t.detach().clone()) for t in tensors]

    def put_back() -> None:
        for t, value in found:
            t.data.copy_(value)

    return put_back


def restore(own: dict[Any, Any], values: dict[Any, Any]) -> None:
    """Put a dictionary's content back without ever emptying it."""
    own.update(values)
    if len(own) != len(values):
        for name in [name for name in own if name not in values]:
            del own[name]


def _after_fork() -> None:
    global _notes
    _notes = _Notes()
    _turn.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_turn.acquire, after_in_parent=_turn.release, after_in_child=_after_fork)
