from pathlib import Path

import numpy as np
import pytest
import torch

from reweigh.data import Noise, noise, parse_noise
from reweigh.data.noise import KINDS

LABELS = torch.arange(600) % 6


@pytest.mark.parametrize("kind", KINDS)
def test_text_becomes_the_kind_at_its_rate(kind):
    expected = KINDS[kind](LABELS, 6, 0.35, 9)
    result = parse_noise(f"{kind}:0.35").apply(LABELS, 6, 9)
    assert torch.equal(result.labels, expected.labels)
    assert result.mask.any()


def test_the_background_class_may_be_given():
    settings = parse_noise("background:0.4:3")
    assert settings == Noise("background", 0.4, to=3)
    expected = noise.background(LABELS, 6, 0.4, 1, to=3)
    assert torch.equal(settings.apply(LABELS, 6, 1).labels, expected.labels)


def test_none_changes_nothing_and_hands_back_a_copy():
    result = parse_noise("none").apply(LABELS, 6, 0)
    assert torch.equal(result.labels, LABELS)
    assert result.labels.data_ptr() != LABELS.data_ptr()
    assert not result.mask.any()
    assert not result.chosen.any()


def test_a_matrix_is_read_once_and_kept(tmp_path: Path):
    path = tmp_path / "flip.npy"
    matrix = np.roll(np.eye(6), 1, axis=1)
    np.save(path, matrix)
    settings = parse_noise(f"matrix:{path}")
    path.unlink()
    assert torch.equal(settings.apply(LABELS, 6, 0).labels, (LABELS + 1) % 6)
    assert hash(settings)


@pytest.mark.parametrize("text", ["none", "uniform:0.4", "pair:0.123456789012", "background:0.4:3"])
def test_settings_write_themselves_as_they_are_read(text):
    assert str(parse_noise(text)) == text
    assert parse_noise(str(parse_noise(text))) == parse_noise(text)


def test_a_matrix_writes_itself_as_it_is_read(tmp_path: Path):
    np.save(tmp_path / "m.npy", np.eye(3))
    assert str(parse_noise(f"matrix:{tmp_path}/m.npy")) == f"matrix:{tmp_path}/m.npy"


@pytest.mark.parametrize(
    "text",
    ["", "gaussian:0.4", "uniform", "uniform:", "uniform:lots", "uniform:0.4:3", "none:0.4", "matrix", "matrix:"],
)
def test_text_that_is_no_noise_is_refused_with_the_known_kinds(text, refused):
    with refused(repr(text), "not known", "none, uniform:RATE", "symmetric:RATE", "background:RATE:CLASS", "matrix:"):
        parse_noise(text)


@pytest.mark.parametrize(
    "text",
    ["background:0.4:dog", "background:0.4:-1", "background:0.4:1:2", "background"],
)
def test_a_background_that_makes_no_sense_is_refused(text, refused):
    with refused(repr(text), "not known", "none, uniform:RATE", "symmetric:RATE", "background:RATE:CLASS", "matrix:"):
        parse_noise(text)


@pytest.mark.parametrize("rate", ["1.4", "-0.1", "nan"])
def test_a_rate_that_is_no_share_is_refused(rate, refused):
    with refused(f"'uniform:{rate}'", "share from 0 to 1"):
        parse_noise(f"uniform:{rate}")


def test_a_background_class_beyond_the_data_sets_is_refused(refused):
    with refused("background class 7", "0..5"):
        parse_noise("background:0.4:7").apply(LABELS, 6, 0)


def test_a_matrix_of_another_size_is_refused(tmp_path: Path, refused):
    np.save(tmp_path / "m.npy", np.eye(3))
    with refused("3 by 3", "6 classes"):
        parse_noise(f"matrix:{tmp_path}/m.npy").apply(LABELS, 6, 0)


def test_a_missing_matrix_is_refused(tmp_path: Path, refused):
    with refused("no transition matrix", str(tmp_path)):
        parse_noise(f"matrix:{tmp_path}/nowhere.npy")


@pytest.mark.parametrize("content", [b"", b"not an array", b"\x93NUMPY\x01\x00", b"PK\x03\x04zip"])
def test_a_file_that_is_no_array_is_refused(content, tmp_path: Path, refused):
    (tmp_path / "m.npy").write_bytes(content)
    with refused("m.npy is not an array"):
        parse_noise(f"matrix:{tmp_path}/m.npy")


def test_pickled_objects_are_refused_and_not_run(tmp_path: Path, refused):
    np.save(tmp_path / "m.npy", np.array([[{}, {}], [{}, {}]], dtype=object), allow_pickle=True)
    with refused("m.npy is not an array"):
        parse_noise(f"matrix:{tmp_path}/m.npy")


def test_a_matrix_on_disk_is_checked_when_it_is_read(tmp_path: Path, refused):
    np.save(tmp_path / "m.npy", np.full((3, 3), 0.5))
    with refused("row 0", "sums to 1.5"):
        parse_noise(f"matrix:{tmp_path}/m.npy")
