"""What the command line says when ctrl-C ends it."""

from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""The exit code of a process that ctrl-C ended."""
LAST_WORDS = ["stopped before it was done"]
"""The last of these."""


@contextmanager
def last_words(sentence: str) -> Iterator[None]:
    """Within the block it is the `sentence`."""
    LAST_WORDS.append(sentence)
    try:
        yield
    finally:
        LAST_WORDS.remove(sentence)
