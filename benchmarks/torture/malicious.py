"""Files that somebody made to do harm: no code of theirs runs, and each is read as what it says or refused in a sentence.

Whatever would run leaves a canary behind, a file that must not be there afterwards.
"""

import contextlib
import io
import json
import os
import pickle
import random
import shutil
import struct
import tarfile
import tempfile
import traceback
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.torture.sealing import seal
from torch import nn

from reweigh.cli.guard import run as command
from reweigh.data.cifar_binary import CIFAR10_LAYOUT, extract
from reweigh.data.cifar_n import human_labels
from reweigh.data.idx import read_idx
from reweigh.errors import ReweighError
from reweigh.printable import printable
from reweigh.rules import DeepInteraction
from reweigh.training.checkpoint import _digest, load_checkpoint, save_checkpoint

NAMES = (
    "<script>document.title='x'</script>", "[bold]x[/bold]", "[/x]", "[link=file:///etc]y[/link]", "=1+cmd|' /C calc'!A0",
    "@SUM(1)", "\x1b[2J\x1b]0;x\x07", "{{ 7*7 }}", "{% include 'x' %}", "\u202egnp.exe", ":smile:", "' onload='x",
)  # fmt: skip


class _Pickled:
    """Runs a command where it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


def run(seed: int, count: int) -> dict[str, Any]:
    """Try `count` files; how many were refused in a sentence, read as what they are, or did something wrong."""
    draw, totals = random.Random(seed), {"tried": 0, "sentences": 0, "same": 0, "wrong": list[str]()}
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        made = _run(top / "made", NAMES[:2], draw)
        for number in range(count):
            kind, folder = KINDS[number % len(KINDS)], top / "try"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(made, folder)
            canary = top / "canary"
            verdict = _tried(lambda k=kind, f=folder, c=canary: k(f, c, draw))  # type: ignore[misc]
            totals["tried"] += 1
            if canary.exists() or "canary" in os.listdir(Path.cwd()):
                verdict = "code was run"
                canary.unlink(missing_ok=True)
            if verdict in totals:
                totals[verdict] += 1
            else:
                totals["wrong"].append(f"{number}, {kind.__name__.strip('_')}: {verdict}")
    return totals


def _tried(attempt: Callable[[], str]) -> str:
    try:
        return attempt()
    except ReweighError as refused:
        return "sentences" if "\n" not in str(refused) else "more than a sentence"
    except BaseException:  # whatever comes through is what we look for
        return traceback.format_exc(limit=-3)


def _said(*words: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command([str(word) for word in words])
    return code, out.getvalue(), err.getvalue()


def _refused(*words: object) -> str:
    code, out, err = _said(*words)
    if code == 2 and len(err.splitlines()) == 1 and "\x1b" not in out + err:
        return "sentences"
    return f"code {code}: {err[-300:]!r}"


def _run(folder: Path, classes: tuple[str, ...], draw: random.Random) -> Path:
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
    said = [
        "train",
        "--train",
        folder / "noisy.csv",
        "--clean",
        folder / "checked.csv",
        "--target",
        "y",
        "--id-column",
        "name",
    ]
    code, _, err = _said(*said, "--id-column", "name", "--steps", 6, "--output", folder / "run")
    assert code == 0, err
    return folder


def _names(folder: Path, canary: Path, draw: random.Random) -> str:
    """Class names that a terminal, a browser or a spreadsheet would obey."""
    shutil.rmtree(folder)
    classes = tuple(draw.sample(NAMES, 2))
    _run(folder, classes, draw)
    printed = ""
    for words in (
        ["audit", folder / "run", "--output", folder / "audit.csv"],
        ["predict", folder / "run", folder / "new.csv", "--output", folder / "out.csv", "--probabilities"],
        ["report", folder / "run"],
    ):
        code, out, err = _said(*words)
        if code:
            return f"{classes}: {err}"
        printed += out + err
    page = (folder / "run/report.html").read_text("utf-8")
    cells = [cell for name in ("audit.csv", "out.csv") for row in _rows(folder / name) for cell in row]
    if any("\x1b" in text for text in (printed, page)) or "<script" in page or "<a href='file" in page:
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


def _config_with_code(folder: Path, canary: Path, draw: random.Random) -> str:
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
            return _refused("train", "--resume", "--output", "run")
        what = draw.choice((["audit", "run"], ["report", "run"], ["predict", "run", "new.csv", "--output", "o.csv"]))
        return _refused(*what)
    finally:
        os.chdir(before)


def _tokenizer_elsewhere(folder: Path, canary: Path, draw: random.Random) -> str:
    path = folder / "run/encoding.json"
    content = json.loads(path.read_text())
    content["reader"]["tokenizer"] = "somebody/else"
    path.write_text(json.dumps(content))
    seal(folder / "run")
    return _refused("predict", folder / "run", folder / "new.csv", "--output", folder / "o.csv")


def _pickled_checkpoint(folder: Path, canary: Path, draw: random.Random) -> str:
    path = folder / "run/checkpoint.pt"
    if draw.random() < 0.5:
        save_checkpoint(path, {"model": _Pickled(canary)})
    else:
        content = pickle.dumps(_Pickled(canary))
        path.write_bytes(_digest(content) + content)
    (folder / "run/summary.json").unlink()
    seal(folder / "run")
    return _refused("train", "--resume", "--output", folder / "run")


def _bomb_checkpoint(folder: Path, canary: Path, draw: random.Random) -> str:
    """An archive that says that it holds gigabytes, or does so once it is unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"format": 1}))
        archive.writestr("archive/data/0", bytes(1 << 26))
    content = buffer.getvalue()
    (folder / "run/checkpoint.pt").write_bytes(_digest(content) + content)
    load_checkpoint(folder / "run/checkpoint.pt")
    return "was read"


