import gzip
import hashlib
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from reweigh.data import DownloadFailed
from reweigh.data.idx import load_idx, read_images, read_labels
from reweigh.data.sources import Source

CLASSES = tuple("0123456789")
FOLDER = "MNIST/raw"


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def small_set(train: int = 7, test: int = 3) -> dict[str, bytes]:
    random, files = np.random.default_rng(0), {}
    for part, count in (("train", train), ("t10k", test)):
        files[f"{part}-images-idx3-ubyte"] = idx(random.integers(0, 256, (count, 28, 28)))
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count) % 10)
    return files


@pytest.fixture
def put(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    def write(files: dict[str, bytes]) -> Path:
        folder = tmp_path / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return tmp_path

    return write


def load(root: Path):
    return load_idx(Source(root, "", download=False), FOLDER, dict.fromkeys(packed(small_set()), ""), CLASSES)


def packed(files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.gz": gzip.compress(content) for name, content in files.items()}


@pytest.mark.parametrize("pack", [packed, dict])
def test_both_parts_are_read_packed_or_not(pack, put):
    files = small_set()
    splits = load(put(pack(files)))
    pixels = np.frombuffer(files["train-images-idx3-ubyte"][16:], dtype=np.uint8).reshape(7, 1, 28, 28)
    assert splits.train.x.dtype == torch.float32
    assert torch.equal(splits.train.x, torch.from_numpy(pixels.astype(np.float32)) / 255)
    assert splits.train.y.tolist() == list(range(7))
    assert splits.train.ids.tolist() == list(range(7))
    assert splits.test.ids.tolist() == [7, 8, 9]
    assert splits.test.x.shape == (3, 1, 28, 28)
    assert splits.train.classes == CLASSES


def test_an_unpacked_file_goes_before_its_archive(put):
    put(dict.fromkeys(packed(small_set()), b"rubbish"))
    assert len(load(put(small_set())).train) == 7


def test_missing_files_come_from_the_publisher(tmp_path, publisher, put, files_under):
    files = packed(small_set())
    publisher.files = {f"mnist/{name}": content for name, content in files.items()}
    put({"train-labels-idx1-ubyte.gz": files["train-labels-idx1-ubyte.gz"]})
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    splits = load_idx(Source(tmp_path, publisher.url + "mnist/"), FOLDER, sha256, CLASSES)
    assert (len(splits.train), len(splits.test)) == (7, 3)
    assert len(publisher.log) == 3
    assert files_under(tmp_path) == sorted(f"{FOLDER}/{name}" for name in files)


def test_a_failed_download_leaves_what_came_before_and_no_half_file(tmp_path, publisher, files_under, refused):
    files = packed(small_set())
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    publisher.files = files | {"train-labels-idx1-ubyte.gz": b"error page"}
    with refused("train-labels-idx1-ubyte.gz", "checksum", error=DownloadFailed):
        load_idx(Source(tmp_path, publisher.url), FOLDER, sha256, CLASSES)
    assert files_under(tmp_path) == [f"{FOLDER}/train-images-idx3-ubyte.gz"]


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
GOOD = small_set()


@pytest.mark.parametrize(
    ("name", "content", "fragments"),
    [
        (IMAGES, GOOD[IMAGES][:-1], (IMAGES, "cut short")),
        (IMAGES, GOOD[IMAGES][:9], (IMAGES, "cut short")),
        (IMAGES, b"", (IMAGES, "cut short")),
        (IMAGES, GOOD[IMAGES] + b"\0", (IMAGES, "longer than its header")),
        (IMAGES, GOOD[LABELS], (IMAGES, "00 00 08 01", "3 dimension")),
        (LABELS, GOOD[IMAGES], (LABELS, "00 00 08 03", "1 dimension")),
        (IMAGES, b"<!DOCTYPE html><html>", (IMAGES, "not an idx file")),
        (IMAGES, idx(np.zeros((7, 32, 32))), ("32 by 32", "28 by 28")),
        (IMAGES, idx(np.zeros((0, 28, 28))), ("(0, 28, 28)",)),
        (IMAGES, struct.pack(">4B3I", 0, 0, 8, 3, 2**31, 2**31, 9), ("claims the shape",)),
        (IMAGES, idx(np.zeros((8, 28, 28))), ("8 images", "7 labels")),
        (LABELS, idx(np.array([0, 1, 2, 3, 11, 5, 6])), ("label 11", "row 4", "0..9")),
    ],
)
def test_a_wrong_file_is_refused(name, content, fragments, put, refused):
    root = put(GOOD | {name: content})
    with refused(*fragments):
        load(root)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


@pytest.mark.parametrize(
    ("damage", "fragment"),
    [
        (lambda whole: whole[: len(whole) // 2], "cut short"),
        (lambda whole: whole[:-4], "cut short"),
        (lambda whole: whole[:5], "cut short"),
        (lambda whole: flipped(whole, -5), "not a sound gzip file"),  # its own checksum
        (lambda whole: b"<html>" + whole, "not a sound gzip file"),
    ],
)
def test_a_damaged_archive_is_refused(damage, fragment, put, refused):
    files = packed(GOOD)
    root = put(files | {f"{IMAGES}.gz": damage(files[f"{IMAGES}.gz"])})
    with refused(f"{IMAGES}.gz", fragment, "delete it"):
        load(root)


def test_missing_files_are_named_when_nothing_may_be_downloaded(tmp_path, refused, files_under):
    with refused(f"{FOLDER}/{IMAGES}.gz is missing", "allow the download"):
        load(tmp_path)
    assert files_under(tmp_path) == []


def test_a_folder_in_place_of_a_file_is_refused(put, tmp_path, refused):
    root = put({name: content for name, content in GOOD.items() if name != IMAGES})
    (tmp_path / FOLDER / IMAGES).mkdir()
    with refused(IMAGES, "cannot be read", "check the file"):
        load(root)


def test_images_and_labels_may_be_read_alone(put):
    root = put(GOOD)
    assert read_images(root / FOLDER / IMAGES).shape == (7, 1, 28, 28)
    assert read_labels(root / FOLDER / LABELS).dtype == torch.int64
