import gzip
import hashlib
import struct
from pathlib import Path

import pytest

from reweigh.data import NAMES, catalogue, load


def test_the_names():
    assert NAMES == ("digits", "mnist", "fashion-mnist", "cifar10", "cifar100")


def test_digits_need_no_root_and_no_network(tmp_path: Path):
    assert len(load("digits", tmp_path / "nowhere", download=False).train.classes) == 10
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("name", "folder", "table", "third_class"),
    [
        ("mnist", "MNIST/raw", "_MNIST_SHA256", "2"),
        ("fashion-mnist", "FashionMNIST/raw", "_FASHION_SHA256", "Pullover"),
    ],
)
def test_idx_sets_download_into_torchvisions_folders_and_then_load_offline(
    name, folder, table, third_class, tmp_path, publisher, monkeypatch, files_under
):
    contents = {}
    for part in ("train", "t10k"):
        pixels = gzip.compress(struct.pack(">4I", 2051, 2, 28, 28) + bytes(2 * 784))
        contents[f"{part}-images-idx3-ubyte.gz"] = pixels
        contents[f"{part}-labels-idx1-ubyte.gz"] = gzip.compress(struct.pack(">2I", 2049, 2) + bytes([2, 9]))
    publisher.files = {f"mirror/{path}": content for path, content in contents.items()}
    sha256 = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    assert set(sha256) == set(getattr(catalogue, table))
    monkeypatch.setattr(catalogue, table, sha256)
    told: set[str] = set()
    splits = load(name, tmp_path, base_url=publisher.url + "mirror", progress=lambda file, done, total: told.add(file))
    assert splits.train.y.tolist() == [2, 9]
    assert splits.train.classes[2] == third_class
    assert told == set(contents)
    assert files_under(tmp_path) == sorted(f"{folder}/{path}" for path in contents)
    assert load(name, tmp_path, download=False).test.ids.tolist() == [2, 3]


def test_the_root_may_come_from_the_environment(tmp_path, monkeypatch, refused):
    monkeypatch.setenv("REWEIGH_DATA", str(tmp_path / "sets"))
    with refused(f"{tmp_path}/sets/MNIST/raw/train-images-idx3-ubyte.gz", "is missing"):
        load("mnist", download=False)


@pytest.mark.parametrize(
    ("name", "file"), [("cifar10", "cifar-10-binary.tar.gz"), ("cifar100", "cifar-100-binary.tar.gz")]
)
def test_a_missing_set_is_told_and_no_folder_made(name, file, tmp_path, refused):
    with refused(f"{file} is missing"):
        load(name, tmp_path / "root", download=False)
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    ("name", "fragments"),
    [
        ("mnits", ("'mnits'", "did you mean mnist")),
        ("CIFAR-10", ("'CIFAR-10'", "cifar10 or cifar100")),
        ("imagenet21k", ("'imagenet21k'", "digits, mnist, fashion-mnist, cifar10, cifar100")),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(name, fragments, refused):
    with refused(*fragments):
        load(name)
