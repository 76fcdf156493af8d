"""A SentencePiece model that was given: its own tokens, the unknown one too, its way to join them, and marks it lacks."""

import base64
import json

import pytest
import torch

import tiny_translators as tiny
from reweigh.data.own.given_pieces import GivenPieces, OfSentencePiece
from reweigh.data.own.pieces import pieces_of, spelling_of
from reweigh.errors import BadInput, MissingExtra
from reweigh.tasks import Translation

TEXTS = ["hund und katze", "  Hund  €5 ", "", "ﬁne 猫", "</s> und <s>", "der  hund\tläuft"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = tmp_path_factory.mktemp("pieces") / "joint.model"
    tiny.pieces(found)
    return found


@pytest.fixture
def pieces(path):
    return GivenPieces.at(str(path))


def own(path):
    return tiny.sentencepiece.SentencePieceProcessor(model_file=str(path))


@pytest.mark.parametrize("how", [{}, {"model_type": "bpe", "byte_fallback": True, "vocab_size": 400},
                                 {"pad_id": 0, "unk_id": 3, "bos_id": 1, "eos_id": 2}, {"bos_id": -1, "eos_id": -1},
                                 {"model_type": "char"}, {"user_defined_symbols": ["<sep>", "hund"]}])  # fmt: skip
def test_tokens_and_texts_are_those_of_sentencepiece(how, tmp_path):
    model = tiny.pieces(tmp_path / "a.model", **how)
    found = GivenPieces.at(str(tmp_path / "a.model"))
    marks, task = found.spelling.marks, Translation(found.names).spelt(found.spelling)
    numbers, long, empty = found.encode(TEXTS, 64, -100, "target")
    assert not long.any()
    for text, row, nothing in zip(TEXTS, numbers.tolist(), empty, strict=True):
        ids = model.encode(text)
        assert row[: len(ids) + 1] == [*ids, marks.end]
        assert set(row[len(ids) + 1 :]) == {-100}
        assert nothing == (not ids)
        assert task.text(row) == model.decode(ids).strip()
    draw = torch.Generator().manual_seed(0)
    ordinary = [token for token in range(model.get_piece_size()) if token not in marks.all]
    for _ in range(20):
        ids = [ordinary[int(place)] for place in torch.randint(len(ordinary), (8,), generator=draw)]
        assert task.text(ids) == model.decode(ids).strip()


def test_marks_are_those_of_the_model_and_what_it_lacks_comes_last(path, tmp_path):
    model, marks = own(path), GivenPieces.at(str(path)).spelling.marks
    size = model.get_piece_size()
    assert (marks.padding, marks.start, marks.end) == (size, model.bos_id(), model.eos_id())
    tiny.pieces(tmp_path / "b.model", pad_id=3, bos_id=-1, eos_id=-1)
    found = GivenPieces.at(str(tmp_path / "b.model"))
    marks, size = found.spelling.marks, own(tmp_path / "b.model").get_piece_size()
    assert (marks.padding, marks.start, marks.end) == (3, size, size + 1)
    assert found.names[size:] == ("[START]", "[END]")
    assert len(set(found.names)) == len(found.names) == size + 2


def test_what_is_unknown_stays_a_piece(pieces, path):
    unknown = own(path).unk_id()
    assert unknown not in pieces.spelling.marks.all
    numbers, _, empty = pieces.encode(["€"], 8, -100)
    assert unknown in numbers[0]
    assert not empty[0]
    assert Translation(pieces.names).spelt(pieces.spelling).text([unknown]) == "⁇"


def test_long_texts_are_cut_and_keep_their_end(pieces):
    numbers, long, _ = pieces.encode(["hund " * 3, "hund " * 4], 4, pieces.told["padding"])
    assert long.tolist() == [False, True]
    assert (numbers[:, 3] == pieces.spelling.marks.end).all()


def test_the_encoding_holds_the_whole_model(pieces, path):
    kept = json.loads(json.dumps(pieces.as_json()))
    assert base64.b64decode(kept["sentencepiece"]) == path.read_bytes()
    again = pieces_of(kept)
    assert (again.names, again.spelling, again.told) == (pieces.names, pieces.spelling, pieces.told)
    assert spelling_of(kept) == pieces.spelling
    assert "letters" in repr(pieces.spelling)  # and not all of them


@pytest.mark.parametrize("content", [b"", b"no model", b"\0" * 100, b"\x0a\xff\xff\xff\xff\x0f"])
def test_what_is_no_model_is_one_sentence(content, tmp_path):
    file = tmp_path / "x.model"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=r"x.model is no SentencePiece model: give --pieces the .model file") as refused:
        GivenPieces.at(str(file))
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="no SentencePiece model"):
        GivenPieces("%%%")
    with pytest.raises(BadInput, match="nowhere"):
        GivenPieces.at(str(tmp_path / "nowhere.model"))


def test_a_missing_library_says_what_to_install(path, monkeypatch):
    monkeypatch.setattr("reweigh.data.own.given_pieces.require", lambda *_: (_ for _ in ()).throw(MissingExtra("x")))
    with pytest.raises(MissingExtra):
        GivenPieces(base64.b64encode(b"anything").decode())
    assert OfSentencePiece("a") == OfSentencePiece("a") != OfSentencePiece("b")
