import dataclasses
import gc

from reweigh.weakly import Weakly


def function(model, batch): ...


@dataclasses.dataclass
class Loss:
    """Two of these are equal, and cannot be hashed."""

    gamma: float = 2.0

    def __call__(self, model, batch): ...
    def method(self, model, batch): ...
    def other(self, model, batch): ...


def test_one_object_is_one_key():
    loss = Loss()
    for call in (function, loss, len):
        assert Weakly(call) == Weakly(call)
        assert len({Weakly(call), Weakly(call)}) == 1
        assert Weakly(call).holds(call)


def test_a_bound_method_is_the_same_each_time_it_is_asked_for():
    loss = Loss()
    assert Weakly(loss.method) == Weakly(loss.method)
    assert Weakly(loss.method).holds(loss.method)
    assert not Weakly(loss.method).holds(loss.other)
    assert not Weakly(loss.method).holds(loss)
    assert not Weakly(loss).holds(loss.method)


def test_equal_objects_are_told_apart():
    one, two = Loss(), Loss()
    assert one == two
    assert Weakly(one) != Weakly(two)
    assert Weakly(one.method) != Weakly(two.method)
    assert not Weakly(one).holds(two)


def test_what_is_gone_stands_for_nothing():
    loss = Loss()
    key, method = Weakly(loss), Weakly(loss.method)
    assert key.alive
    del loss
    gc.collect()
    assert not key.alive
    assert not method.alive
    later = [Loss() for _ in range(100)]
    assert not any(key == Weakly(other) or key.holds(other) for other in later)
