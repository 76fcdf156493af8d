"""The pieces of an encoder-decoder: its own tokens, marks found by themselves, languages told, texts joined."""

import json
import logging

import pytest

import tiny_translators as tiny
from reweigh.data.own.borrowed_pieces import BorrowedPieces, OfTokenizer
from reweigh.data.own.pieces import pieces_of, spelling_of
from reweigh.errors import BadInput, MissingExtra

SIDES = ("de", "en")


@pytest.fixture(scope="module", params=[tiny.marian, tiny.t5])
def folder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def of_many(tmp_path_factory):
    return tiny.nllb(tmp_path_factory.mktemp("model") / "model")


@pytest.mark.parametrize("side", ["source", "target"])
def test_tokens_are_those_of_the_tokenizer(folder, side):
    found, tokenizer = BorrowedPieces(str(folder), SIDES), tiny.transformers.AutoTokenizer.from_pretrained(folder)
    texts = ["der hund läuft", "the dog runs", "", "groß"]
    given = {"text" if side == "source" else "text_target": texts}
    wanted = tokenizer(**given)["input_ids"]
    numbers, long, empty = found.encode(texts, 16, -100, side)
    assert [[token for token in row if token != -100] for row in numbers.tolist()] == wanted
    assert not long.any()
    assert empty.tolist() == [False, False, True, False]
    assert found.spelling.text(wanted[0][:-1], found.names) == "der hund läuft"


def test_a_text_that_spells_a_mark_ends_where_it_ends(folder):
    found = BorrowedPieces(str(folder), SIDES)
    marks = found.spelling.marks
    numbers = found.encode(["der </s> hund <pad> läuft"], 32, -100).numbers[0].tolist()
    said = [token for token in numbers if token != -100]
    assert said.count(marks.end) == 1
    assert said[-1] == marks.end
    assert marks.padding not in said


def test_what_is_unknown_is_a_piece_and_long_texts_keep_their_end(folder):
    found = BorrowedPieces(str(folder), SIDES)
    numbers, long, empty = found.encode(["€ hund", "hund " * 20], 5, -100)
    assert not empty.any()
    assert long.tolist() == [False, True]
    assert found._tokenizer.unk_token_id in numbers[0]
    assert numbers[1, 4] == found.spelling.marks.end


def test_the_names_are_as_many_as_the_model_has_outputs(folder):
    found = BorrowedPieces(str(folder), SIDES)
    assert len(found.names) == tiny.transformers.AutoConfig.from_pretrained(folder).vocab_size
    assert "▁hund" in found.names
    assert found.spelling.blank == "▁"
    assert found.longest == (64 if "marian" in str(type(found._tokenizer)).lower() else 1 << 16)


def test_a_model_of_many_languages_is_told_both(of_many):
    found = BorrowedPieces(str(of_many), ("deu_Latn", "eng_Latn"))
    german, english = found._tokenizer.convert_tokens_to_ids(["deu_Latn", "eng_Latn"])
    source, target = (found.encode(["hund"], 4, -100, side).numbers[0].tolist() for side in ("source", "target"))
    assert (source[0], target[0]) == (german, english)
    assert source[2:] == target[2:] == [2, -100]
    assert found.told["before_target"] == [english]
    assert {german, english} <= found.spelling.marks.all
    assert found.encode([""], 4, -100).empty.all()
    assert found.least == 3
    assert found.encode(["hund"], 3, -100).numbers[0, 1] == source[1]
    with pytest.raises(
        BadInput, match=r"knows no language 'de': name both as it does by --languages, FROM,TO, out of .deu_Latn"
    ):
        BorrowedPieces(str(of_many), SIDES)


