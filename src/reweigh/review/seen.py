"""What a person sees of examples: a picture, a text, or the cells of a row with those first that speak against its label."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from reweigh.audit import Audit
from reweigh.audit.as_read import cells_by_id, is_read
from reweigh.data.own import Sources
from reweigh.ledger.visits import Array
from reweigh.report.pictures import pictures_of
from reweigh.review.against import speak_against
from reweigh.review.nearest import Nearest
from reweigh.run.gallery import are_images

MOST_COLUMNS, CELL, TEXT = 60, 200, 4_000
_CLEARLY, _OF_THE_MOST, _MOST_AGAINST = 0.1, 0.2, 5


@dataclass(frozen=True)
class Seen:
    """Of n suspects and m checked examples, as the page is told.

    Attributes:
        form: "picture", "text" or "row".
        suspects: texts; or of rows the `cells`, one for each of the `columns`, the `order` in which these are shown, and how
            many of them, the first ones, clearly speak `against` the label; None for pictures.
        checked: texts; or of rows the cells; None for pictures.
        pictures: addresses, the suspects' and then the checked examples'; empty but for pictures.
        columns: names; empty but for rows.
        left_out: how many more columns there are.
    """

    form: str
    suspects: list[Any]
    checked: list[Any]
    pictures: list[str] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    left_out: int = 0


def seen_of(audit: Audit, model: nn.Module, rows: Array, near: Nearest) -> Seen:
    """What is seen of the training examples at `rows` (n,), and of those checked ones that are near to them."""
    ids = audit.examples.ids.numpy()[rows].tolist()
    checked = audit.checked.ids.numpy()[near.used].tolist()
    if are_images(audit.examples):
        pictures = pictures_of(audit, [(audit.examples, rows), (audit.checked, near.used)])
        return Seen("picture", [None] * len(ids), [None] * len(checked), pictures)
    if not is_read(audit):
        return _numbers(audit, model, rows, near)
    assert audit.encoding is not None
    cells = cells_by_id(audit, [*ids, *checked])
    if audit.encoding.kind == "text":
        column = str(audit.encoding.reader["column"])
        texts = [_cut(cells[i][column], TEXT) for i in [*ids, *checked]]
        return Seen("text", texts[: len(ids)], texts[len(ids) :])
    return _cells(audit, model, rows, [cells[i] for i in [*ids, *checked]])


def _cells(audit: Audit, model: nn.Module, rows: Array, cells: list[dict[str, Any]]) -> Seen:
    """Of a table's rows, all that is no target, name or mark: also columns that are not learnt from."""
    encoding, sources = audit.encoding, audit.run.config.data
    assert encoding is not None
    assert isinstance(sources, Sources)
    places, at = dict[str, list[int]](), 0
    for plan in encoding.reader["columns"]:
        width = 1 + bool(plan.get("missing"))
        places[plan["name"]] = list(range(at, at + width))
        at += width
    aside = {*encoding.targets, encoding.reader.get("id"), sources.clean_column, sources.clean_target}
    names = [name for name in cells[0] if name not in aside]
    stands = {name: k for k, name in enumerate(names)}
    against = np.zeros((len(rows), len(names)))
    against[:, [stands[name] for name in places]] = speak_against(audit, model, rows, list(places.values()))
    table = [[_cut(row.get(name), CELL) for name in names] for row in cells]
    return _rows(names, table, against)


def _numbers(audit: Audit, model: nn.Module, rows: Array, near: Nearest) -> Seen:
    """Of inputs that no file has as cells: their numbers, as the model is given them."""
    x, checked = audit.examples.x, audit.checked.x
    size = math.prod(x.shape[1:])
    flat = [x[int(row)].flatten().tolist() for row in rows]
    flat += [checked[int(row)].flatten().tolist() for row in near.used]
    table = [[f"{value:.4g}" if isinstance(value, float) else str(value) for value in numbers] for numbers in flat]
    against = np.zeros((len(rows), size))
    if x.is_floating_point():
        against = speak_against(audit, model, rows, [[place] for place in range(size)])
    return _rows([str(place) for place in range(size)], table, against)


def _rows(names: list[str], table: list[list[str]], against: Array) -> Seen:
    """Of very many columns those that speak most, over all suspects."""
    kept = np.sort(np.argsort(-np.abs(against).mean(0), kind="stable")[:MOST_COLUMNS])
    shown = [[cells[k] for k in kept.tolist()] for cells in table]
    against = against[:, kept]
    order = np.argsort(-against, axis=1, kind="stable")
    least = np.maximum(_CLEARLY, _OF_THE_MOST * against.max(1, keepdims=True))
    clearly = np.minimum((against >= least).sum(1), _MOST_AGAINST)
    suspects = [
        {"cells": cells, "order": first.tolist(), "against": int(count)}
        for cells, first, count in zip(shown, order, clearly, strict=False)
    ]
    columns = [names[k] for k in kept.tolist()]
    return Seen("row", suspects, shown[len(against) :], [], columns, len(names) - len(kept))


def _cut(value: Any, length: int) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length:,} more characters)"
