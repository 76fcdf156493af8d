"""Frozen bodies for texts: TF-IDF against scikit-learn's, an encoder of sentences against itself, one text at a time."""

import math

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from reweigh.audit.vectors import pieces
from reweigh.data.own.terms import Terms
from reweigh.errors import BadInput
from reweigh.models import build
from reweigh.models.text_body import OF_SENTENCES, OF_TERMS, Encoder, TfIdf
from small_minilm import small_encoder

PADDING, SIZE = 3, 40
DRAW = np.random.default_rng(0)


def texts(count=30, longest=9):
    """Token ids (count, longest), padded at the end; no text is empty."""
    found = DRAW.integers(4, SIZE, (count, longest))
    for row, length in enumerate(DRAW.integers(1, longest + 1, count)):
        found[row, length:] = PADDING
    return found


def body_of(tokens):
    terms = Terms.found([tokens[:10], tokens[10:]], PADDING, SIZE)
    return terms, TfIdf(terms.pairs, terms.weights, PADDING)


def test_it_is_scikit_learns_tf_idf_of_pieces_and_pairs():
    tokens = texts()
    terms, body = body_of(tokens)
    words = [row[row != PADDING].tolist() for row in tokens]
    theirs = TfidfVectorizer(analyzer=pieces, sublinear_tf=True, min_df=2)
    wanted = theirs.fit_transform(words).toarray()
    named = [f"{a}" if b < 0 else f"{a} {b}" for a, b in terms.pairs]
    assert sorted(named) == sorted(theirs.vocabulary_)
    columns = [theirs.vocabulary_[name] for name in named]
    assert np.allclose(body(torch.from_numpy(tokens)).numpy(), wanted[:, columns], atol=1e-5)


def test_it_does_not_matter_how_far_a_text_is_filled_up():
    tokens = torch.from_numpy(texts())
    _, body = body_of(tokens.numpy())
    longer = torch.cat([tokens, torch.full((len(tokens), 4), PADDING)], 1)
    assert torch.equal(body(tokens), body(longer))
    assert not body(torch.full((2, 5), PADDING)).any()  # nothing there: no direction, and no NaN


def test_the_terms_that_most_texts_have_are_kept(monkeypatch):
    monkeypatch.setattr("reweigh.data.own.terms.MOST", 3)
    tokens = np.array([[5, 6, 7], [5, 6, 8], [5, 9, 9], [PADDING] * 3])
    found = Terms.found([tokens], PADDING, SIZE)
    assert found.pairs == [[5, -1], [5, 6], [6, -1]]
    assert found.weights == pytest.approx([1 + math.log(5 / 4), 1 + math.log(5 / 3), 1 + math.log(5 / 3)], abs=1e-6)
    alone = Terms.found([np.array([[4, 5]])], PADDING, SIZE)
    assert [4, 5] in alone.pairs  # of one text all of them, since no two can share one


def test_a_linear_layer_on_them_by_name():
    tokens = torch.from_numpy(texts())
    terms, body = body_of(tokens.numpy())
    model = build("tfidf", input_shape=(9,), classes=4, seed=2, terms=terms.as_json(), padding=PADDING)
    assert torch.equal(model(tokens), model.head(OF_TERMS * body(tokens)))
    assert {name for name, part in model.named_parameters() if part.requires_grad} == {"head.0.weight", "head.0.bias"}
    assert not any(name.startswith("body") for name in model.state_dict())  # the encoding has them
    with pytest.raises(BadInput, match="needs their terms"):
        build("tfidf", input_shape=(9,), classes=4)
    with pytest.raises(BadInput, match="2 terms have 1 weights"):
        TfIdf([[1, -1], [2, -1]], [1.0], 0)


def test_a_text_alone_is_encoded_as_among_others_and_longer_ones():
    encoder = Encoder(small_encoder(SIZE), PADDING).eval()
    tokens = torch.from_numpy(texts(70))
    with torch.no_grad():
        together = encoder(tokens)
        alone = torch.cat([encoder(row[row != PADDING][None]) for row in tokens])
        nothing = encoder(torch.full((2, 5), PADDING))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
    assert torch.allclose(together.norm(dim=1), torch.ones(70))
    assert nothing.isfinite().all()


def test_a_folder_that_encodes_sentences_is_frozen_under_a_linear_layer(tmp_path):
    network = small_encoder(SIZE)
    network.save_pretrained(tmp_path)
    (tmp_path / "modules.json").write_text("[]")
    tokens = torch.from_numpy(texts())
    terms, body = body_of(tokens.numpy())
    model = build(
        f"hf:{tmp_path}", input_shape=(9,), classes=2, terms=terms.as_json(), padding=PADDING, vocabulary=SIZE
    )
    said = torch.cat([OF_TERMS * body(tokens), OF_SENTENCES * Encoder(network, PADDING).eval()(tokens)], 1)
    torch.testing.assert_close(model.body(tokens), said)
    assert {name for name, part in model.named_parameters() if part.requires_grad} == {"head.0.weight", "head.0.bias"}
    (tmp_path / "modules.json").unlink()
    whole = build(f"hf:{tmp_path}", input_shape=(9,), classes=2, terms=terms.as_json(), padding=PADDING)
    assert all(part.requires_grad for part in whole.parameters())
