import gzip
import hashlib
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reweigh.data import DownloadFailed, cifar_binary
from reweigh.data.cifar_binary import CIFAR10_LAYOUT, CIFAR100_LAYOUT, Layout, load_cifar
from reweigh.data.class_names import CIFAR10, CIFAR100_COARSE, CIFAR100_FINE
from reweigh.data.sources import Source

TEN = replace(CIFAR10_LAYOUT, train_records=3, test_records=2)
HUNDRED = replace(CIFAR100_LAYOUT, train_records=4, test_records=2)


def records_of(layout: Layout, seed: int = 0) -> dict[str, bytes]:
    random, files = np.random.default_rng(seed), {}
    for name in layout.train + layout.test:
        count = layout.size(name) // layout.record
        labels = [random.integers(0, len(names), (count, 1)) for names in layout.classes]
        files[name] = np.hstack([*labels, random.integers(0, 256, (count, 3072))]).astype(np.uint8).tobytes()
    return files


def tar_gz(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for name, goal in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, goal
            archive.addfile(entry)
    return packed.getvalue()


def published(layout: Layout, files: dict[str, bytes]) -> bytes:
    return tar_gz({f"{layout.folder}/{name}": content for name, content in reversed(files.items())})


def put_folder(root: Path, layout: Layout, files: dict[str, bytes]) -> None:
    (root / layout.folder).mkdir(parents=True)
    for name, content in files.items():
        (root / layout.folder / name).write_bytes(content)


def offline(root: Path) -> Source:
    return Source(root, "", download=False)


def test_records_become_images_labels_and_ids_in_the_publishers_order(tmp_path):
    files = records_of(TEN)
    put_folder(tmp_path, TEN, files)
    train, test = load_cifar(offline(tmp_path), TEN)
    raw = np.frombuffer(b"".join(files[name] for name in TEN.train), dtype=np.uint8).reshape(15, 3073)
    assert train.y.tolist() == raw[:, 0].tolist()
    expected = torch.from_numpy(raw[:, 1:].reshape(15, 3, 32, 32).astype(np.float32)) / 255
    assert torch.equal(train.x, expected)
    assert train.ids.tolist() == list(range(15))
    assert test.ids.tolist() == [15, 16]
    assert train.classes == CIFAR10


def test_cifar100_has_fine_labels_and_coarse_ones_on_request(tmp_path):
    files = records_of(HUNDRED)
    put_folder(tmp_path, HUNDRED, files)
    raw = np.frombuffer(files["train.bin"], dtype=np.uint8).reshape(4, 3074)
    fine, coarse = load_cifar(offline(tmp_path), HUNDRED), load_cifar(offline(tmp_path), HUNDRED, coarse=True)
    assert fine.train.y.tolist() == raw[:, 1].tolist()
    assert coarse.train.y.tolist() == raw[:, 0].tolist()
    assert (fine.train.classes, coarse.train.classes) == (CIFAR100_FINE, CIFAR100_COARSE)
    assert torch.equal(fine.train.x, coarse.train.x)


def test_the_archive_comes_from_the_publisher_and_only_the_records_are_taken(tmp_path, publisher, files_under):
    files = records_of(TEN)
    content = tar_gz(
        {f"{TEN.folder}/{name}": content for name, content in reversed(files.items())}
        | {f"{TEN.folder}/readme.html": b"hello", "../evil": b"out", "/tmp/evil-reweigh": b"out"}
    )
    publisher.files["cifar-10-binary.tar.gz"] = content
    layout = replace(TEN, sha256=hashlib.sha256(content).hexdigest())
    train, test = load_cifar(Source(tmp_path / "root", publisher.url), layout)
    assert (len(train), len(test)) == (15, 2)
    assert files_under(tmp_path) == sorted(
        [f"root/{TEN.folder}/{name}" for name in files] + ["root/cifar-10-binary.tar.gz"]
    )
    assert not Path("/tmp/evil-reweigh").exists()


def test_an_archive_that_is_there_needs_no_network(tmp_path):
    files = records_of(TEN)
    (tmp_path / TEN.archive).write_bytes(published(TEN, files))
    assert len(load_cifar(offline(tmp_path), TEN).train) == 15


def test_only_what_is_missing_is_taken_from_the_archive(tmp_path):
    mine, theirs = records_of(TEN, seed=1), records_of(TEN, seed=2)
    del mine["data_batch_4.bin"]
    put_folder(tmp_path, TEN, mine)
    (tmp_path / TEN.archive).write_bytes(published(TEN, theirs))
    load_cifar(offline(tmp_path), TEN)
    assert (tmp_path / TEN.folder / "data_batch_4.bin").read_bytes() == theirs["data_batch_4.bin"]
    assert (tmp_path / TEN.folder / "data_batch_1.bin").read_bytes() == mine["data_batch_1.bin"]


@pytest.mark.parametrize("length", [-1, 1, 2 * 3073])
def test_a_record_file_of_the_wrong_length_is_refused(length, tmp_path, refused):
    files = records_of(TEN)
    whole = files["data_batch_3.bin"]
    files["data_batch_3.bin"] = whole[:length] if length < 0 else whole + whole[:length]
    put_folder(tmp_path, TEN, files)
    with refused("data_batch_3.bin", str(len(files["data_batch_3.bin"])), str(3 * 3073), "delete it"):
        load_cifar(offline(tmp_path), TEN)


def test_a_label_that_cannot_be_is_refused(tmp_path, refused):
    files = records_of(TEN)
    wrong = bytearray(files["data_batch_2.bin"])
    wrong[3073] = 10
    put_folder(tmp_path, TEN, files | {"data_batch_2.bin": bytes(wrong)})
    with refused("record 1", "data_batch_2.bin", "label 10", "0..9"):
        load_cifar(offline(tmp_path), TEN)


def broken_archives() -> dict[str, tuple[bytes, str]]:
    files = records_of(TEN)
    whole = published(TEN, files)
    members = {f"{TEN.folder}/{name}": content for name, content in files.items()}
    plain = gzip.decompress(whole)
    first = f"{TEN.folder}/data_batch_1.bin"
    without = {name: content for name, content in members.items() if name != first}
    return {
        "half": (whole[: len(whole) // 2], "cut short or corrupt"),
        "without its checksum": (whole[:-6], "cut short or corrupt"),
        "wrong checksum": (whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:], "cut short or corrupt"),
        "empty": (b"", "cut short or corrupt"),
        "a page": (b"<html>moved</html>", "cut short or corrupt"),
        "packed half a tar": (gzip.compress(plain[: len(plain) // 2]), "cut short or corrupt"),
        "lacks a member": (tar_gz(without), "data_batch_1.bin"),
        "member too short": (tar_gz(members | {first: files["data_batch_1.bin"][:-1]}), "data_batch_1.bin"),
        "member is a link": (tar_gz(without, links={first: "/etc/passwd"}), "data_batch_1.bin"),
    }


@pytest.mark.parametrize("case", broken_archives())
def test_a_broken_archive_is_refused_and_nothing_taken_from_it(case, tmp_path, refused, files_under):
    content, fragment = broken_archives()[case]
    (tmp_path / TEN.archive).write_bytes(content)
    with refused(TEN.archive, fragment, "delete it"):
        load_cifar(offline(tmp_path), TEN)
    assert files_under(tmp_path) == [TEN.archive]


def test_a_disk_that_fills_while_unpacking_leaves_nothing(tmp_path, refused, files_under, monkeypatch):
    (tmp_path / TEN.archive).write_bytes(published(TEN, records_of(TEN)))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cifar_binary.os, "fsync", full)
    with refused("disk is full", "make room", error=DownloadFailed):
        load_cifar(offline(tmp_path), TEN)
    assert files_under(tmp_path) == [TEN.archive]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path, refused, monkeypatch):
    (tmp_path / TEN.archive).write_bytes(published(TEN, records_of(TEN)))
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode="r": opened(Path("/dev/full") if "w" in mode else path, mode))
    with refused("disk is full", error=DownloadFailed):
        load_cifar(offline(tmp_path), TEN)


def test_a_missing_archive_is_named_when_nothing_may_be_downloaded(tmp_path, refused):
    with refused("cifar-100-binary.tar.gz is missing", "allow the download"):
        load_cifar(offline(tmp_path), HUNDRED)


def test_a_folder_in_place_of_a_record_file_is_refused(tmp_path, refused):
    files = records_of(TEN)
    put_folder(tmp_path, TEN, files)
    os.remove(tmp_path / TEN.folder / "test_batch.bin")
    (tmp_path / TEN.folder / "test_batch.bin").mkdir()
    with refused("test_batch.bin", "cannot be read"):
        load_cifar(offline(tmp_path), TEN)


def test_the_publishers_numbers():
    assert CIFAR10_LAYOUT.size("data_batch_5.bin") == CIFAR10_LAYOUT.size("test_batch.bin") == 30_730_000
    assert CIFAR100_LAYOUT.size("train.bin") == 153_700_000
    assert CIFAR100_LAYOUT.size("test.bin") == 30_740_000
    assert (len(set(CIFAR100_FINE)), len(set(CIFAR100_COARSE)), len(set(CIFAR10))) == (100, 20, 10)
    assert tuple(sorted(CIFAR100_FINE)) == CIFAR100_FINE
