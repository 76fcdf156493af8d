"""Of a long text the beginning is enough, and gives what all of it gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reweigh.data.own import vocabulary
from reweigh.data.own.vocabulary import beginning, trained

pytest.importorskip("tokenizers")
WORDS = [
    "the",
    "cat",
    "sat",
    "Ωdos",
    "ΣΑΣ",
    "don't",
    "12,345",
    "naïve",
    "\u0301x",
    "日本語",
    "[CLS]",
    "[PAD]",
    "x" * 30,
    "\u00a8",
]
LEARNT = trained([" ".join(WORDS)] * 5 + ["the cat sat on the mat"] * 5)


@pytest.mark.parametrize(
    ("text", "characters", "found"),
    [
        ("one two", 7, "one two"),
        ("one two", 6, "one"),
        ("one two three", 8, "one two"),
        ("one   two", 6, "one"),
        ("onetwothree", 5, "onetwothree"),
        (" onetwothree", 5, " onetwothree"),
        ("a\n b cc", 5, "a\n b"),
    ],
)
def test_where_a_text_is_cut(text, characters, found):
    assert beginning(text, characters) == found


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([*WORDS, " ", "\n", "\t ", "", "a b", "  "]), max_size=60), min_size=1, max_size=4
    )
)
def test_pieces_are_those_of_the_whole_text(pieces):
    texts = [" ".join(words) for words in pieces]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vocabulary, "CHARACTERS_A_TOKEN", 10_000)
        whole = LEARNT.encode(texts, 9)
        patch.setattr(vocabulary, "CHARACTERS_A_TOKEN", 2)
        assert np.array_equal(LEARNT.encode(texts, 9), whole)
