from pathlib import Path

import pytest

from reweigh.data.own import Sources
from reweigh.data.own.columns import find_roles


def roles(names, **said):
    return find_roles(Sources(train="t.csv", **said), names, Path("t.csv"))


def test_a_target_by_its_usual_name_is_found():
    assert roles(["a", "Label", "b"]).targets == ("Label",)


def test_several_targets():
    assert roles(["a", "b", "c"], target="a, c").targets == ("a", "c")


def test_a_name_with_a_comma_is_a_name():
    assert roles(["a,b", "c"], target="a,b").targets == ("a,b",)


@pytest.mark.parametrize("names", [["a", "b"], ["label", "target", "a"]])
def test_no_target_or_two_that_could_be_have_to_be_named(names, refused):
    with refused("--target"):
        roles(names)
