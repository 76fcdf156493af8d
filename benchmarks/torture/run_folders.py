"""Run folders damaged in every way that we could think of: a sentence, or exactly what the undamaged run says.

One small run is made, and copies of it are damaged: bits flipped, files cut, swapped with another run's, deleted, replaced
by folders, pipes and links, JSON crafted. Each copy is audited, reported, asked for predictions and resumed. Some crafted
copies get digests that fit, as a stranger could make them.
"""

import contextlib
import io
import json
import os
import random
import shutil
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.torture.sealing import seal
from reweigh.cli.guard import run as command

JSON_FILES = ("config.json", "summary.json", "metrics.jsonl", "encoding.json")
OTHERS = ("checkpoint.pt", "model.safetensors", "weights.parquet", "SHA256SUMS", "ledger/epoch-00001.parquet",
          "ledger/epoch-00002.parquet")  # fmt: skip
CRAFTED = (
    "[" * 100_000, '{"a":' * 100_000, "null", "[]", '"a"', "1", "NaN", '{"a": NaN}', '{"a": 1e999}', '{"a": Infinity}',
    '{"a": ' + "9" * 10_000 + "}", '{"a": 1, "a": 2}', "", "\x00", "\ufeff{}", '{"a": "\\ud800"}', "{}" * 1000, '{"a"',
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 10**18, 1e300, "", "x", "\x1b[2J", [], {}, [[]], {"a": {}}, [None], "a\x00b", [10**18], "../../..",
)  # fmt: skip


def run(seed: int, count: int) -> dict[str, Any]:
    """Damage `count` copies; how many commands were tried, ended in a sentence, said the same, or went wrong."""
    draw, totals = random.Random(seed), {"tried": 0, "sentences": 0, "same": 0, "wrong": list[str]()}
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        made, other = _make(top / "one", 0), _make(top / "two", 1)
        right = _say_all(_copy(made, top / "right"))
        assert all(code == 0 for code, *_ in right.values()), right
        for number in range(count):
            copy = _copy(made, top / "copy")
            told, sealed = _damage(copy / "run", other / "run", draw)
            for name, outcome in _say_all(copy).items():
                verdict = _verdict(outcome, right[name], sealed)
                totals["tried"] += 1
                if verdict in totals:
                    totals[verdict] += 1
                else:
                    totals["wrong"].append(f"{number}: {told}, {name}: {verdict}")
    return totals


def _make(folder: Path, seed: int) -> Path:
    draw = random.Random(seed)
    folder.mkdir()
    for name, rows in (("noisy", 90), ("checked", 30), ("new", 12)):
        lines = ["a,colour,y"]
        for k in range(rows):
            a = draw.uniform(0, 1)
            wrong = name == "noisy" and k % 3 == 0
            lines.append(f"{a:.4f},{draw.choice(['red', 'blue'])},{'yes' if (a > 0.5) != wrong else 'no'}")
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    said = ["train", "--train", f"{folder}/noisy.csv", "--clean", f"{folder}/checked.csv", "--target", "y"]
    assert _quiet([*said, "--epochs", "2", "--batch-size", "32", "--output", f"{folder}/run"])[0] == 0
    return folder


