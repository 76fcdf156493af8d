"""When an output is the one that a page shows."""

import pytest
from pages.compare import same_line, same_output, shortened


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("accuracy 83.3 %", "accuracy 84.1 %", True),
        ("accuracy 83.3 %", "accuracy 60.1 %", False),
        ("accuracy 83.3 %", "macro F1 83.3 %", False),
        ("1,234 rows", "1,240 rows", True),
        ("1,234 rows", "2,234 rows", False),
        ("row 3", "row", False),
        ("in 5 s", "in 7 s", True),
        ("│ a  │ 12 │", "│ a │ 12  │", True),
        ("┏━━━━┓", "┏━━┓", True),
        ("Done in ... seconds", "Done in 999 seconds", True),
        ("Done in ... seconds", "Done in 999 minutes", False),
        ("a.b ...", "axb c", False),
    ],
)
def test_lines(shown, printed, same):
    assert same_line(shown, printed) is same


def test_three_dots_stand_for_any_lines():
    assert same_output(["a", "...", "z"], ["a", "z"])
    assert same_output(["a", "...", "z", "..."], ["a", "b", "z", "c", "z", "", ""])
    assert not same_output(["a", "...", "z"], ["a", "b"])
    assert not same_output(["a"], ["a", "b"])
    assert not same_output(["a", "b"], ["a"])


def test_empty_lines_at_the_ends_do_not_count():
    assert same_output(["", "a", "", "b"], ["a", "", "b", ""])
    assert not same_output(["a", "b"], ["a", "", "b"])


def test_of_many_epochs_the_first_and_the_last_are_shown():
    epochs = [f"epoch {k} of 5: loss 0.{k}" for k in range(1, 6)]
    assert shortened(["a", *epochs, "b"]) == ["a", epochs[0], "...", epochs[-1], "b"]
    assert same_output(shortened(["a", *epochs, "b"]), ["a", *epochs, "b"])
    assert shortened(["a", *epochs[:3]]) == ["a", *epochs[:3]]
