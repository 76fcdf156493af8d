"""CSV and TSV files as people and programs write them, each with a known meaning; some of them damaged."""

import datetime
import gzip
import random
from pathlib import Path
from typing import Any

from benchmarks.torture.truth import Case, Column, table_wrong, tally
from reweigh.data.own import Sources

GONE = ["", "NA", "unknown", "n/a", "?", "-", "NULL", "Unknown", "missing", "#N/A", "--", "not available", "."]
WORDS = [
    "red",
    "green",
    "é and ü",
    "two words",
    "=1+1",
    "a,b",
    "x;y",
    "p|q",
    'the "best"',
    "it's",
    "<b>",
    "日本",
    "1st",
]
LONG_WORDS = ["two\nlines", 'quote " and\nline', "three\r\nlines"]
RAW = ['"open', 'close"', '5" pipe', 'the "best"', '"Yes" he said', "plain", "rock 'n' roll"]
GROUPS = [("", "."), (",", "."), (".", ","), ("", ","), (" ", ","), ("'", "."), ("\u202f", ",")]
UNITS = ["", "", "", "", "%", " %", " kg", "€", " EUR", "$ before", "USD before"]
DATES = ["%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y", "%Y-%m-%d %H:%M:%S", "%d.%m.%y"]
DAMAGES = ["ragged", "latin-1", "zero byte", "open quote", "two ways", "short", "names twice"]


def run(seed: int, count: int) -> dict[str, Any]:
    """Read `count` generated tables; totals."""
    return tally(_made, table_wrong, seed, count)


def _made(draw: random.Random, folder: Path) -> Case:
    rows = draw.randint(30, 80)
    tabs = draw.random() < 0.3
    delimiter = "\t" if tabs else draw.choice([",", ",", ";", "|"])
    raw = tabs and draw.random() < 0.5
    columns = [_column(draw, f"c{place}", rows, raw) for place in range(draw.randint(2, 5))]
    columns.append(
        Column("z", "number", steady := [round(draw.gauss(0, 3), 3) for _ in range(rows)], [str(v) for v in steady])
    )
    labels = [("no", "yes")[row % 2] for row in range(rows)]
    table = [[column.name for column in columns] + ["label", "ok"]]
    table += [[c.cells[row] for c in columns] + [labels[row], str(int(row < 20))] for row in range(rows)]
    damage = draw.choice(DAMAGES) if draw.random() < 0.2 else ""
    if damage == "two ways":
        for row in range(1, rows + 1):
            table[row][0] = f"{row}.5" if row % 2 else f"{row},5"
    if damage == "names twice":
        table[0][0] = table[0][1]
    text = _text(draw, table, delimiter, raw)
    content = _damaged(text.encode("utf-8"), damage, delimiter, raw) if damage else _encoded(draw, text)
    end = (".tsv" if tabs and draw.random() < 0.7 else ".csv") + (".gz" if draw.random() < 0.1 else "")
    path = folder / f"train{end}"
    path.write_bytes(gzip.compress(content) if end.endswith(".gz") else content)
    return Case(Sources(train=str(path), target="label", clean_column="ok"), columns, labels, damage, end)


def _text(draw: random.Random, table: list[list[str]], delimiter: str, raw: bool) -> str:
    end = draw.choice(["\n", "\n", "\r\n", "\r", "mixed"])
    ends = ["\n", "\r\n", "\r"] if end == "mixed" else [end]
    trailing = not raw and draw.random() < 0.1
    lines = []
    for place, row in enumerate(table):
        if raw:
            line = delimiter.join(row)
        else:
            every = place > 0 and draw.random() < 0.5
            line = delimiter.join(_quoted(cell, delimiter, every) for cell in row)
            line += delimiter if trailing and place else ""
        lines.append(line + draw.choice(ends) * (2 if place and draw.random() < 0.02 else 1))
    text = "".join(lines)
    text = text.rstrip("\r\n") if draw.random() < 0.3 else text
    if draw.random() < 0.08 and not raw:
        return f"sep={delimiter}{ends[0]}{text}"
    return f"# written by a program{ends[0]}{text}" if draw.random() < 0.08 else text


def _quoted(cell: str, delimiter: str, every: bool) -> str:
    return (
        '"' + cell.replace('"', '""') + '"'
        if every or any(mark in cell for mark in ('"', "\n", "\r", delimiter))
        else cell
    )


