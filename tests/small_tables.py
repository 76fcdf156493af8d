"""A table with one column of given cells, read as the command line reads it."""

import random

import torch

from reweigh.data.own import Sources, read_own

ROWS = 40


def table(tmp_path, cells, name="v.csv", delimiter=",", end="\n", before="", after="", encoding="utf-8"):
    """A file whose column v holds these cells as they stand, beside a steady number, two classes and a mark."""
    draw = random.Random(0)
    lines = [delimiter.join(["v", "z", "label", "ok"])]
    for row in range(ROWS):
        lines.append(delimiter.join([cells(row), str(draw.gauss(0, 1)), "ab"[row % 2], str(int(row < 14))]))
    (tmp_path / name).write_bytes((before + end.join(lines) + end + after).encode(encoding))
    return str(tmp_path / name)


def read(path, **said):
    return read_own(Sources(**{"train": path, "target": "label", "clean_column": "ok"} | said), seed=0)


def column(own, name="v"):
    """The plan of a column, and its cells of all rows as numbers (NaN where missing) or words."""
    order = torch.cat([part.ids for part in (own.train, own.clean, own.test)]).argsort()
    x, place = torch.cat([part.x for part in (own.train, own.clean, own.test)])[order].double(), 0
    for plan in own.encoding.reader["columns"]:
        if plan["name"] == name:
            break
        place += 1 + bool(plan.get("missing"))
    else:
        return None, None
    if plan["kind"] == "category":
        return plan, [None if code == 0 else plan["values"][int(code) - 1] for code in x[:, place]]
    values = x[:, place] * plan["deviation"] + plan["mean"]
    return plan, torch.where(x[:, place + 1] > 0, torch.nan, values).numpy() if plan["missing"] else values.numpy()
