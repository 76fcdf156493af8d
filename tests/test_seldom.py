"""What the usual suite leaves to the longer checks, families that are there; and how two processes share out the rest."""

from pathlib import Path

import pytest

from seldom import ONE_IN, is_seldom

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", ONE_IN)
def test_a_family_is_there(name):
    file, _, test = name.partition("::")
    assert f"\ndef {test}(" in (HERE / file).read_text("utf-8")


class Item:
    def __init__(self, nodeid):
        self.nodeid = nodeid


def test_some_of_a_family_are_usual_and_others_are_not():
    name = "tests/practice/test_compile.py::test_compiled_training"
    seldom = [is_seldom(Item(f"{name}[{k}]")) for k in range(300)]
    assert 150 < sum(seldom) < 250  # two in three
    assert seldom == [is_seldom(Item(f"{name}[{k}]")) for k in range(300)]


def test_what_is_of_no_family_is_usual():
    assert not any(is_seldom(Item(f"tests/practice/test_compile.py::another[{k}]")) for k in range(50))


def test_a_file_goes_to_one_process(request):
    """pytest-xdist reads that off a test's name; where it does not stand there, what a file's tests share is made twice."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("one process runs all tests")
    assert request.node.nodeid.endswith("@tests/test_seldom.py")