def _copy(made: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    shutil.copytree(made / "run", place / "run")
    shutil.copy(made / "new.csv", place)
    return place


def _say_all(copy: Path) -> dict[str, tuple[int, str, Any]]:
    """For each command its exit code, what it said on stderr, and what it left."""
    found, folder = {}, str(copy / "run")
    for name, words, left in (
        ("audit", ["audit", folder, "--output", f"{copy}/audit.csv"], "audit.csv"),
        ("report", ["report", folder, "--output", f"{copy}/report.html"], "report.html"),
        ("predict", ["predict", folder, f"{copy}/new.csv", "--output", f"{copy}/out.csv"], "out.csv"),
        ("resume", ["train", "--resume", "--output", folder], ""),
    ):
        code, said = _quiet(words)
        result = _results(copy / "run") if not left else _without(_bytes(copy / left), copy)
        found[name] = (code, said, result if code == 0 else None)
    return found


def _results(folder: Path) -> dict[str, bytes | None]:
    """What a resumed run must end with, bit for bit."""
    names = ("model.safetensors", "weights.parquet", "encoding.json", "metrics.jsonl", *OTHERS[-2:])
    return {name: _bytes(folder / name) for name in names}


def _without(content: bytes | None, folder: Path) -> bytes | None:
    """But for the folder's path, which commands that a page shows have in them."""
    return None if content is None else content.replace(str(folder).encode(), b"")


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _quiet(words: list[str]) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            code = command(words)
        except BaseException:  # whatever comes through is what we look for
            return -1, traceback.format_exc(limit=-3)
    return code, said.getvalue()


def _verdict(outcome: tuple[int, str, Any], right: tuple[int, str, Any], sealed: bool) -> str:
    code, said, left = outcome
    if code == 2 and said.startswith("reweigh: ") and len(said.splitlines()) == 1 and "\x1b" not in said:
        return "sentences"
    if code == 0 and (left == right[2] or sealed):
        return "same"  # a stranger who makes digests anew may say what they like, as long as it makes sense
    return f"code {code}, {said[-400:]!r}" if code else "another outcome without a word"


def _damage(folder: Path, other: Path, draw: random.Random) -> tuple[str, bool]:
    """Damage a folder; says how, and whether digests were made anew."""
    kinds: list[Callable[[Path, Path, random.Random], str]] = [
        _flip, _flip, _flip, _flip, _cut, _cut, _swap, _swap, _delete, _replace, _craft, _edit,
    ]  # fmt: skip
    kind = draw.choice(kinds)
    told = kind(folder, other, draw)
    sealed = kind in (_craft, _edit) and draw.random() < 0.6 and not told.startswith("config.json is")
    if sealed:
        seal(folder)
    return f"{told}{', sealed' if sealed else ''}", sealed


def _any(draw: random.Random) -> str:
    return draw.choice(JSON_FILES + OTHERS)


def _flip(folder: Path, other: Path, draw: random.Random) -> str:
    name = _any(draw)
    content = bytearray((folder / name).read_bytes())
    place, bit = draw.randrange(len(content)), draw.randrange(8)
    content[place] ^= 1 << bit
    (folder / name).write_bytes(content)
    return f"bit {bit} of byte {place} of {name} flipped"


def _cut(folder: Path, other: Path, draw: random.Random) -> str:
    name = _any(draw)
    content = (folder / name).read_bytes()
    end = draw.randrange(len(content))
    (folder / name).write_bytes(content[:end])
    return f"{name} cut to {end} of {len(content)}"


def _swap(folder: Path, other: Path, draw: random.Random) -> str:
    name = _any(draw)
    shutil.copy(other / name, folder / name)
    return f"{name} of another run"


def _delete(folder: Path, other: Path, draw: random.Random) -> str:
    name = _any(draw)
    (folder / name).unlink()
    return f"{name} deleted"


def _replace(folder: Path, other: Path, draw: random.Random) -> str:
    name, what = _any(draw), draw.choice(("folder", "pipe", "link to itself", "link elsewhere", "device"))
    path = folder / name
    path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"link to itself": path, "link elsewhere": other / name, "device": "/dev/zero"}[what])
    return f"{name} is a {what}"


def _craft(folder: Path, other: Path, draw: random.Random) -> str:
    name, content = draw.choice(JSON_FILES), draw.choice(CRAFTED)
    (folder / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    return f"{name} is {content[:20]!r}"


def _edit(folder: Path, other: Path, draw: random.Random) -> str:
    """A value somewhere within a JSON file becomes another, or its key is lost."""
    name = draw.choice(JSON_FILES)
    lines = (folder / name).read_text().splitlines() if name == "metrics.jsonl" else [(folder / name).read_text()]
    place = draw.randrange(len(lines))
    content = json.loads(lines[place])
    holder, told = content, name
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = draw.choice(keys)
        told += f".{key}"
        if not isinstance(holder[key], dict | list) or not holder[key] or draw.random() < 0.2:
            break
        holder = holder[key]
    value = draw.choice(("lost", *VALUES))
    if value == "lost":
        del holder[key]
    else:
        holder[key] = value
    lines[place] = json.dumps(content)
    (folder / name).write_text("\n".join(lines) + "\n")
    return f"{told} is {value!r:.40}"
