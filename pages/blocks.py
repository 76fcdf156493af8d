"""What a page shows to be pasted: commands in `console` blocks, Python in `python` blocks, and the output shown of each.

A command stands behind `$ `, and goes on in the next line where it ends in a backslash; what follows is its output. The
output of Python is a `text` block that comes next.
"""

import re
from dataclasses import dataclass
from itertools import takewhile

PROMPT = "$ "
_FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Pasted:
    """One thing to paste: its code, the lines of output that the page shows, and the line of the page where it stands."""

    language: str
    code: str
    shown: list[str]
    line: int


@dataclass(frozen=True)
class Block:
    """Where the content of a block lies in a page's text, and what is pasted from it."""

    start: int
    end: int
    language: str
    pasted: list[Pasted]

    def written(self) -> str:
        """The block's content anew, with the outputs as they are in `pasted`."""
        if self.language == "text":
            return _lines(self.pasted[0].shown)
        return "".join(f"{PROMPT}{one.code}\n{_lines(one.shown)}" for one in self.pasted)


def blocks_of(text: str, *, python: bool) -> list[Block]:
    """The `console` blocks of a page, in order; with `python` its Python as well, whose block is that of its output."""
    found: list[Block] = []
    waiting: Pasted | None = None
    for fence in _FENCE.finditer(text):
        language, content, line = fence[1], fence[2], text.count("\n", 0, fence.start()) + 2
        if language == "console":
            found.append(Block(fence.start(2), fence.end(2), language, _commands(content, line)))
        elif language == "python" and python:
            waiting = Pasted("python", content, [], line)
            found.append(Block(fence.start(2), fence.start(2), "text", [waiting]))
            continue
        elif language == "text" and waiting is not None:
            waiting.shown = content.splitlines()
            found[-1] = Block(fence.start(2), fence.end(2), language, [waiting])
        waiting = None
    return found


def rewritten(text: str, blocks: list[Block]) -> str:
    """The page with each block's content as it is now."""
    for block in reversed(blocks):
        text = text[: block.start] + block.written() + text[block.end :]
    return text


def _commands(content: str, line: int) -> list[Pasted]:
    found: list[Pasted] = []
    lines = iter(enumerate(content.splitlines(), line))
    for place, one in lines:
        if one.startswith(PROMPT):
            code = one.removeprefix(PROMPT)
            while code.endswith("\\"):
                code += "\n" + next(lines)[1]
            found.append(Pasted("console", code, [], place))
        elif found:
            found[-1].shown.append(one)
        else:
            raise ValueError(f"a console block begins with output in line {place}: {one}")
    return found


def _lines(lines: list[str]) -> str:
    return "".join(f"{one}\n" for one in lines)


def commands_outside(text: str) -> list[str]:
    """Commands of reweigh on a page that nothing pastes: in indented blocks, or fences of another kind."""
    others = [fence[2] for fence in _FENCE.finditer(text) if fence[1] not in ("console", "python", "text")]
    found = re.findall(r"^ {4,}(?:\$ )?(reweigh \S.*)$", _FENCE.sub("", text), re.MULTILINE)
    return found + re.findall(r"^ *(?:\$ )?(reweigh \S.*)$", "\n".join(others), re.MULTILINE)


def first_words(code: str) -> list[str]:
    """The words of a command of reweigh up to a comment or a pipe; none of other commands."""
    words = code.replace("\\\n", " ").split()
    return list(takewhile(lambda word: word not in ("#", "|", ";", "&&", ">"), words)) if words[0] == "reweigh" else []
