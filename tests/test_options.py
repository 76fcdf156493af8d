"""What is said of a setting beside it, and the check that holds values to it."""

import math
from dataclasses import MISSING, dataclass
from typing import ClassVar

import pytest

from reweigh.errors import BadInput
from reweigh.options import LeftOpen, Option, check, near, option, settings_of


@dataclass(frozen=True, kw_only=True)
class Group:
    title: ClassVar[str] = "A group"

    name: str = option(MISSING, "A name.")
    kind: str | None = option(None, "One of {}.", choices=("red", "green"), elsewhere=("module:Class",))
    size: int = option(2, "How large.", least=1, most=9)
    rate: float | None = option(None, "How fast.", usual="as it comes")
    words: tuple[str, ...] = option((), "Some words.")
    on: bool = option(True, "Whether it is on.")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class Narrow(Group):
    kind: str


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"name": 3}, "name is 3: give a value of type str"),
        ({"kind": 3}, "kind is 3: give a value of type str or nothing"),
        (
            {"kind": "gren"},
            r"kind 'gren' is not known \(did you mean 'green'\?\): choose one of red, green, module:Class",
        ),
        ({"kind": ":Class"}, "kind ':Class' is not known"),
        ({"kind": "module:"}, "kind 'module:' is not known"),
        ({"size": 1.5}, "size is 1.5: give a value of type int"),
        ({"size": True}, "size is True: give a value of type int"),
        ({"size": 0}, "size is 0: give a number of at least 1"),
        ({"size": 10}, "size is 10: give a number of at most 9"),
        ({"rate": "1"}, "rate is '1': give a value of type float or nothing"),
        ({"words": (1,)}, "words is .*: give words only"),
        ({"words": ("a\0",)}, "no name and no file has a zero byte"),
        ({"name": "a\0"}, "no name and no file has a zero byte"),
        ({"on": 1}, "on is 1: give a value of type bool"),
        ({"name": None}, "name is left open: give it a value"),
    ],
)
def test_what_cannot_be_used_is_named(said, sentence):
    with pytest.raises(BadInput, match=sentence):
        Group(**{"name": "a"} | said)


@pytest.mark.parametrize(
    "said",
    [{"kind": "red"}, {"kind": "m:f"}, {"size": 9}, {"rate": 1}, {"rate": None}, {"words": ("a", "b")}, {"on": False}],
)
def test_what_can_be_used(said):
    assert Group(name="a", **said)


def test_bounds_take_no_infinity_and_nothing_that_is_no_number():
    for wrong in (math.inf, math.nan):
        with pytest.raises(BadInput, match="at least 0"):
            Option("", least=0).check("x", wrong)


def test_a_field_that_is_narrowed_goes_on_with_what_was_said_of_it():
    assert Narrow(name="a", kind="red").kind == "red"
    with pytest.raises(LeftOpen) as refused:
        Narrow(name="a")
    assert refused.value.name == "kind"
    with pytest.raises(BadInput, match="choose one of red"):
        Narrow(name="a", kind="blue")


def test_settings_are_told_in_their_order_and_a_title_is_none():
    found = settings_of(Group)
    assert list(found) == ["name", "kind", "size", "rate", "words", "on"]
    assert found["name"].default is MISSING
    assert [name for name, setting in found.items() if setting.is_open] == ["kind", "rate"]
    assert [name for name, setting in found.items() if setting.holds_many] == ["words"]
    assert [name for name, setting in settings_of(Narrow).items() if setting.is_open] == ["rate"]
    assert settings_of(Narrow)["kind"].option is found["kind"].option


def test_the_near_word():
    assert near("epoch", ["epochs", "lr"]) == " (did you mean 'epochs'?)"
    assert near("zzz", ["epochs", "lr"]) == ""
