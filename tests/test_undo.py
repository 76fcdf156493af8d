import contextlib
import copy
import gc
import threading

import pytest
import torch

from reweigh import rng, undo
from reweigh.undo import ForAWhile, lent, remember, restore, unless_done, whole


class holding(ForAWhile):
    def __init__(self, place, value, fails=None):
        self.place, self.value, self.fails = place, value, fails

    def change(self):
        before = list(self.place)
        lent(lambda: self.place.__setitem__(slice(None), before))
        self.place.append(self.value)
        if self.fails is not None:
            raise self.fails
        return self.value


def test_a_block_puts_back_what_it_lent_last_first():
    place = []
    with holding(place, 1) as one, holding(place, 2):
        assert (one, place) == (1, [1, 2])
    assert place == []


def test_what_fails_while_it_changes_is_put_back():
    place = []
    with pytest.raises(KeyError), holding(place, 1, fails=KeyError()):
        pass
    assert place == []


def test_what_a_lost_exit_left_is_put_back_by_the_block_around_it():
    place = []
    with holding(place, 1):
        holding(place, 2).__enter__()
        assert place == [1, 2]
    assert place == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError, GeneratorExit])
def test_a_call_that_fails_has_not_been(kind):
    place, done = [], []

    @whole
    def call():
        unless_done(done.clear)
        done.append(1)
        holding(place, 1).__enter__()  # and no exit
        torch._C._set_grad_enabled(False)
        raise kind

    with pytest.raises(kind):
        call()
    assert (place, done, torch.is_grad_enabled()) == ([], [], True)
    assert not undo._notes.within


def test_a_call_that_is_done_keeps_what_it_made():
    done = []

    @whole
    def call():
        unless_done(done.clear)
        done.append(1)
        return inner()

    @whole
    def inner():
        unless_done(done.clear)
        done.append(2)
        return 3

    assert call() == 3
    assert done == [1, 2]
    assert undo._notes.made == []


def test_an_inner_call_that_fails_and_is_caught_leaves_the_outer_one_its_turn():
    @whole
    def inner():
        raise ZeroDivisionError

    @whole
    def call():
        with pytest.raises(ZeroDivisionError):
            inner()
        return undo._notes.within

    assert call()
    assert not undo._notes.within


def test_outside_of_a_call_nothing_is_noted_for_its_failure():
    unless_done(lambda: None)
    remember(object())
    assert undo._notes.made == []


def test_a_way_back_that_cannot_be_taken_does_not_bar_the_others():
    done = []

    @whole
    def call():
        unless_done(lambda: done.append("first"))
        unless_done(lambda: 1 / 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call()
    assert done == ["first"]
    assert whole(lambda: 5)() == 5


def test_objects_are_remembered_with_what_their_containers_hold():
    class Thing:
        pass

    thing, generator = Thing(), torch.Generator().manual_seed(1)
    thing.number, thing.list, thing.dict, thing.set = 1, [1, 2], {"a": 1}, {1}
    thing.tensor, thing.generator = torch.zeros(2), generator
    identities, state = {k: id(v) for k, v in vars(thing).items()}, copy.copy(generator.get_state())

    @whole
    def call():
        remember(thing, None)
        thing.number, thing.more = 2, 3
        thing.list.append(3)
        thing.dict["b"] = 2
        thing.set.add(2)
        thing.tensor += 1
        torch.rand(3, generator=generator)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call()
    assert {k: id(v) for k, v in vars(thing).items()} == identities
    assert (thing.number, thing.list, thing.dict, thing.set) == (1, [1, 2], {"a": 1}, {1})
    assert torch.equal(thing.tensor, torch.zeros(2))
    assert torch.equal(generator.get_state(), state)


def test_a_dictionary_is_restored_without_ever_being_empty():
    class Watched(dict):
        def clear(self):
            raise AssertionError

    own = Watched(a=1, b=2)
    restore(own, {"a": 3, "c": 4})
    assert own == {"a": 3, "c": 4}


def test_calls_of_two_threads_take_turns():
    within, most = [0], [0]

    @whole
    def call():
        within[0] += 1
        most[0] = max(most[0], within[0])
        threading.Event().wait(0.01)
        within[0] -= 1

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1]


@pytest.mark.parametrize("raised", [False, True], ids=["stumbled", "on purpose"])
def test_an_interrupt_is_not_lost_behind_what_stumbles_over_it(raised):
    """PyTorch's function modes and levels raise when they are left half way; the user pressed Ctrl-C."""

    @whole
    def call():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            if raised:
                raise RuntimeError("mine") from stop
            raise RuntimeError("trying to pop from empty mode stack")  # noqa: B904

    with pytest.raises(RuntimeError if raised else KeyboardInterrupt):
        call()


class HalfEntered(contextlib._GeneratorContextManager):
    """One of PyTorch's context managers when an interrupt comes at the end of its `__enter__`."""

    def __enter__(self):
        entered = next(self.gen)
        raise KeyboardInterrupt
        return entered


def test_a_generator_that_was_half_entered_puts_nothing_back_later():
    """Its frame is held by the traceback, and PyTorch's puts a function mode back when that is forgotten."""
    taken_away = torch.overrides._pop_mode_temporarily.__wrapped__

    @whole
    def interrupted():
        with torch.overrides.TorchFunctionMode():
            HalfEntered(taken_away, (), {}).__enter__()

    with contextlib.suppress(KeyboardInterrupt):
        interrupted()
    gc.collect()
    assert torch._C._len_torch_function_stack() == 0


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_lent_around_a_call_is_put_back_at_the_end_of_the_block(fails):
    """An estimator seeds the generators for its whole fit, in which a batch after the other is a public call."""

    @whole
    def call():
        torch.rand(1)
        if fails:
            raise ValueError

    torch.manual_seed(0)
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        with rng.kept():
            rng.seed(5)
            with contextlib.suppress(ValueError):
                call()
            drawn.append(torch.rand(1))
        torch.testing.assert_close(torch.get_rng_state(), before)
        torch.manual_seed(0)
    assert drawn[0] == drawn[1] == _second_of(5)


def _second_of(seed):
    return torch.rand(2, generator=torch.Generator().manual_seed(seed))[1]
