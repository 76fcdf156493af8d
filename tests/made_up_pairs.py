"""Pairs of a made-up German and English, word for word: some of them spoilt, some checked, some new."""

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

WORDS = {"hund": "dog", "katze": "cat", "haus": "house", "baum": "tree", "rot": "red", "blau": "blue", "läuft": "runs",
         "schläft": "sleeps", "groß": "big", "klein": "small", "und": "and", "der": "the"}  # fmt: skip


def pairs(count, seed=0, wrong=0.0):
    """(source, target) each, the targets of a share exchanged among themselves; and which, (count,)."""
    draw, found = random.Random(seed), []
    for _ in range(count):
        words = [draw.choice(list(WORDS)) for _ in range(draw.randint(3, 7))]
        found.append((" ".join(words), " ".join(WORDS[word] for word in words)))
    bad = draw.sample(range(count), round(wrong * count))
    given = list(found)
    for here, there in zip(bad, bad[1:] + bad[:1], strict=True):
        given[here] = (found[here][0], found[there][1])
    return given, [row in bad for row in range(count)]


def tsv(path, rows, names=None):
    lines = [*([names] if names else []), *rows]
    Path(path).write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def three_files(folder, count=300, wrong=0.3):
    """pairs.tsv, checked.tsv and new.tsv without names of columns; returns which of the first are wrong."""
    given, bad = pairs(count, 0, wrong)
    tsv(folder / "pairs.tsv", given)
    tsv(folder / "checked.tsv", pairs(100, 1)[0])
    tsv(folder / "new.tsv", pairs(20, 2)[0])
    return bad


def tmx(rows):
    units = "".join(
        f'<tu tuid="u{n}"><tuv xml:lang="de-AT"><seg><bpt i="1">{{b}}</bpt><hi>{source}</hi></seg></tuv>'
        f'<tuv xml:lang="EN"><seg>{target}</seg></tuv><tuv xml:lang="fr"><seg>x</seg></tuv></tu>'
        for n, (source, target) in enumerate(rows)
    )
    return f'<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "tmx14.dtd"><tmx version="1.4"><body>{units}</body></tmx>'


def in_every_form(folder, rows):
    """The same pairs as people have them: from a name to what --train, --source and --target say."""
    sides = [[row[side] for row in rows] for side in (0, 1)]
    lines = ["".join(f"{line}\n" for line in side) for side in sides]
    table = pa.table({"de": sides[0], "en": sides[1], "n": list(range(len(rows)))})
    pq.write_table(table, folder / "table.parquet")
    tsv(folder / "bare.tsv", rows)
    tsv(folder / "four.tsv", [("url", "url", *row) for row in rows])
    tsv(folder / "named.tsv", [(str(n), *row) for n, row in enumerate(rows)], ["n", "de", "en"])
    (folder / "table.csv").write_text('"de","en"\n' + "".join(f'"{a}","{b}"\n' for a, b in rows))
    (folder / "rows.jsonl").write_text("".join(json.dumps({"en": b, "de": a}) + "\n" for a, b in rows))
    (folder / "corpus.de").write_text(lines[0])
    (folder / "corpus.en").write_bytes(lines[1].replace("\n", "\r\n").encode()[:-2])  # no end at the end
    (folder / "left.txt").write_bytes(lines[0].encode("utf-16"))
    (folder / "right.txt.gz").write_bytes(gzip.compress(lines[1].encode()))
    (folder / "packed.de.gz").write_bytes(gzip.compress(lines[0].encode()))
    (folder / "packed.en.gz").write_bytes(gzip.compress(lines[1].encode()))
    (folder / "memory.tmx").write_text(tmx(rows))
    named = ("de", "en")
    return {
        "tsv without names": (folder / "bare.tsv", named),
        "tsv by places": (folder / "four.tsv", ("3", "4")),
        "tsv with names": (folder / "named.tsv", named),
        "csv": (folder / "table.csv", named),
        "jsonl": (folder / "rows.jsonl", named),
        "parquet": (folder / "table.parquet", named),
        "Moses": (folder / "corpus", named),
        "Moses, packed": (folder / "packed", named),
        "two files": (f"{folder}/left.txt,{folder}/right.txt.gz", named),
        "tmx": (folder / "memory.tmx", named),
    }