def test_what_is_written_is_read_again_and_nothing_is_loaded_for_the_spelling(folder, of_many, monkeypatch):
    for found in (BorrowedPieces(str(folder), SIDES), BorrowedPieces(str(of_many), ("deu_Latn", "eng_Latn"))):
        kept = json.loads(json.dumps(found.as_json()))
        again = pieces_of(kept)
        assert (again.names, again.spelling, again.told) == (found.names, found.spelling, found.told)
        with monkeypatch.context() as patched:
            patched.setattr("reweigh.data.own.borrowed_pieces._loaded", None)
            assert spelling_of(kept) == found.spelling
    assert isinstance(found.spelling, OfTokenizer)


def test_a_folder_that_was_saved_anew_is_read_anew(tmp_path):
    folder = tiny.t5(tmp_path / "t5")
    assert len(BorrowedPieces(str(folder), SIDES).names) == 96
    other = tiny.t5(tmp_path / "other", outputs=128)
    for file in other.iterdir():
        file.replace(folder / file.name)
    assert len(BorrowedPieces(str(folder), SIDES).names) == 128


def test_nothing_is_said_while_it_is_looked_for(tmp_path, monkeypatch, capsys):
    def tried(*_, **__):
        logging.getLogger("huggingface_hub.utils._http").warning("Retrying in 1s")
        logging.getLogger("transformers.models").warning("something is new")
        raise OSError("no such thing")

    monkeypatch.setattr(tiny.transformers.AutoConfig, "from_pretrained", tried)
    with pytest.raises(BadInput, match="cannot be loaded"):
        BorrowedPieces("somebody/something", SIDES)
    assert capsys.readouterr().err == ""


def test_names_of_languages_are_for_those_that_ask(folder):
    with pytest.raises(BadInput, match="leave --languages out"):
        BorrowedPieces(str(folder), SIDES, asked=True)


def test_what_cannot_be_had_is_one_sentence(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere cannot be loaded \(OSError\): give a folder") as refused:
        BorrowedPieces(str(tmp_path / "nowhere"), SIDES)
    assert "\n" not in str(refused.value)
    with pytest.raises(BadInput, match=r"is no encoder-decoder \(it is a bert\)"):
        BorrowedPieces(str(tiny.bert(tmp_path / "bert")), SIDES)


def test_a_tokenizer_larger_than_the_model_is_refused(tmp_path):
    with pytest.raises(BadInput, match="knows 53 pieces and the model 40"):
        BorrowedPieces(str(tiny.t5(tmp_path / "t5", outputs=40)), SIDES)


def test_two_models_put_together_are_refused_by_their_texts(tmp_path):
    with pytest.raises(BadInput, match="do not end in a token of their own"):
        BorrowedPieces(str(tiny.of_two_bodies(tmp_path / "bert2bert")), SIDES)


def test_marks_that_cannot_be_told_apart_and_two_vocabularies_are_refused(tmp_path):
    folder = tiny.t5(tmp_path / "t5")
    path = folder / "tokenizer_config.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "pad_token": "</s>"}))
    with pytest.raises(BadInput, match="do not end in a token of their own"):
        BorrowedPieces(str(folder), SIDES)
    folder = tiny.marian(tmp_path / "marian")
    path, vocabulary = folder / "tokenizer_config.json", (folder / "vocab.json").read_bytes()
    path.write_text(json.dumps({**json.loads(path.read_text()), "separate_vocabs": True}))
    (folder / "target_vocab.json").write_bytes(vocabulary)
    with pytest.raises(BadInput, match="has a vocabulary for each side"):
        BorrowedPieces(str(folder), SIDES)


def test_a_missing_sentencepiece_says_what_to_install(tmp_path, monkeypatch):
    folder = tiny.marian(tmp_path / "marian")

    def missing(*_, **__):
        raise ImportError("MarianTokenizer requires the SentencePiece library but it was not found")

    monkeypatch.setattr(tiny.transformers.AutoTokenizer, "from_pretrained", missing)
    with pytest.raises(MissingExtra, match=r"needs sentencepiece.*pip install 'reweigh\[sentencepiece\]'"):
        BorrowedPieces(str(folder), SIDES)
