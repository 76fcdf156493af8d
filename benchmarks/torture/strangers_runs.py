"""Run folders that somebody made to do harm."""

import io
import json
import os
import pickle
import random
import shutil
import struct
import zipfile
from pathlib import Path

import torch
from torch import nn

from benchmarks.torture.sealing import seal
from benchmarks.torture.trying import Pickled, refused, said
from reweigh.printable import printable
from reweigh.run.folder.checkpoint import _digest, load_checkpoint, save_checkpoint

NAMES = (
    "<script>document.title='x'</script>", "[bold]x[/bold]", "[/x]", "[link=file:///etc]y[/link]", "=1+cmd|' /C calc'!A0",
    "@SUM(1)", "\x1b[2J\x1b]0;x\x07", "{{ 7*7 }}", "{% include 'x' %}", "\u202egnp.exe", ":smile:", "' onload='x",
)  # fmt: skip


def make_run(folder: Path, classes: tuple[str, ...], draw: random.Random) -> Path:
    """A small run on a table, whose two classes and a category have these names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("noisy", 60), ("checked", 24), ("new", 8)):
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            import csv

            writer = csv.writer(file)
            writer.writerow(["a", "b", "name", "y"])
            for k in range(rows):
                a = draw.uniform(0, 1)
                label = classes[(a > 0.5) != (name == "noisy" and k % 3 == 0)]
                writer.writerow([f"{a:.4f}", classes[k % 2], f"{classes[k % 2]} {k}", label])
    words = [
        "train",
        "--train",
        folder / "noisy.csv",
        "--clean",
        folder / "checked.csv",
        "--target",
        "y",
        "--rule",
        "l2rw",
    ]
    code, _, err = said(*words, "--id-column", "name", "--steps", 6, "--quick", "--output", folder / "run")
    assert code == 0, err
    return folder


def names(folder: Path, canary: Path, draw: random.Random) -> str:
    """Class names that a terminal, a browser or a spreadsheet would obey."""
    shutil.rmtree(folder)
    classes = tuple(draw.sample(NAMES, 2))
    make_run(folder, classes, draw)
    printed = ""
    for words in (
        ["audit", folder / "run", "--output", folder / "audit.csv"],
        ["predict", folder / "run", folder / "new.csv", "--output", folder / "out.csv", "--probabilities"],
        ["report", folder / "run"],
    ):
        code, out, err = said(*words)
        if code:
            return f"{classes}: {err}"
        printed += out + err
    page = (folder / "run/report.html").read_text("utf-8")
    cells = [cell for name in ("audit.csv", "out.csv") for row in _rows(folder / name) for cell in row]
    scripts = page.count("<script")  # the page has one of its own
    if any("\x1b" in text for text in (printed, page)) or scripts > 1 or "<a href='file" in page:
        return f"{classes}: obeyed"
    for name in classes:
        shown = name if name.isprintable() else printable(name)[:6]
        if "".join(shown.split()) not in "".join(printed.replace("│", "").split()) and len(name) < 12:
            return f"{name!r} is not to be seen as it is"
    if any(cell.startswith(("=", "@")) for cell in cells):
        return f"{classes}: a formula"
    return "same"


def _rows(path: Path) -> list[list[str]]:
    import csv

    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def config_with_code(folder: Path, canary: Path, draw: random.Random) -> str:
    """A run whose settings name a function, a module beside it that runs when it is imported."""
    (folder / "evil_model.py").write_text(f"open({str(canary)!r}, 'w').close()\ndef build(*a, **k): ...\n")
    path = folder / "run/config.json"
    stored = json.loads(path.read_text())
    stored["settings"]["model"] = draw.choice(("evil_model:build", "os:system", "hf:somebody/model", "hf:./evil"))
    path.write_text(json.dumps(stored))
    seal(folder / "run")
    before = Path.cwd()
    os.chdir(folder)
    try:
        if draw.random() < 0.3:
            (folder / "run/summary.json").unlink()
            return refused("train", "--resume", "--output", "run")
        what = draw.choice((["audit", "run"], ["report", "run"], ["predict", "run", "new.csv", "--output", "o.csv"]))
        return refused(*what)
    finally:
        os.chdir(before)


def tokenizer_elsewhere(folder: Path, canary: Path, draw: random.Random) -> str:
    path = folder / "run/encoding.json"
    content = json.loads(path.read_text())
    content["reader"]["tokenizer"] = "somebody/else"
    path.write_text(json.dumps(content))
    seal(folder / "run")
    return refused("predict", folder / "run", folder / "new.csv", "--output", folder / "o.csv")


def pickled_checkpoint(folder: Path, canary: Path, draw: random.Random) -> str:
    path = folder / "run/checkpoint.pt"
    if draw.random() < 0.5:
        save_checkpoint(path, {"model": Pickled(canary)})
    else:
        content = pickle.dumps(Pickled(canary))
        path.write_bytes(_digest(content) + content)
    (folder / "run/summary.json").unlink()
    seal(folder / "run")
    return refused("train", "--resume", "--output", folder / "run")


def bomb_checkpoint(folder: Path, canary: Path, draw: random.Random) -> str:
    """An archive that says that it holds gigabytes, or does so once it is unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"format": 1}))
        archive.writestr("archive/data/0", bytes(1 << 26))
    content = buffer.getvalue()
    (folder / "run/checkpoint.pt").write_bytes(_digest(content) + content)
    load_checkpoint(folder / "run/checkpoint.pt")
    return "was read"


def expanded_checkpoint(folder: Path, canary: Path, draw: random.Random) -> str:
    """Moments whose shapes are claimed and not there."""
    path = folder / "run/checkpoint.pt"
    state = load_checkpoint(path)
    for moments in state["optimizer"]["state"].values():
        moments["exp_avg"] = torch.zeros(1).expand(10**9)
    save_checkpoint(path, state)
    (folder / "run/summary.json").unlink()
    seal(folder / "run")
    return refused("train", "--resume", "--output", folder / "run")


def model(folder: Path, canary: Path, draw: random.Random) -> str:
    """A model that is a pickle, has other shapes or a huge header."""
    path = folder / "run/model.safetensors"
    kind = draw.randrange(3)
    if kind == 0:
        torch.save(nn.Linear(2, 2), path)
    elif kind == 1:
        path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    else:
        content = json.loads((folder / "run/encoding.json").read_text())
        content["input_shape"] = [10**12]
        (folder / "run/encoding.json").write_text(json.dumps(content))
    seal(folder / "run")
    return refused("predict", folder / "run", folder / "new.csv", "--output", folder / "o.csv")


def links(folder: Path, canary: Path, draw: random.Random) -> str:
    """Links in a run's folder that lead to a file of the user's: it stays as it is."""
    mine = folder / "mine.txt"
    mine.write_text("mine")
    name = draw.choice((".metrics.jsonl.part", ".lock", "SHA256SUMS", "report.html", ".report.html.part"))
    (folder / "run" / name).unlink(missing_ok=True)
    (folder / "run" / name).symlink_to(mine)
    (folder / "run/summary.json").unlink()
    for words in (["train", "--resume", "--output", folder / "run"], ["report", folder / "run"]):
        code, _, err = said(*words)
        if code not in (0, 2) or len(err.splitlines()) > 1:
            return err
    return "same" if mine.read_text() == "mine" else f"{name}: written through a link"