def _expanded_checkpoint(folder: Path, canary: Path, draw: random.Random) -> str:
    """Moments whose shapes are claimed and not there."""
    path = folder / "run/checkpoint.pt"
    state = load_checkpoint(path)
    for moments in state["optimizer"]["state"].values():
        moments["exp_avg"] = torch.zeros(1).expand(10**9)
    save_checkpoint(path, state)
    (folder / "run/summary.json").unlink()
    seal(folder / "run")
    return _refused("train", "--resume", "--output", folder / "run")


def _pickled_arrays(folder: Path, canary: Path, draw: random.Random) -> str:
    path, evil = folder / "x.npz", np.array([_Pickled(canary)], dtype=object)
    if draw.random() < 0.5:
        np.savez(path, x=evil, y=np.zeros(1))
    else:
        path.write_bytes(pickle.dumps(_Pickled(canary)))
    return _refused("train", "--train", path, "--clean", path, "--output", folder / "other")


def _huge_arrays(folder: Path, canary: Path, draw: random.Random) -> str:
    """A header that claims 4 TB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 1000)})
    path = folder / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + b"\0" * 40)
        archive.writestr("y.npy", header.getvalue())
    return _refused("train", "--train", path, "--clean", path, "--output", folder / "other")


def _pickled_noise(folder: Path, canary: Path, draw: random.Random) -> str:
    path = folder / "noise.npy"
    if draw.random() < 0.5:
        np.save(path, np.array([[_Pickled(canary)]], dtype=object), allow_pickle=True)
    else:
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
            )
    return _refused("train", "--dataset", "digits", "--noise", f"matrix:{path}", "--output", folder / "other")


def _teacher(folder: Path, canary: Path, draw: random.Random) -> str:
    """A teacher that is a pickle, or whose header is huge, deep or about tensors that are not there."""
    tensors = {"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}
    header = draw.choice(
        (b"[" * 100_000, json.dumps(tensors).encode(), b'{"__metadata__": {"reweigh_rule": "null"}}', b"{}")
    )
    path = folder / "teacher.safetensors"
    size = draw.choice((len(header), 2**63 - 1, 0))
    path.write_bytes(draw.choice((struct.pack("<Q", size) + header, pickle.dumps(_Pickled(canary)))))
    DeepInteraction.load(path)
    return "was read"


def _model(folder: Path, canary: Path, draw: random.Random) -> str:
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
    return _refused("predict", folder / "run", folder / "new.csv", "--output", folder / "o.csv")


def _archive(folder: Path, canary: Path, draw: random.Random) -> str:
    """Members that lie outside, are links, or say that they are huge."""
    path, inside = folder / "a.tar.gz", CIFAR10_LAYOUT.folder
    with tarfile.open(path, "w:gz") as archive:
        for name in (f"../{canary.name}", str(canary), f"{inside}/../../{canary.name}", f"{inside}/test_batch.bin"):
            member = tarfile.TarInfo(name)
            if name.endswith(".bin") and draw.random() < 0.5:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member, io.BytesIO())
    extract(path, folder, CIFAR10_LAYOUT, ["test_batch.bin"])
    return "was unpacked"


def _pixels(folder: Path, canary: Path, draw: random.Random) -> str:
    """An idx file that claims two gigabytes and holds a few bytes."""
    path = folder / "train-images-idx3-ubyte"
    shape = draw.choice(((2**16, 2**7, 2**8), (2**31, 28, 28), (9000, 28, 28)))
    path.write_bytes(bytes((0, 0, 8, 3)) + struct.pack(">3I", *shape) + b"\0" * 100)
    read_idx(path, 3)
    return "was read"


def _human(folder: Path, canary: Path, draw: random.Random) -> str:
    """CIFAR-10N's labels as a pickle, or an array that claims more than it holds."""
    (folder / "cifar-10n").mkdir()
    if draw.random() < 0.5:
        torch.save({"worse_label": _Pickled(canary)}, folder / "cifar-10n/CIFAR-10_human.pt")
    else:
        with (folder / "cifar-10n/human_worst.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": (10**13,)})
    human_labels("worst", folder)
    return "was read"


def _links(folder: Path, canary: Path, draw: random.Random) -> str:
    """Links in a run's folder that lead to a file of the user's: it stays as it is."""
    mine = folder / "mine.txt"
    mine.write_text("mine")
    name = draw.choice((".metrics.jsonl.part", ".lock", "SHA256SUMS", "report.html", ".report.html.part"))
    (folder / "run" / name).unlink(missing_ok=True)
    (folder / "run" / name).symlink_to(mine)
    (folder / "run/summary.json").unlink()
    for words in (["train", "--resume", "--output", folder / "run"], ["report", folder / "run"]):
        code, _, err = _said(*words)
        if code not in (0, 2) or len(err.splitlines()) > 1:
            return err
    return "same" if mine.read_text() == "mine" else f"{name}: written through a link"


KINDS = (
    _names, _config_with_code, _tokenizer_elsewhere, _pickled_checkpoint, _bomb_checkpoint, _expanded_checkpoint,
    _pickled_arrays, _huge_arrays, _pickled_noise, _teacher, _model, _archive, _pixels, _human, _links,
)  # fmt: skip
