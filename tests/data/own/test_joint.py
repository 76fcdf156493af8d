"""Pieces of both sides: what they spell is the text again, whatever it holds."""

import numpy as np
import pytest

from made_up_pairs import pairs
from reweigh.data.own.joint import SPECIAL, Pieces, trained
from reweigh.tasks import Translation


@pytest.fixture(scope="module")
def pieces():
    return trained(text for pair in pairs(200)[0] for text in pair)


TEXTS = ["hund und katze", "Ein Ärger, [END] [PAD]!", "猫 \U0001f600 α", "a  b\tc", "", "123.5 % <s> &amp;", "x\u2028y"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_spelled_again(pieces, text):
    numbers, long, empty = pieces.encode([text], 64, 0)
    tokens = numbers[0][numbers[0] != 0]
    assert tokens[-1] == 2
    assert 1 not in tokens
    assert list(tokens).count(2) == 1  # a text that spells the name of a special piece is a text
    assert not long[0]
    assert empty[0] == (not text)
    assert Translation(pieces.names).text(tokens) == text


def test_frequent_words_are_one_piece_and_both_sides_share_them(pieces):
    assert {"Ġhund", "Ġdog"} <= set(pieces.names)
    assert pieces.names[:3] == SPECIAL
    assert pieces.size == len(pieces.names) == len(set(pieces.names))
    assert (
        pieces.encode(["hund dog"], 8, -100).numbers
        == [[pieces.names.index("Ġhund"), pieces.names.index("Ġdog"), 2] + [-100] * 5]
    ).all()


def test_long_texts_are_cut_and_keep_their_end(pieces):
    numbers, long, _ = pieces.encode(["hund " * 2 + "hund", "hund " * 3 + "hund", "hund " * 50_000], 4, 0)
    assert long.tolist() == [False, True, True]
    assert (numbers[:, 3] == 2).all()
    assert np.array_equal(numbers[1], numbers[2])


def test_what_is_written_is_read_again(pieces):
    again = Pieces(pieces.written)
    assert again.names == pieces.names
    assert np.array_equal(again.encode(TEXTS, 32, 0).numbers, pieces.encode(TEXTS, 32, 0).numbers)
    with pytest.raises(ValueError, match="cannot be read"):
        Pieces("{}")


def test_the_same_texts_give_the_same_pieces(pieces):
    again = trained(text for pair in pairs(200)[0] for text in pair)
    assert again.written == pieces.written


def test_so_many_pieces_are_made_as_are_asked_for(pieces):
    fewer = trained((text for pair in pairs(200)[0] for text in pair), 300)
    assert fewer.size == 300 < pieces.size
