"""What is seen of examples: cells in the order in which they speak against the label, pictures in their own proportions."""

import base64
import io
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import nn

from reweigh.audit.suspects import suspects
from reweigh.report.pictures import pictures_of
from reweigh.review import against, seen
from reweigh.review.against import speak_against
from reweigh.review.nearest import nearest_checked
from reweigh.review.seen import CELL, MOST_COLUMNS, seen_of
from reweigh.run.finished import trained_model


class First(nn.Module):
    """Knows that the class is the sign of the first number, and nothing of any other."""

    def forward(self, x):
        return torch.stack([-4 * x[:, 0], 4 * x[:, 0]], 1)


def of(audit, count=12):
    model = trained_model(audit.run, tuple(audit.examples.x.shape[1:]), audit.task.outputs, audit.encoding)
    rows = suspects(audit, count)
    return rows, seen_of(audit, model, rows, nearest_checked(audit, model, rows))


def decoded(address):
    return Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_the_number_that_speaks_against_a_wrong_label_and_no_other(audited):
    audit = audited("arrays")
    wrong = np.flatnonzero((audit.given == 1) & (audit.examples.x[:, 0] < -0.5).numpy())[:20]
    right = np.flatnonzero((audit.given == 1) & (audit.examples.x[:, 0] > 0.5).numpy())[:20]
    columns = [[k] for k in range(6)]
    told = speak_against(audit, First(), wrong, columns)
    assert (told[:, 0] > 1).all()
    assert np.allclose(told[:, 1:], 0)
    assert (speak_against(audit, First(), right, columns)[:, 0] < 0).all()


def test_it_is_the_loss_less_the_loss_at_the_usual_value(audited):
    audit = audited("table")
    model = trained_model(audit.run, tuple(audit.examples.x.shape[1:]), audit.task.outputs, audit.encoding)
    rows = audit.order[:5]
    plans = audit.encoding.reader["columns"]
    assert [plan["name"] for plan in plans] == ["age", "income", "colour"]  # x: age, income, is it missing, colour
    found = speak_against(audit, model, rows, [[0], [1, 2], [3]])
    batch = audit.examples.batch(torch.from_numpy(rows.copy()))
    x, y = batch["x"], batch["y"]
    changed = x.clone()
    changed[:, 1:3] = torch.tensor([audit.examples.x[:, 1].mean(), 0.0])
    with torch.no_grad():
        wanted = audit.task.losses(model(x), y) - audit.task.losses(model(changed), y)
    assert np.allclose(found[:, 1], wanted.numpy(), atol=1e-5)
    changed = x.clone()
    changed[:, 3] = audit.examples.x[:, 3].mode().values  # a code that there is, and no mean of codes
    with torch.no_grad():
        wanted = audit.task.losses(model(x), y) - audit.task.losses(model(changed), y)
    assert np.allclose(found[:, 2], wanted.numpy(), atol=1e-5)


def test_too_many_questions_are_not_asked(audited, monkeypatch):
    monkeypatch.setattr(against, "MOST_QUESTIONS", 10)
    assert not speak_against(audited("arrays"), First(), np.arange(4), [[0], [1], [2]]).any()


def test_cells_are_as_they_stand_in_the_file_and_age_speaks_first(audited):
    audit = audited("table")
    rows, found = of(audit, 40)
    assert found.form == "row"
    assert found.columns == ["age", "colour", "income"]
    file = [line.split(",") for line in (audit.run.path.parent / "data" / "noisy.csv").read_text().splitlines()]
    for row, one in zip(rows, found.suspects, strict=True):
        assert one["cells"] == file[1 + int(audit.examples.ids[row])][:3]
    first = [found.columns[one["order"][0]] for one in found.suspects]
    assert first.count("income") < 5  # which says nothing
    assert min(one["against"] for one in found.suspects[:20]) >= 1  # wrong ones: something speaks against each of them
    assert all(sorted(one["order"]) == [0, 1, 2] for one in found.suspects)
    checked = [line.split(",") for line in (audit.run.path.parent / "data" / "checked.csv").read_text().splitlines()]
    assert all(cells in [line[:3] for line in checked[1:]] for cells in found.checked)


