"""Whether an output is the one that a page shows: word by word, numbers nearly, and `...` for whatever stands there."""

import re

ELLIPSIS, UNKNOWN = "...", "?"
NEAR, LITTLE = 0.15, 3.0  # of a number, and what all numbers may differ by: other processors round otherwise
_NUMBER = re.compile(r"\d[\d,]*\.?\d*|\.\d+")
_EPOCH = re.compile(r"epoch \d+ of \d+: ")
_RULES = re.compile(r"[━─═]+")


def shortened(lines: list[str]) -> list[str]:
    """What a page shows of an output: of the lines that only say how far it is, the first and the last."""
    epochs = [place for place, one in enumerate(lines) if _EPOCH.match(one)]
    if len(epochs) < 4:
        return lines
    return [*lines[: epochs[0] + 1], ELLIPSIS, *lines[epochs[-1] :]]


def same_output(shown: list[str], printed: list[str]) -> bool:
    """Whether the lines `printed` are those `shown`, in which a line `...` stands for any lines, or none."""
    shown, printed = [[one.rstrip() for one in lines] for lines in (shown, printed)]
    return _matches(_stripped(shown), _stripped(printed))


def _stripped(lines: list[str]) -> list[str]:
    """Without empty lines at either end."""
    while lines and not lines[0]:
        lines = lines[1:]
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def _matches(shown: list[str], printed: list[str]) -> bool:
    if not shown:
        return not printed
    if shown[0] == ELLIPSIS:
        return any(_matches(shown[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    return bool(printed) and same_line(shown[0], printed[0]) and _matches(shown[1:], printed[1:])


def same_line(shown: str, printed: str) -> bool:
    """Whether two lines have the same words, and numbers near each other; blanks and the length of rules do not count."""
    if ELLIPSIS in shown:
        parts = [re.escape(part).replace(r"\ ", r"\s+") for part in shown.split(ELLIPSIS)]
        return re.fullmatch(".*".join(parts), printed) is not None
    one, other = (_RULES.sub("━", " ".join(line.split())) for line in (shown, printed))
    numbers = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=False)
    words = [" ".join(_NUMBER.sub(" # ", line).split()) for line in (one, other)]
    return words[0] == words[1] and all(_near(_value(a), _value(b)) for a, b in numbers)


def _value(number: str) -> float:
    return float(number.replace(",", "").rstrip(".") or 0)


def _near(one: float, other: float) -> bool:
    return abs(one - other) <= max(LITTLE, NEAR * max(one, other)) if one != other else True
