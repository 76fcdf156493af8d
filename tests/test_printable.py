import pytest

from reweigh.printable import printable, printable_in_page, printable_lines


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain [x] ü 🙂", "plain [x] ü 🙂"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("\u202ex\u2066\ufeff", "\\u202ex\\u2066\\ufeff"),
        (b"a\xff".decode("utf-8", "surrogateescape"), "a\\xff"),
        ("\ud800", "\\ud800"),
        ("\x9b", "\\x9b"),
    ],
)
def test_what_would_be_obeyed_is_written_out(name, shown):
    assert printable(name) == shown
    assert printable(name).encode()


def test_lines_stay_and_pages_keep_their_white_space():
    assert printable_lines("a\nb\x1b") == "a\nb\\x1b"
    assert printable_in_page("a\n\tb\u202e\x00") == "a\n\tb\u202e\\x00"
