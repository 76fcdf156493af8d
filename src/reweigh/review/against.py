"""Which numbers of an input speak against its label: how much less wrong the label would look, were one as it usually is.

Asked of the trained model, whatever it has learnt of the columns together: the loss of the given label, less the loss with a
column at its usual value. It is above zero where the column speaks against the label, and below where it speaks for it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from reweigh.audit import Audit
from reweigh.ledger.visits import Array

_AT_ONCE, _SAMPLE = 20_000, 5_000
MOST_QUESTIONS = 4_000_000
"""Rows that the model is asked about at most: a minute or so."""


def speak_against(audit: Audit, model: nn.Module, rows: Array, columns: Sequence[Sequence[int]]) -> Array:
    """(n, C) for the training examples at `rows` (n,) and C columns, each some places of the flat input.

    Zeros where that would take too long: with very many rows of very many columns.
    """
    found = np.zeros((len(rows), len(columns)))
    if len(rows) * len(columns) > MOST_QUESTIONS:
        return found
    usual = _usual(audit, columns)
    for start in range(0, len(rows), _AT_ONCE):
        batch = audit.examples.batch(torch.from_numpy(rows[start : start + _AT_ONCE]))
        x, y = batch["x"].flatten(1), batch["y"]

        def loss(changed: Tensor, y: Tensor = y, shape: torch.Size = batch["x"].shape) -> Tensor:
            with torch.no_grad():
                return audit.task.losses(model(changed.view(shape)), y).double()

        before = loss(x)
        for k, places in enumerate(columns):
            changed = x.clone()
            changed[:, list(places)] = usual[list(places)]
            found[start : start + _AT_ONCE, k] = (before - loss(changed)).numpy()
    return found


def _usual(audit: Audit, columns: Sequence[Sequence[int]]) -> Tensor:
    """The usual value at each place of the flat input, (F,): the mean, of codes of categories the most frequent one."""
    examples = audit.examples
    every = torch.arange(0, len(examples), max(1, len(examples) // _SAMPLE))
    x = examples.batch(every)["x"].flatten(1)
    usual = x.mean(0)
    codes = () if audit.encoding is None else audit.encoding.model_options.get("categories", ())
    if codes:
        usual[-len(codes) :] = x[:, -len(codes) :].mode(0).values
    for _, *flags in columns:
        usual[flags] = 0.0  # the column beside a number's says that it is missing, which is not usual
    return usual
