import json

import numpy as np
import pytest
import torch

from reweigh.data.own import Encoding, Sources, read_new, read_own

RANDOM = np.random.default_rng(0)
WORDS = ["the", "cat", "sat", "on", "a", "mat", "while", "dog", "ran", "far", "away", "under", "blue", "naïve", "日本"]


@pytest.fixture
def sources(desk):
    texts = [" ".join(RANDOM.choice(WORDS, RANDOM.integers(2, 12))) for _ in range(60)]
    desk.table("t.csv", 60, text=["", *texts[1:]])
    return Sources(train=desk.path("t.csv"), target="label", clean_column="ok", text="text", drop=("size",))


def test_texts_become_tokens_with_zero_for_padding(desk, sources):
    own = read_own(sources, seed=0)
    options, (length,) = own.encoding.model_options, own.encoding.input_shape
    assert (own.train.x.dtype, own.train.x.shape) == (torch.int64, (48, length))
    assert own.train.x.max() < options["vocabulary"]
    assert options["padding"] == 0
    first = torch.cat([own.train.x, own.clean.x, own.test.x])[:, 0]
    assert (first == 1).all()  # every text starts with the same token, an empty one too
    assert length <= 40
    assert any("'colour'" in note for note in own.notes)
    assert not any("'size'" in note for note in own.notes)


def test_new_texts_are_cut_in_the_same_pieces(desk, sources):
    own = read_own(sources, seed=0)
    encoding = Encoding.from_json(json.loads(json.dumps(own.encoding.as_json())), "encoding.json")
    new = read_new(desk.path("t.csv"), encoding)
    assert torch.equal(new.x[own.train.ids], own.train.x)
    strange = read_new(desk.write("new.csv", "text\nНовый текст 🦉\n"), encoding)
    assert (strange.x > 0).sum() > 5
    assert strange.y is None


def test_the_length_can_be_chosen_and_cuts_are_said(desk, sources):
    from dataclasses import replace

    own = read_own(replace(sources, text_length=5), seed=0)
    assert own.train.x.shape[1] == 5
    assert any("cut after 5 tokens" in note for note in own.notes)


def test_a_very_long_text_is_cut(desk):
    path = desk.table("t.csv", text=["so long " * 200_000 if row == 3 else f"text {row}" for row in range(40)])
    own = read_own(Sources(train=path, target="label", clean_column="ok", text="text"), seed=0)
    assert own.train.x.shape[1] <= 128


def test_a_damaged_vocabulary_is_refused(desk, sources, refused):
    encoding = read_own(sources, seed=0).encoding
    encoding.reader["vocabulary"] = "{}"
    with refused("damaged"):
        read_new(desk.path("t.csv"), encoding)


@pytest.fixture
def borrowed(desk):
    """A small Hugging Face tokenizer whose padding is not token 0."""
    kit, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    pieces = {word: place for place, word in enumerate(["<s>", "<unk>", "<pad>", *dict.fromkeys(WORDS)])}
    tokenizer = kit.Tokenizer(kit.models.WordLevel(pieces, unk_token="<unk>"))
    tokenizer.pre_tokenizer = kit.pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>")
    fast.save_pretrained(desk.path("model"))
    return desk.path("model")


def test_a_hugging_face_tokenizer_by_its_path(desk, sources, borrowed):
    own = read_own(sources, seed=0, tokenizer=borrowed)
    options = own.encoding.model_options
    assert (options["vocabulary"], options["padding"]) == (len(dict.fromkeys(WORDS)) + 3, 2)
    assert options["terms"]["pairs"]
    assert (own.train.x == 2).any()
    encoding = Encoding.from_json(json.loads(json.dumps(own.encoding.as_json())), "encoding.json")
    assert torch.equal(read_new(desk.path("t.csv"), encoding).x[own.train.ids], own.train.x)


def test_a_tokenizer_that_is_not_there(desk, sources, refused, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with refused("cannot be loaded"):
        read_own(sources, seed=0, tokenizer=desk.path("nothing"))
