"""Bodies for texts, which have learnt already and are frozen: TF-IDF, and an encoder of sentences beside it.

A thousand texts are too few to learn from nothing what a sentence says. An encoder knows it for its own languages, and the
terms that a text shares with others tell the rest: each is better somewhere, and both together are as good as the better one
or better than that (docs/own_data.md).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh import minilm
from reweigh.errors import BadInput
from reweigh.models.pretrained import hugging_face
from reweigh.models.probe import Probe

AT_ONCE = 32
"""Texts a pass of the encoder, of about one length."""
OF_TERMS, OF_SENTENCES = 8.0, 10.0
"""The lengths of both vectors, by which a linear layer learns in as many steps as are usual, and not all of it by heart."""
_SLOTS = 1 << 17


class TfIdf(nn.Module):
    """Tokens (B, T) -> the text's terms (B, D), sublinear, of length 1 (all zero of a text that has none).

    Args:
        pairs: D terms: (t, -1) the piece t, (t, u) two neighbours.
        weights: of the terms.
        padding: the token that fills texts up.
    """

    def __init__(self, pairs: Sequence[Sequence[int]], weights: Sequence[float], padding: int) -> None:
        super().__init__()
        if len(pairs) != len(weights) or not pairs:
            raise BadInput(f"{len(pairs)} terms have {len(weights)} weights: give each term one")
        self.padding, self.width = padding, len(pairs)
        terms = torch.tensor(pairs, dtype=torch.int64)
        first = self.width - torch.arange(self.width)  # where two fall on one slot the former stays
        slots, places = _slot(terms[:, 0], terms[:, 1]), torch.full((_SLOTS,), self.width)
        for term in first.argsort().tolist():
            places[slots[term]] = term
        # Derived from the encoding, so no part of the state.
        self.register_buffer("terms", torch.cat([terms, torch.full((1, 2), -2)]), persistent=False)
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("weights", torch.tensor([*weights, 0.0]), persistent=False)
        self.terms: Tensor
        self.places: Tensor
        self.weights: Tensor

    def forward(self, tokens: Tensor) -> Tensor:
        """The terms of so many texts."""
        after = torch.cat([tokens[:, 1:], torch.full_like(tokens[:, :1], self.padding)], 1)
        alone = torch.full_like(tokens, -1)
        one, two = torch.cat([tokens, tokens], 1), torch.cat([alone, after], 1)
        place = self.places[_slot(one, two)]
        same = (
            (self.terms[place, 0] == one)
            & (self.terms[place, 1] == two)
            & (one != self.padding)
            & (two != self.padding)
        )
        place = torch.where(same, place, self.width)
        counts = tokens.new_zeros((tokens.shape[0], self.width + 1), dtype=torch.float32)  # len() would be a constant
        counts = counts.scatter_add(1, place, torch.ones_like(place, dtype=torch.float32))
        found = torch.where(counts > 0, 1 + counts.clamp_min(1).log(), 0.0) * self.weights
        return F.normalize(found[:, : self.width], dim=1)


def _slot(one: Tensor, two: Tensor) -> Tensor:
    """A place of a small table for each pair of tokens; the second may be -1."""
    return (one * 40503 + (two + 1) * 60493) % _SLOTS


class Encoder(nn.Module):
    """Tokens (B, T) -> the mean of the network's last states over a text, of length 1: (B, width)."""

    def __init__(self, network: Any, padding: int) -> None:
        super().__init__()
        self.network, self.padding, self.width = network, padding, int(network.config.hidden_size)

    def forward(self, tokens: Tensor) -> Tensor:
        """Of so many texts; those of about one length go together, and none is longer than it has to be."""
        if torch.compiler.is_exporting():
            return self._part(tokens)
        lengths = (tokens != self.padding).sum(1)
        order = lengths.argsort()
        found = [self._part(tokens[part][:, : max(1, int(lengths[part].max()))]) for part in order.split(AT_ONCE)]
        return torch.cat(found)[order.argsort()]

    def _part(self, tokens: Tensor) -> Tensor:
        keep = tokens != self.padding
        keep = keep | ~keep.any(1, keepdim=True)  # attention over nothing is NaN
        states: Tensor = self.network(input_ids=tokens, attention_mask=keep.long()).last_hidden_state
        mask = keep[..., None].to(states.dtype)
        return F.normalize((states * mask).sum(1) / mask.sum(1), dim=1)


class TextBody(nn.Module):
    """What each of several bodies says, beside each other: (B, sum of widths)."""

    def __init__(self, terms: TfIdf, encoder: Encoder | None = None) -> None:
        super().__init__()
        self.terms, self.encoder = terms, encoder

    @property
    def quick(self) -> bool:
        """Whether it may be asked again and again."""
        return self.encoder is None

    def forward(self, tokens: Tensor) -> Tensor:
        """Features of tokens (B, T)."""
        found: Tensor = OF_TERMS * self.terms(tokens)
        return found if self.encoder is None else torch.cat([found, OF_SENTENCES * self.encoder(tokens)], 1)


def tfidf(
    input_shape: tuple[int, ...], classes: int, *, terms: Mapping[str, Any] | None = None, padding: int = 0
) -> Probe:
    """A linear layer on TF-IDF; `terms` has "pairs" and "weights", as an encoding of texts holds them.

    Raises:
        BadInput: without terms.
    """
    return _probe(_terms(terms, padding), None, classes)


def sentences(
    input_shape: tuple[int, ...], classes: int, *, terms: Mapping[str, Any] | None = None, padding: int = 0
) -> Probe:
    """A linear layer on MiniLM and TF-IDF.

    Raises:
        BadInput: without terms, or if the package of MiniLM has other files than it had.
        MissingExtra: if it is not installed.
    """
    return pretrained_sentences(str(minilm.folder()), classes, terms=terms, padding=padding)


def pretrained_sentences(name: str, classes: int, *, terms: Mapping[str, Any] | None, padding: int) -> Probe:
    """A linear layer on the sentence encoder `name`, a folder or a name on the Hugging Face hub, and on TF-IDF.

    Raises:
        BadInput: if there is no such model, or without terms.
        MissingExtra: if transformers is not installed.
    """
    complaint = f"{name} cannot be had as a Hugging Face model that reads sentences"
    with hugging_face(complaint, "give a folder that `save_pretrained` wrote, or a name on the hub") as transformers:
        network = transformers.AutoModel.from_pretrained(name, trust_remote_code=False)
    return _probe(_terms(terms, padding), Encoder(network, padding), classes)


def _terms(terms: Mapping[str, Any] | None, padding: int) -> TfIdf:
    if terms is None:
        raise BadInput("a frozen model of texts needs their terms, which a column of texts has: name one by --text")
    return TfIdf(terms["pairs"], terms["weights"], padding)


def _probe(terms: TfIdf, encoder: Encoder | None, classes: int) -> Probe:
    width = terms.width + (0 if encoder is None else encoder.width)
    return Probe(TextBody(terms, encoder), nn.Sequential(nn.Linear(width, classes)))  # a layer with a name
