"""The last words are those of the innermost block."""

from contextlib import suppress

from reweigh.last_words import LAST_WORDS, last_words


def test_they_are_taken_back_whatever_happens():
    before, said = list(LAST_WORDS), []
    with suppress(KeyboardInterrupt), last_words("one"), last_words("other"):
        said.append(LAST_WORDS[-1])
        raise KeyboardInterrupt
    assert said == ["other"]
    assert before == LAST_WORDS
