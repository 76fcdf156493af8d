"""A small Transformer encoder that classifies sequences of tokens.

Pre-norm blocks: x + attention(norm(x)), then x + feed-forward(norm(x)); learned positions; the mean over the
tokens that are no padding; one linear layer. Attention is called through `scaled_dot_product_attention`, so
that a fused kernel is used in training and an alignment engine can ask for the plain one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reweigh.errors import BadInput


class Attention(nn.Module):
    """Multi-head self-attention: (B, T, width) and a mask (B, 1, 1, T) of the keys to keep, or None."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise BadInput(f"width={width} does not split into heads={heads}: choose a multiple of the heads")
        self.heads, self.dropout = heads, dropout
        self.project = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """What each of the T tokens gathers from the others: (B, T, width)."""
        batch, length, width = x.shape
        heads = self.project(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=keep, dropout_p=dropout)
        result: Tensor = self.output(mixed.transpose(1, 2).reshape(batch, length, width))
        return result


class EncoderBlock(nn.Module):
    """One pre-norm block: (B, T, width) -> (B, T, width)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads, dropout)
        self.norm2 = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, keep: Tensor | None) -> Tensor:
        """(B, T, width), mask of the keys to keep or None -> (B, T, width)."""
        x = x + self.dropout(self.attention(self.norm1(x), keep))
        result: Tensor = x + self.dropout(self.feed_forward(self.norm2(x)))
        return result


class TransformerClassifier(nn.Module):
    """Tokens (B, T) of int64 in 0..vocabulary-1 -> logits (B, classes).

    `input_shape` is (T,), the longest sequence; shorter batches are fine. The default vocabulary is
    the 256 bytes. `padding` names the token that fills short sequences: it is neither attended to nor
    averaged.

    Raises:
        BadInput: if `width` is no multiple of `heads`.
    """

    def __init__(
        self,
        input_shape: tuple[int] = (128,),
        classes: int = 2,
        *,
        vocabulary: int = 256,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.0,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        self.padding = padding
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.empty(input_shape[0], width))
        self.blocks = nn.ModuleList(EncoderBlock(width, heads, dropout) for _ in range(layers))
        self.last_norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, classes)
        nn.init.normal_(self.tokens.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, classes) of tokens (B, T)."""
        x = self.tokens(tokens) + self.positions[: tokens.shape[1]]
        keep = self._keep(tokens)
        mask = None if keep is None else keep[:, None, None, :]
        for block in self.blocks:
            x = block(x, mask)
        x = self.last_norm(x)
        logits: Tensor = self.output(x.mean(1) if keep is None else _mean(x, keep))
        return logits

    def _keep(self, tokens: Tensor) -> Tensor | None:
        if self.padding is None:
            return None
        keep = tokens != self.padding
        # A row of nothing but padding keeps its tokens: attention over nothing is NaN.
        return keep | ~keep.any(1, keepdim=True)


def _mean(x: Tensor, keep: Tensor) -> Tensor:
    share = keep / keep.sum(1, keepdim=True)
    return torch.einsum("btw,bt->bw", x, share.to(x.dtype))
