"""Image files that took gigabytes, were passed over or were read as what they are not."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from reweigh.data.own import Sources, read_own
from reweigh.data.own.pixels import pixels_of
from reweigh.errors import BadInput

DRAW = np.random.default_rng(0)


@pytest.fixture
def folders(tmp_path):
    for part in ("train", "clean"):
        for label in ("a", "b"):
            (tmp_path / part / label).mkdir(parents=True)
            for number in range(3):
                pixels = DRAW.integers(0, 256, (12, 12, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / label / f"{number}.png")
    return tmp_path


def read(folder):
    return read_own(Sources(train=str(folder / "train"), clean=str(folder / "clean")), seed=0)


GROWN = """
import sys, PIL.Image
from pathlib import Path
from reweigh.data.own.pixels import pixels_of, shape_of

def peak():
    return int(next(line for line in open("/proc/self/status") if "VmHWM" in line).split()[1]) // 1024

before = peak()
shape_of(Path(sys.argv[1])), pixels_of(Path(sys.argv[1]), (3, 64, 64))
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "I;16"])
def test_a_large_image_takes_what_its_pixels_take_and_no_copies(tmp_path, mode):
    Image.new(mode, (6000, 5000)).save(tmp_path / "large.png")
    ran = subprocess.run(
        [sys.executable, "-c", GROWN, str(tmp_path / "large.png")], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) < 6000 * 5000 * 4 / 1e6 + 60


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1"])
def test_a_large_image_by_bands_is_as_the_whole(tmp_path, mode, monkeypatch):
    smooth = np.indices((900, 1300)).sum(0) % 256
    image = Image.fromarray(np.stack([smooth] * 3, axis=2).astype(np.uint8)).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.png", exif=exif)
    found = pixels_of(tmp_path / "a.png", (3, 26, 18)).astype(int)
    monkeypatch.setattr("reweigh.data.own.pixels._AT_ONCE", 1000)
    monkeypatch.setattr("reweigh.data.own.pixels._BAND", 10_000)
    assert np.abs(pixels_of(tmp_path / "a.png", (3, 26, 18)) - found).max() <= 8


@pytest.mark.parametrize(
    ("most", "format"), [(200, "png"), (4096, "png"), (65_535, "png"), (200, "tif"), (65_535, "tif")]
)
def test_sixteen_bits_mean_the_same_in_every_image(folders, most, format):
    deep = DRAW.integers(0, most, (12, 12), dtype=np.uint16)
    Image.fromarray(deep).save(folders / "train" / "a" / f"9.{format}")
    own = read(folders)
    row = [own.names[number] for number in own.train.ids.tolist()].index(f"a/9.{format}")
    np.testing.assert_allclose(own.train.x[row, 0], deep / 257, atol=1)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_of_32_bits_are_refused(folders, mode):
    Image.new(mode, (12, 12), 1).save(folders / "train" / "a" / "9.tif")
    with pytest.raises(BadInput, match="32 bits"):
        read(folders)


@pytest.mark.parametrize("what", ["nothing", "folder"])
def test_links_that_lead_to_no_image_are_refused(folders, what):
    target = folders / "train" / ("b" if what == "folder" else "nothing")
    (folders / "train" / "a" / "9.png").symlink_to(target)
    with pytest.raises(BadInput, match="is a link to a folder or to nothing"):
        read(folders)


def test_files_that_are_no_images_are_counted(folders):
    for name in ("notes.txt", "labels.csv", "more.md", "model.bin"):
        (folders / "train" / "a" / name).write_text("x")
    assert any("4 files of" in note and "and 1 more" in note for note in read(folders).notes)


def test_frames_that_are_not_read_are_said(folders):
    frames = [Image.new("L", (12, 12), shade) for shade in (10, 20, 30)]
    for name in ("8.gif", "9.tif"):
        frames[0].save(folders / "train" / "a" / name, save_all=True, append_images=frames[1:])
    assert any("2 images of" in note and "the first is taken" in note for note in read(folders).notes)


def test_a_format_that_starts_programs_is_no_image(folders):
    (folders / "train" / "a" / "9.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 12 12\nshowpage\n")
    with pytest.raises(BadInput, match="it is no image"):
        read(folders)