def test_long_cells_are_cut_and_very_many_columns_are_fewer():
    assert seen._cut("x" * 300, CELL) == "x" * CELL + "… (100 more characters)"
    assert seen._cut(None, CELL) == ""
    speaks = np.zeros((4, 100))
    speaks[:, [99, 3]] = [5.0, -7.0]
    found = seen._rows([f"c{k}" for k in range(100)], [[str(k) for k in range(100)]] * 6, speaks)
    assert len(found.columns) == MOST_COLUMNS
    assert found.left_out == 40
    assert {"c3", "c99"} <= set(found.columns)
    for one in found.suspects:
        assert [found.columns[one["order"][k]] for k in (0, -1)] == ["c99", "c3"]
        assert one["against"] == 1
    assert len(found.suspects) == 4
    assert len(found.checked) == 2


def test_texts_are_whole(audited):
    audit = audited("text")
    _, found = of(audit)
    assert found.form == "text"
    assert all(text.endswith(" <script>") and text.count(" ") == 5 for text in [*found.suspects, *found.checked])


def test_numbers_of_arrays(audited):
    rows, found = of(audited("arrays"))
    assert found.columns == ["0", "1", "2", "3", "4", "5"]
    x = audited("arrays").examples.x[int(rows[0])]
    assert found.suspects[0]["cells"] == [f"{value:.4g}" for value in x.tolist()]
    assert [one["order"][0] for one in found.suspects[:8]].count(0) >= 6  # the number that the class follows


def test_pictures_come_from_their_files(audited):
    audit = audited("images")
    rows, found = of(audit)
    assert found.form == "picture"
    folder = audit.run.path.parent / "data" / "noisy"
    for row, address in zip(rows.tolist(), found.pictures, strict=False):
        wanted = Image.open(folder / audit.name(row)).convert("RGB")
        assert np.array_equal(np.asarray(decoded(address)), np.asarray(wanted))  # small ones are exact


def test_pictures_of_a_known_data_set(audited):
    audit = audited("images")
    bare = replace(audit, encoding=None)
    pictures = pictures_of(bare, [(audit.examples, np.array([0, 1])), (audit.checked, np.array([0]))])
    assert [decoded(address).size for address in pictures] == [(12, 12)] * 3
    pixels = (audit.examples[1]["x"].permute(1, 2, 0) * 255).round().byte().numpy()
    assert np.array_equal(np.asarray(decoded(pictures[1])), pixels)


def test_tokens_are_whole_numbers(audited):
    audit = audited("arrays")
    tokens = torch.full((len(audit), 3), 1_234_567)
    examples, checked = (replace(one, x=tokens[: len(one)]) for one in (audit.examples, audit.checked))
    found = seen._numbers(replace(audit, examples=examples, checked=checked), First(), np.array([0, 1]), nearest([0]))
    assert found.suspects == [{"cells": ["1234567"] * 3, "order": [0, 1, 2], "against": 0}] * 2


def nearest(used):
    from reweigh.review.nearest import Nearest

    return Nearest(np.array(used), np.zeros((2, 1), dtype=np.int64))


def test_targets_names_and_marks_are_no_cells(audited, monkeypatch):
    monkeypatch.setattr(seen, "speak_against", lambda audit, model, rows, columns: np.zeros((len(rows), len(columns))))
    audit = audited("table")
    named = replace(audit, encoding=replace(audit.encoding, reader=audit.encoding.reader | {"id": "key"}))
    row = {"key": "k1", "age": "3", "note": "not learnt from", "colour": "red", "income": None, "buys": "no"}
    found = seen._cells(named, First(), np.array([0]), [row, row | {"age": "4"}])
    assert found.columns == ["age", "note", "colour", "income"]
    assert found.suspects[0]["cells"] == ["3", "not learnt from", "red", ""]
    assert found.checked == [["4", "not learnt from", "red", ""]]
