"""Texts that an encoder-decoder writes: token by token, the likeliest each time, or the best of several beginnings.

A model that has `begin(source)`, a list of tensors (B, ...), and `following(state, token)`, from these and the last tokens
(B,) to the logits (B, V) of the next and the new state, keeps what it has worked out of the tokens before; one that has
`write_texts(source, beam, most)` writes by itself; of any other all is worked out again for each token.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from reweigh.tasks.language_model import IGNORED

LONGEST = 512
"""Tokens of a text that are written at the most."""
AT_ONCE = 8192
"""Source tokens of the sentences that are translated together."""

State = list[Tensor]


class Tokens(NamedTuple):
    """Those that stand for no piece of a text."""

    start: int
    end: int
    padding: int


class Again:
    """A model without a memory: it is given all tokens so far, each time."""

    def __init__(self, model: Callable[..., Any]) -> None:
        self._model = model

    def begin(self, source: Tensor) -> State:
        """The source, and nothing written yet."""
        return [source, source[:, :0]]

    def following(self, state: State, token: Tensor) -> tuple[Tensor, State]:
        """The logits (B, V) of the next token, and what there is then."""
        source, given = state[0], torch.cat([state[1], token[:, None]], 1)
        found = self._model(source, given)
        return getattr(found, "logits", found)[:, -1], [source, given]


@torch.no_grad()
def written(model: Any, source: Tensor, *, start: int, end: int, padding: int, beam: int = 1) -> Tensor:
    """What the model makes of each source (B, S): (B, `LONGEST`) without start and end, filled up with `IGNORED`.

    Sentences of about the same length are translated together. With `beam` above 1 the best by mean log-probability wins.
    """
    tokens, writer = Tokens(start, end, padding), model if hasattr(model, "begin") else Again(model)
    by_itself = getattr(model, "write_texts", None)
    found = source.new_full((len(source), LONGEST), IGNORED, dtype=torch.int64)
    lengths, done = (source != padding).sum(1), 0
    order = lengths.argsort(descending=True)
    while done < len(order):
        longest = max(int(lengths[order[done]]), 1)
        rows = order[done : done + max(1, AT_ONCE // (longest * beam))]
        most, part = (2 * lengths[rows] + 16).clamp(max=LONGEST), source[rows, :longest]
        if by_itself is not None:
            texts = _without_marks(by_itself(part, beam, int(most.max())), tokens, most)
        else:
            texts = _greedy(writer, part, tokens, most) if beam == 1 else _beam(writer, part, tokens, most, beam)
        found[rows, : texts.shape[1]] = texts
        done += len(rows)
    return found


def _without_marks(texts: Tensor, tokens: Tokens, most: Tensor) -> Tensor:
    """What a model wrote by itself, (B, T), without its start and from its end on, of at most so many tokens (B,)."""
    texts = texts[:, 1:]
    ended = (texts == tokens.end).cumsum(1).bool() | (torch.arange(texts.shape[1], device=most.device) >= most[:, None])
    return texts.masked_fill(ended | (texts == tokens.padding), IGNORED)


def _greedy(writer: Any, source: Tensor, tokens: Tokens, most: Tensor) -> Tensor:
    state, token = writer.begin(source), source.new_full((len(source),), tokens.start, dtype=torch.int64)
    open_, texts = torch.ones(len(source), dtype=torch.bool, device=source.device), list[Tensor]()
    while bool(open_.any()):
        logits, state = writer.following(state, token)
        token = _allowed(logits, tokens).argmax(1)
        open_ = open_ & (token != tokens.end) & (len(texts) < most)
        texts.append(torch.where(open_, token, IGNORED))
        token = token.masked_fill(~open_, tokens.padding)
    return torch.stack(texts, 1)


def _allowed(scores: Tensor, tokens: Tokens) -> Tensor:
    """The scores (B, V) of what may follow: no start and no padding."""
    scores[:, [tokens.start, tokens.padding]] = -torch.inf
    return scores


def _beam(writer: Any, source: Tensor, tokens: Tokens, most: Tensor, beam: int) -> Tensor:
    """Of each sentence `beam` beginnings; one that ends is kept where its mean is the best so far."""
    size, device = len(source), source.device
    state = [part.repeat_interleave(beam, 0) for part in writer.begin(source)]
    token = torch.full((size * beam,), tokens.start, device=device)
    total = torch.full((size, beam), -torch.inf, device=device)
    total[:, 0] = 0.0  # all are alike at first
    texts = torch.empty((size, beam, 0), dtype=torch.int64, device=device)
    best, best_text = total.new_full((size,), -torch.inf), torch.full((size, int(most.max())), IGNORED, device=device)
    first = torch.arange(size, device=device)[:, None] * beam
    for step in range(1, best_text.shape[1] + 1):
        logits, state = writer.following(state, token)
        likely = total[..., None] + _allowed(logits.float().log_softmax(1), tokens).view(size, beam, -1)
        values, places = likely.flatten(1).topk(2 * beam)
        origin, next_ = places // logits.shape[1], places % logits.shape[1]
        longer = torch.cat([texts.gather(1, origin[..., None].expand(-1, -1, step - 1)), next_[..., None]], 2)
        ended = (next_ == tokens.end) | (step >= most)[:, None]
        means, which = (values / step).masked_fill(~ended, -torch.inf).max(1)
        better = means > best
        best = torch.where(better, means, best)
        there = longer.gather(1, which[:, None, None].expand(-1, 1, step)).squeeze(1)
        kept = torch.where(there == tokens.end, IGNORED, there)
        best_text[better] = IGNORED
        best_text[better, :step] = kept[better]
        total, chosen = values.masked_fill(ended, -torch.inf).topk(beam)
        if bool((total[:, 0] / most <= best).all()):  # no longer text can have a better mean
            break
        texts = longer.gather(1, chosen[..., None].expand(-1, -1, step))
        rows = (first + origin.gather(1, chosen)).flatten()
        state, token = [part[rows] for part in state], next_.gather(1, chosen).flatten()
    return best_text