def _encoded(draw: random.Random, text: str) -> bytes:
    return text.encode(draw.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16"]))


def _damaged(content: bytes, damage: str, delimiter: str, raw: bool) -> bytes:
    content = content.rstrip(b"\r\n") + b"\n"
    more = delimiter.encode().join([b"1"] * (content.count(delimiter.encode()) + 3))
    if damage == "ragged":
        return content + more + b"\n"
    if damage == "short":
        return content + b"1" + delimiter.encode() + b"2\n"
    if damage == "latin-1":
        return content + b"caf\xe9" + delimiter.encode() + b"2\n"
    if damage == "zero byte":
        return content + b"\0" + more + b"\n"
    if damage == "open quote":
        return content + b'"never closed' + (delimiter.encode() + more if raw else b"") + b"\n"
    return content


def _column(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    makers = [_numbers, _numbers, _plain, _words, _dates, _zeros, _either, _clock, _truths, _huge]
    return draw.choice(makers)(draw, name, rows, raw)


def _with_gaps(draw: random.Random, column: Column, share: float) -> Column:
    words = draw.sample(GONE, draw.randint(1, 3))
    gone = [draw.random() < share for _ in column.cells]
    truth = [None if absent else meant for meant, absent in zip(column.truth, gone, strict=True)]
    cells = [draw.choice(words) if absent else cell for cell, absent in zip(column.cells, gone, strict=True)]
    return column._replace(truth=truth, cells=cells)


def _numbers(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    (group, decimal), unit = draw.choice(GROUPS), draw.choice(UNITS)
    booked, places = draw.random() < 0.2, draw.choice([1, 2, 4])
    truth = [round(draw.gauss(0, 1) * 10 ** draw.randint(2, 6), places) for _ in range(rows)]

    def written(number: float) -> str:
        text = f"{abs(number):,.{places}f}".replace(",", "G").replace(".", decimal).replace("G", group)
        text = f"{unit.split()[0]}{text}" if unit.endswith("before") else text + unit
        return (f"({text})" if booked else f"-{text}") if number < 0 else text

    return _with_gaps(
        draw, Column(name, "number", truth, [written(number) for number in truth]), draw.choice([0, 0, 0.1, 0.3])
    )


def _plain(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    truth = [
        draw.choice([draw.gauss(0, 1), float(draw.randint(-500, 500)), draw.gauss(0, 1) * 1e5]) for _ in range(rows)
    ]
    return _with_gaps(
        draw, Column(name, "number", truth, [repr(number) for number in truth]), draw.choice([0, 0.1, 0.2])
    )


def _words(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    several = draw.sample(RAW if raw else [*WORDS, *LONG_WORDS], 5)
    truth = [draw.choice(several) for _ in range(rows)]
    return Column(name, "category", truth, truth, only_said=True)


def _dates(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    layout, first = draw.choice(DATES), datetime.datetime(2001, 3, 5)
    days = [draw.randint(0, 6000) for _ in range(rows)]
    cells = [(first + datetime.timedelta(days=day)).strftime(layout) for day in days]
    truth = [float((first - datetime.datetime(1970, 1, 1)).days + day) for day in days]
    return _with_gaps(draw, Column(name, "date", truth, cells), draw.choice([0, 0.1]))


def _zeros(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    truth = [f"{draw.randint(0, 9):05}" for _ in range(rows)]
    return Column(name, "category", truth, truth, only_said=True)


def _either(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    mark = draw.choice([",", "."])
    numbers = [draw.randint(1000, 999_999) for _ in range(rows)]
    return Column(
        name, "number", list(map(float, numbers)), [f"{n:,}".replace(",", mark) for n in numbers], choice=True
    )


def _clock(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    minutes = [draw.randint(0, 1439) for _ in range(rows)]
    return Column(name, "date", [minute / 1440 for minute in minutes], [f"{m // 60:02}:{m % 60:02}" for m in minutes])


def _truths(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    yes, no = draw.choice([("True", "False"), ("true", "false"), ("yes", "no"), ("TRUE", "FALSE")])
    cells = [draw.choice([yes, no]) for _ in range(rows)]
    return Column(name, "category", [c.lower() for c in cells], cells, only_said=True)


def _huge(draw: random.Random, name: str, rows: int, raw: bool) -> Column:
    truth = [str(2**60 + draw.randint(0, 6)) for _ in range(rows)]
    return Column(name, "category", truth, truth, only_said=True)
