"""Data with a tenth of their labels wrong, as spreadsheets and programs save them, beside a checked part."""

import csv
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reweigh.cli.guard import run

NAMES = ("red", "green", "blue")
COUNT, CHECKED = 240, 90


def rows(count=COUNT, seed=0, spoil=0.1):
    """Dicts of three numbers, a note with a line break now and then, and a label that the numbers tell; which are wrong."""
    draw = np.random.default_rng(seed)
    y = draw.integers(0, 3, count)
    x = draw.normal(size=(count, 3)) + 2.5 * np.eye(3)[y]
    wrong = draw.random(count) < spoil
    given = np.where(wrong, (y + 1) % 3, y)
    made = [
        {
            "key": f"k{seed}-{row}",
            "a": f"{x[row, 0]:.4f}",
            "b": f"{x[row, 1]:.4f}",
            "c": f"{x[row, 2]:.4f}",
            "note": 'two\r\nlines, "quoted"; here' if row % 7 == 0 else ["plain", "short", ""][row % 3],
            "label": NAMES[given[row]],
        }
        for row in range(count)
    ]
    return made, wrong, [NAMES[k] for k in y]


def csv_bytes(made, delimiter=",", end="\r\n", before="", encoding="utf-8"):
    """As a program writes them; `before` stands in front of the names."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=end)
    writer.writerows([list(made[0]), *(list(row.values()) for row in made)])
    return (before + buffer.getvalue()).encode(encoding)


def excel_bytes(made):
    """As a German Excel saves them: a mark, semicolons, a decimal comma."""
    told = [{name: cell.replace(".", ",") if name in "abc" else cell for name, cell in row.items()} for row in made]
    return csv_bytes(told, ";", encoding="utf-8-sig")


def frame(made):
    """A typed table: numbers, and the label as categories."""
    columns = {name: [row[name] for row in made] for name in made[0]}
    typed = {name: pa.array([float(cell) for cell in columns[name]]) for name in "abc"}
    label = pa.array(columns["label"]).dictionary_encode()
    return pa.table({"key": columns["key"], **typed, "note": columns["note"], "label": label})


def json_lines(made):
    """An object a line, with a blank line among them."""
    lines = [json.dumps({**row, "a": float(row["a"])}) for row in made]
    return ("\n".join([*lines[:3], "", *lines[3:]]) + "\n").encode()


def write(folder, kind):
    """The noisy and the checked part below `folder`; returns their paths, which labels are wrong, and the right ones."""
    folder.mkdir(parents=True, exist_ok=True)
    noisy, wrong, truth = rows()
    checked = rows(CHECKED, seed=1, spoil=0)[0]
    if kind == "parts":
        for name, part in (("noisy", noisy), ("checked", checked)):
            (folder / name).mkdir()
            for place in range(3):
                pq.write_table(frame(part[place::3]), folder / name / f"part-{place}.parquet")
        order = [row for place in range(3) for row in range(place, COUNT, 3)]
        return folder / "noisy", folder / "checked", wrong[order], [truth[row] for row in order]
    end = {"excel": ".csv", "csv": ".csv", "parquet": ".parquet", "json": ".jsonl"}[kind]
    for name, part in (("noisy", noisy), ("checked", checked)):
        path = folder / f"{name}{end}"
        if kind == "parquet":
            pq.write_table(frame(part), path)
        else:
            path.write_bytes({"excel": excel_bytes, "csv": csv_bytes, "json": json_lines}[kind](part))
    return folder / f"noisy{end}", folder / f"checked{end}", wrong, truth


def trained(folder, kind, *more):
    """A run on such data, in `folder`/run; returns it and what `write` does."""
    noisy, checked, wrong, truth = write(folder, kind)
    options = ["--clean", str(checked), "--target", "label", "--rule", "l2rw", "--steps", "60", "--quick", *more]
    assert run(["train", "--train", str(noisy), *options, "--output", str(folder / "run")]) == 0
    return folder / "run", noisy, wrong, truth
