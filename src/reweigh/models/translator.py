"""A Transformer that makes one sequence of another: an encoder, a decoder, and one matrix for both languages.

Pre-norm blocks as in `transformer`; positions are sines (Vaswani et al., 2017), so that no length is too long. The matrix
embeds the tokens of both sides and gives the logits. `begin` and `following` write a text token by token, with the keys and
values of the tokens before kept.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh.errors import BadInput
from reweigh.models.transformer import EncoderBlock


class Looking(nn.Module):
    """Multi-head attention of one sequence (B, T, width) to another, or to itself."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.ask = nn.Linear(width, width)
        self.seen = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def keys(self, memory: Tensor) -> Tensor:
        """Keys and values of what is looked at (B, S, width): (B, 2, heads, S, width / heads)."""
        batch, length, _ = memory.shape
        found: Tensor = self.seen(memory).view(batch, length, 2, self.heads, -1).permute(0, 2, 3, 1, 4)
        return found

    def forward(self, x: Tensor, keys: Tensor, keep: Tensor | None) -> Tensor:
        """What each position of x (B, T, width) gathers; `keep` (B or 1, 1, T or 1, S) says where it may look."""
        batch, length, width = x.shape
        query = self.ask(x).view(batch, length, self.heads, -1).transpose(1, 2)
        dropout = self.dropout if self.training else 0.0
        key, value = keys.unbind(1)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=keep, dropout_p=dropout)
        result: Tensor = self.output(mixed.transpose(1, 2).reshape(batch, length, width))
        return result


class DecoderBlock(nn.Module):
    """One pre-norm block: what was written, the source, and a feed-forward network."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.before = nn.LayerNorm(width), Looking(width, heads, dropout)
        self.norm2, self.source = nn.LayerNorm(width), Looking(width, heads, dropout)
        self.norm3 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def of_source(self, memory: Tensor) -> Tensor:
        """The keys and values of an encoded source."""
        return self.source.keys(memory)

    def forward(
        self, x: Tensor, source: Tensor, keep: Tensor, earlier: Tensor | None, past: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """x (B, T, width) and the keys of all that was written.

        Args:
            x: the tokens at hand.
            source: the keys of the source; `keep` (B, 1, 1, S) says which of them are no padding.
            keep: as said.
            earlier: (1, 1, T, T) which tokens at hand each may look at; None for all.
            past: the keys of tokens before x, if any.
        """
        inner = self.norm1(x)
        keys = self.before.keys(inner)
        keys = keys if past is None else torch.cat([past, keys], 3)
        x = x + self.dropout(self.before(inner, keys, earlier))
        x = x + self.dropout(self.source(self.norm2(x), source, keep))
        return x + self.dropout(self.feed_forward(self.norm3(x))), keys


class Translator(nn.Module):
    """Source tokens (B, S) and the target's tokens before each position (B, T) -> logits (B, T, classes).

    `classes` is the number of tokens of both languages, `padding` the one that fills short sequences up; a source begins
    with another. `input_shape` says nothing here.

    Raises:
        BadInput: if `width` is no even multiple of `heads`.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (128,),
        classes: int = 8000,
        *,
        width: int = 128,
        layers: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        padding: int = 0,
    ) -> None:
        super().__init__()
        if width % (2 * heads):
            raise BadInput(f"width={width} does not split into heads={heads} of even size: choose another")
        self.padding, self.width = padding, width
        self.tokens = nn.Embedding(classes, width)
        nn.init.normal_(self.tokens.weight, std=width**-0.5)
        self.dropout = nn.Dropout(dropout)
        self.encoder = nn.ModuleList(EncoderBlock(width, heads, dropout) for _ in range(layers))
        self.decoder: Any = nn.ModuleList(DecoderBlock(width, heads, dropout) for _ in range(layers))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, source: Tensor, given: Tensor) -> Tensor:
        """Logits (B, T, classes) of the token at each position."""
        memory, keep = self._encoded(source)
        length = given.shape[1]
        earlier = torch.ones(length, length, dtype=torch.bool, device=given.device).tril()[None, None]
        x = self._embedded(given)
        for block in self.decoder:
            x, _ = block(x, block.of_source(memory), keep, earlier, None)
        return self._logits(x)

    def begin(self, source: Tensor) -> list[Tensor]:
        """All that is kept of a source (B, S) while its target is written: a list of tensors (B, ...)."""
        memory, keep = self._encoded(source)
        found = [keep]
        for block in self.decoder:
            keys = block.of_source(memory)
            found += [keys, keys[:, :, :, :0]]
        return found

    def following(self, state: list[Tensor], token: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The logits (B, classes) of the token that follows the last ones (B,), and what is kept then."""
        keep, *kept = state
        x = self._embedded(token[:, None], kept[1].shape[3])
        after = [keep]
        for block, source, past in zip(self.decoder, kept[::2], kept[1::2], strict=True):
            x, keys = block(x, source, keep, None, past)
            after += [source, keys]
        return self._logits(x)[:, 0], after

    def _encoded(self, source: Tensor) -> tuple[Tensor, Tensor]:
        filled = source != self.padding
        keep = (filled | ~filled.any(1, keepdim=True))[:, None, None, :]  # attention over nothing is NaN
        x = self._embedded(source)
        for block in self.encoder:
            x = block(x, keep)
        return self.encoder_norm(x), keep

    def _embedded(self, tokens: Tensor, first: int = 0) -> Tensor:
        places = positions(first, tokens.shape[1], self.width, tokens.device)
        found: Tensor = self.dropout(self.tokens(tokens) * math.sqrt(self.width) + places)
        return found

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(self.decoder_norm(x), self.tokens.weight)


def positions(first: int, count: int, width: int, device: torch.device) -> Tensor:
    """Sines and cosines of the positions `first`, `first` + 1, ...: (count, width)."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000) / width))
    angles = torch.arange(first, first + count, device=device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], 1)
