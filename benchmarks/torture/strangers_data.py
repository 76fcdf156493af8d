"""Data and teachers that somebody made to do harm."""

import io
import json
import pickle
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.torture.trying import Pickled, refused
from reweigh.data.cifar_binary import CIFAR10_LAYOUT, extract
from reweigh.data.cifar_n import human_labels
from reweigh.data.idx import read_idx
from reweigh.rules import DeepInteraction


def pickled_arrays(folder: Path, canary: Path, draw: random.Random) -> str:
    path, evil = folder / "x.npz", np.array([Pickled(canary)], dtype=object)
    if draw.random() < 0.5:
        np.savez(path, x=evil, y=np.zeros(1))
    else:
        path.write_bytes(pickle.dumps(Pickled(canary)))
    return refused("train", "--train", path, "--clean", path, "--output", folder / "other")


def huge_arrays(folder: Path, canary: Path, draw: random.Random) -> str:
    """A header that claims 4 TB."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 1000)})
    path = folder / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + b"\0" * 40)
        archive.writestr("y.npy", header.getvalue())
    return refused("train", "--train", path, "--clean", path, "--output", folder / "other")


def pickled_noise(folder: Path, canary: Path, draw: random.Random) -> str:
    path = folder / "noise.npy"
    if draw.random() < 0.5:
        np.save(path, np.array([[Pickled(canary)]], dtype=object), allow_pickle=True)
    else:
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(
                file, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
            )
    return refused("train", "--dataset", "digits", "--noise", f"matrix:{path}", "--output", folder / "other")


def teacher(folder: Path, canary: Path, draw: random.Random) -> str:
    """A teacher that is a pickle, or whose header is huge, deep or about tensors that are not there."""
    tensors = {"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}
    header = draw.choice(
        (b"[" * 100_000, json.dumps(tensors).encode(), b'{"__metadata__": {"reweigh_rule": "null"}}', b"{}")
    )
    path = folder / "teacher.safetensors"
    size = draw.choice((len(header), 2**63 - 1, 0))
    path.write_bytes(draw.choice((struct.pack("<Q", size) + header, pickle.dumps(Pickled(canary)))))
    DeepInteraction.load(path)
    return "was read"


def archive(folder: Path, canary: Path, draw: random.Random) -> str:
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


def pixels(folder: Path, canary: Path, draw: random.Random) -> str:
    """An idx file that claims two gigabytes and holds a few bytes."""
    path = folder / "train-images-idx3-ubyte"
    shape = draw.choice(((2**16, 2**7, 2**8), (2**31, 28, 28), (9000, 28, 28)))
    path.write_bytes(bytes((0, 0, 8, 3)) + struct.pack(">3I", *shape) + b"\0" * 100)
    read_idx(path, 3)
    return "was read"


def human(folder: Path, canary: Path, draw: random.Random) -> str:
    """CIFAR-10N's labels as a pickle, or an array that claims more than it holds."""
    (folder / "cifar-10n").mkdir()
    if draw.random() < 0.5:
        torch.save({"worse_label": Pickled(canary)}, folder / "cifar-10n/CIFAR-10_human.pt")
    else:
        with (folder / "cifar-10n/human_worst.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": (10**13,)})
    human_labels("worst", folder)
    return "was read"
