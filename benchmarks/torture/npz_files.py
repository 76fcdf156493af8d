"""NumPy archives of many types and shapes, each with a known meaning; some of them damaged, lying or holding pickles."""

import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.torture.truth import Case, in_order, tally
from reweigh.data.own import OwnData, Sources

MEANT: dict[str, tuple[np.ndarray, list[str], bool]] = {}  # by file: x, labels, whether x is images of bytes
DAMAGES = ["objects", "pickle", "cut", "lies", "short", "nan", "infinite", "one axis", "no axis", "structured", "complex",
           "no x", "no y", "empty", "words", "bomb", "dates", "twice", "single", "mask"]  # fmt: skip
TYPES = ["<f8", ">f8", "<f4", ">f4", "f2", "i1", "i2", ">i4", "i8", "u2", ">u8", "?", "u1", "longdouble"]


def run(seed: int, count: int) -> dict[str, Any]:
    """Read `count` generated archives; totals."""
    return tally(_made, _wrong, seed, count)


def _made(draw: random.Random, folder: Path) -> Case:
    noise, rows = np.random.default_rng(draw.randrange(2**32)), draw.randint(30, 60)
    images = draw.random() < 0.25
    shape = draw.choice([(rows, 3, 5, 5), (rows, 5, 5, 3), (rows, 5, 5)]) if images else (rows, draw.randint(1, 6))
    kind = "u1" if images else draw.choice(TYPES)
    x = noise.normal(0, 30, shape).clip(-100, 100)
    x = (np.abs(x) if np.dtype(kind).kind in "u?" else x).astype(kind)
    x = np.asfortranarray(x) if draw.random() < 0.3 else x
    names = draw.choice([[0, 1], ["no", "yes"], [False, True], [0.0, 1.0], [b"no", b"yes"], [10**18, 10**18 + 1]])
    codes = [row % 2 for row in range(rows)]
    y = np.array([names[code] for code in codes])
    y = y.astype(y.dtype.newbyteorder(draw.choice("<>"))) if y.dtype.kind in "if" else y
    y = y[:, None] if draw.random() < 0.1 else y
    clean = (np.arange(rows) < 20).astype(draw.choice(["?", "i8", ">i4"]))
    arrays: dict[str, Any] = {draw.choice(["x", "X", "features"]): x, draw.choice(["y", "labels"]): y, "clean": clean}
    arrays |= {"unused": np.array([{}], dtype=object)} if draw.random() < 0.1 else {}
    damage = draw.choice(DAMAGES) if draw.random() < 0.3 else ""
    path = folder / "train.npz"
    _save(draw, path, _spoiled(arrays, damage, rows), damage)
    MEANT[str(path)] = (x, [_spelled(names[code]) for code in codes], images)
    return Case(Sources(train=str(path)), [], [], damage, f"{x.dtype} {x.shape} {y.dtype}")


def _spelled(name: Any) -> str:
    if isinstance(name, bool):
        return str(name).lower()
    return name.decode() if isinstance(name, bytes) else f"{name:.0f}" if isinstance(name, float) else str(name)


def _spoiled(arrays: dict[str, Any], damage: str, rows: int) -> dict[str, Any]:
    x, y = list(arrays)[:2]
    real = np.ones((rows, 3))
    structured = np.zeros(rows, dtype=[("a", "f4"), ("b", "f4")])
    changes: dict[str, tuple[str, Any]] = {
        "objects": (y, np.array([{}] * rows, dtype=object)), "short": (y, np.arange(rows - 1) % 2),
        "nan": (x, np.where(np.arange(rows * 3).reshape(rows, 3) == 7, np.nan, real)),
        "infinite": (x, np.where(np.arange(rows * 3).reshape(rows, 3) == 7, np.inf, real)),
        "one axis": (x, np.arange(rows) / 7), "no axis": (y, np.array(1)), "structured": (x, structured),
        "complex": (y, np.ones(rows) * 1j), "empty": (x, np.zeros((rows, 0))), "words": (x, np.full((rows, 2), "a")),
        "dates": (y, np.array(["2020-01-01", "2020-01-02"] * rows, dtype="M8[D]")[:rows].astype("M8[Y]")),
        "bomb": (x, np.zeros((rows, 400_000))), "mask": ("clean", np.arange(rows)),
    }  # fmt: skip
    if damage in changes:
        name, array = changes[damage]
        arrays = arrays | {name: array}
    gone = {"no x": x, "no y": y}.get(damage)
    return {name: array for name, array in arrays.items() if name != gone}


def _save(draw: random.Random, path: Path, arrays: dict[str, Any], damage: str) -> None:
    (np.savez_compressed if damage == "bomb" or draw.random() < 0.5 else np.savez)(path, **arrays)
    whole = path.read_bytes()
    if damage == "pickle":
        path.write_bytes(b"\x80\x04K\x01." + bytes(20))
    elif damage == "cut":
        path.write_bytes(whole[: draw.randrange(20, len(whole) - 40)])
    elif damage == "single":
        with open(path, "wb") as file:
            np.save(file, np.ones(3))
    elif damage in ("lies", "twice"):
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }".ljust(117) + b"\n"
        with zipfile.ZipFile(path, "a") as file:
            name = f"{next(iter(arrays))}.npy" if damage == "twice" else "more.npy"
            file.writestr(name, b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64))


def _wrong(case: Case, own: OwnData) -> str:
    meant, labels, images = MEANT.pop(case.sources.train)
    x, y = in_order(own)
    given = [own.encoding.classes[code] for code in y.tolist()]
    if given != labels:
        return f"labels {given[:2]} and not {labels[:2]}"
    if images:
        meant = meant[:, None] if meant.ndim == 3 else meant if meant.shape[1] == 3 else meant.transpose(0, 3, 1, 2)
        return "" if np.array_equal(x.numpy(), meant) else "other pixels"
    numbers = meant.astype(np.float64)
    deviation = numbers.std(axis=0)
    scaled = (numbers - numbers.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return "" if np.allclose(x.numpy(), scaled, atol=2e-3) else "other numbers"
