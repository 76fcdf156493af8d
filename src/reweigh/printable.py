"""Names and texts from elsewhere, made fit to be shown.

A file may be called "\x1b[2J", a class "a\nb", a label "[bold]"; bytes of a name may be no UTF-8, and marks of writing from
right to left may turn a line around. What a terminal or a browser would obey instead of showing is written out as an escape,
so that a name looks like what it is and does nothing.
"""

import re

# C0 and C1 controls, DEL; marks that turn the direction of a line; separators of lines; bytes that were no UTF-8.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_OBEYED_IN_LINES = re.compile(_OBEYED.pattern.replace("\x00-\x1f", "\x00-\x09\x0b-\x1f"))
_OBEYED_IN_PAGES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(value: object) -> str:
    """A name on one line, as `str` has it, with whatever would be obeyed written out: "a\\nb", "\\x1b[2J"."""
    return _OBEYED.sub(_written, str(value))


def printable_lines(text: str) -> str:
    """The same for a text of our own of several lines, whose newlines stay."""
    return _OBEYED_IN_LINES.sub(_written, text)


def printable_in_page(text: str) -> str:
    """The same for a page, which shows white space as a space and isolates what runs from right to left."""
    return _OBEYED_IN_PAGES.sub(_written, text)


def _written(found: re.Match[str]) -> str:
    letter = found[0]
    if letter in _SHORT:
        return _SHORT[letter]
    if "\udc80" <= letter <= "\udcff":  # a byte that was no UTF-8, as the system hands it over
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return f"\\x{ord(letter):02x}" if ord(letter) < 0x100 else f"\\u{ord(letter):04x}"
