"""What a person sees of examples: a picture, a text, or the cells of a row with those first that speak against its label."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from reweigh.audit import Audit
from reweigh.audit.as_read import cells_by_id, files_by_id, is_read
from reweigh.ledger.visits import Array
from reweigh.report.thumbnails import address, picture
from reweigh.review.against import speak_against
from reweigh.review.nearest import Nearest
from reweigh.review.pictures import of_file, side_for
from reweigh.run.gallery import are_images

MOST_COLUMNS, CELL, TEXT = 60, 200, 4_000
_CLEARLY, _OF_THE_MOST, _MOST_AGAINST = 0.1, 0.2, 5


@dataclass(frozen=True)
class Seen:
    """Of n suspects and m checked examples.

    Attributes:
        form: "picture", "text" or "row".
        suspects, checked: addresses of pictures, texts, or lists of cells, one for each of the `columns`.
        columns: names; empty but for rows.
        order: of rows, for each suspect the columns in the order in which they are shown.
        against: of rows, how many of these, the first ones, clearly speak against the label.
        left_out: how many more columns there are.
    """

    form: str
    suspects: list[Any]
    checked: list[Any]
    columns: list[str]
    order: list[list[int]]
    against: list[int]
    left_out: int = 0


def seen_of(audit: Audit, model: nn.Module, rows: Array, near: Nearest) -> Seen:
    """What is seen of the training examples at `rows` (n,), and of those checked ones that are near to them."""
    ids = audit.examples.ids.numpy()[rows].tolist()
    checked = audit.checked.ids.numpy()[near.used].tolist()
    if are_images(audit.examples):
        pictures = _pictures(audit, rows, near, ids, checked)
        return Seen("picture", pictures[: len(ids)], pictures[len(ids) :], [], [], [])
    if not is_read(audit):
        return _numbers(audit, model, rows, near)
    assert audit.encoding is not None
    cells = cells_by_id(audit, [*ids, *checked])
    if audit.encoding.kind == "text":
        column = str(audit.encoding.reader["column"])
        texts = [_cut(cells[i][column], TEXT) for i in [*ids, *checked]]
        return Seen("text", texts[: len(ids)], texts[len(ids) :], [], [], [])
    places, at = dict[str, list[int]](), 0
    for plan in audit.encoding.reader["columns"]:
        width = 1 + bool(plan.get("missing"))
        places[plan["name"]] = list(range(at, at + width))
        at += width
    names = [name for name in cells[ids[0]] if name not in audit.encoding.targets]
    table = [[_cut(cells[i].get(name), CELL) for name in names] for i in [*ids, *checked]]
    learnt = speak_against(audit, model, rows, list(places.values()))
    against = np.zeros((len(ids), len(names)))
    stands = {name: k for k, name in enumerate(names)}
    against[:, [stands[name] for name in places]] = learnt
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
    suspects, checked = shown[: len(against)], shown[len(against) :]
    columns = [names[k] for k in kept.tolist()]
    return Seen("row", suspects, checked, columns, order.tolist(), clearly.tolist(), len(names) - len(kept))


def _pictures(audit: Audit, rows: Array, near: Nearest, ids: list[int], checked: list[int]) -> list[str]:
    """The suspects' and then the checked examples': from their files where they have some, which are larger and whole."""
    side = side_for(len(ids) + len(checked))
    if audit.encoding is not None and audit.encoding.kind == "images":
        files = files_by_id(audit, [*ids, *checked])
        return [of_file(files[i], side) for i in [*ids, *checked]]
    pictures = [audit.examples[row]["x"] for row in rows.tolist()] + [audit.checked[k]["x"] for k in near.used.tolist()]
    form = "PNG" if max(audit.examples.x.shape[2:]) <= 64 else "JPEG"
    return [address(picture(image), form, side) for image in pictures]


def _cut(value: Any, length: int) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= length else f"{text[:length]}… ({len(text) - length:,} more characters)"
