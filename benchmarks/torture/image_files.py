"""Image files of many formats and modes among others of a folder, each with known pixels; some of them damaged."""

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.torture.truth import Case, tally
from reweigh.data.own import OwnData, Sources

SIDE = 10
MEANT: dict[str, tuple[np.ndarray, int]] = {}  # by folder: the odd image's pixels (3, H, W), give or take so much
DAMAGES = ["cut", "no bytes", "text", "link out", "link to nothing", "too large", "32 bits", "link to a folder"]


def run(seed: int, count: int) -> dict[str, Any]:
    """Read `count` folders with a generated image each; totals."""
    return tally(_made, _wrong, seed, count)


def _made(draw: random.Random, folder: Path) -> Case:
    noise = np.random.default_rng(draw.randrange(2**32))
    for part in ("train", "clean"):
        for label in ("a", "b"):
            (folder / part / label).mkdir(parents=True)
            for number in range(3):
                pixels = noise.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / label / f"{number}.png")
    damage = draw.choice(DAMAGES) if draw.random() < 0.25 else ""
    name = draw.choice(list(WAYS))
    content, pixels, near = WAYS[name](noise)
    place = folder / "train" / "a" / f"odd.{draw.choice(['png', 'jpg', 'gif', 'tif'])}"  # no name is believed
    place.write_bytes(content)
    _spoil(draw, place, content, damage)
    if draw.random() < 0.3:
        (folder / "train" / "a" / "notes.txt").write_text("no image")
        (folder / "train" / ".DS_Store").write_bytes(b"\0")
    case = Case(Sources(train=str(folder / "train"), clean=str(folder / "clean")), [], [], damage, name)
    MEANT[str(folder / "train")] = (pixels, near)
    return case


def _wrong(case: Case, own: OwnData) -> str:
    pixels, near = MEANT.pop(case.sources.train)
    row = next(row for row, number in enumerate(own.train.ids.tolist()) if own.names[number].startswith("a/odd"))
    found = own.train.x[row].numpy().astype(int)
    if len(own.train) != 7 or found.shape != pixels.shape:
        return f"{len(own.train)} images, {found.shape}"
    apart = int(np.abs(found - pixels.astype(int)).max())
    if apart > near:
        return f"pixels differ by {apart}"
    passed = (Path(case.sources.train) / "a" / "notes.txt").exists()
    if passed != any("1 file of" in note and "notes.txt" in note for note in own.notes):
        return "a file was passed over without a word"
    if case.what == "frames" and not any("several frames" in note for note in own.notes):
        return "frames were left out without a word"
    return ""


def _spoil(draw: random.Random, place: Path, content: bytes, damage: str) -> None:
    outside = place.parent.parent.parent / "outside"
    if damage == "cut":
        place.write_bytes(content[: draw.randrange(9, max(10, len(content) // 3))])
    elif damage == "no bytes":
        place.write_bytes(b"")
    elif damage == "text":
        place.write_bytes(b"hello, I am no image")
    elif damage == "32 bits":
        place.write_bytes(_saved(Image.fromarray(np.ones((SIDE, SIDE), dtype=np.float32)), "TIFF"))
    elif damage == "too large":
        place.write_bytes(b"P5 200000 100000 255\n" + bytes(100))
    elif damage.startswith("link"):
        place.unlink()
        outside.mkdir()
        (outside / "secret.png").write_bytes(content)
        inside = place.parent / "nothing.png"
        place.symlink_to(
            {"link out": outside / "secret.png", "link to nothing": inside}.get(damage, place.parent.parent / "b")
        )


def _saved(image: Any, format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _colour(noise: np.random.Generator) -> np.ndarray:
    return noise.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def _lossless(format: str, **options: Any) -> Any:
    def made(noise: np.random.Generator) -> tuple[bytes, np.ndarray, int]:
        pixels = _colour(noise)
        return _saved(Image.fromarray(pixels), format, **options), pixels.transpose(2, 0, 1), 0

    return made


def _jpeg(noise: np.random.Generator, mode: str = "RGB") -> tuple[bytes, np.ndarray, int]:
    pixels = np.full((SIDE, SIDE, 3), noise.integers(40, 200, 3), dtype=np.uint8)
    return _saved(Image.fromarray(pixels).convert(mode), "JPEG", quality=95), pixels.transpose(2, 0, 1), 6


def _cmyk(noise: np.random.Generator) -> tuple[bytes, np.ndarray, int]:
    return _jpeg(noise, "CMYK")


def _grey(noise: np.random.Generator) -> tuple[bytes, np.ndarray, int]:
    pixels = noise.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
    return _saved(Image.fromarray(pixels), "PNG"), np.stack([pixels] * 3), 0


def _deep(format: str) -> Any:
    def made(noise: np.random.Generator) -> tuple[bytes, np.ndarray, int]:
        pixels = noise.integers(0, noise.choice([200, 4096, 65_536]), (SIDE, SIDE), dtype=np.uint16)
        return _saved(Image.fromarray(pixels), format), np.stack([(pixels / 257).astype(np.uint8)] * 3), 1

    return made


def _alpha(noise: np.random.Generator) -> tuple[bytes, np.ndarray, int]:
    pixels = np.concatenate([_colour(noise), noise.choice([0, 255], (SIDE, SIDE, 1)).astype(np.uint8)], axis=2)
    shown = np.where(pixels[..., 3:] > 0, pixels[..., :3], 255)
    return _saved(Image.fromarray(pixels), "PNG"), shown.transpose(2, 0, 1), 0


def _palette(noise: np.random.Generator) -> tuple[bytes, np.ndarray, int]:
    image = Image.fromarray(_colour(noise)).quantize(16)
    return _saved(image, "PNG"), np.asarray(image.convert("RGB")).transpose(2, 0, 1), 0


def _turned(noise: np.random.Generator) -> tuple[bytes, np.ndarray, int]:
    pixels, exif = _colour(noise), Image.Exif()
    exif[0x0112] = 6
    return _saved(Image.fromarray(pixels), "PNG", exif=exif), np.rot90(pixels, -1).transpose(2, 0, 1), 0


def _frames(noise: np.random.Generator) -> tuple[bytes, np.ndarray, int]:
    frames = [Image.fromarray(noise.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)) for _ in range(3)]
    first = np.asarray(frames[0])
    return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:]), np.stack([first] * 3), 0


def _bits(noise: np.random.Generator) -> tuple[bytes, np.ndarray, int]:
    pixels = noise.choice([0, 255], (SIDE, SIDE)).astype(np.uint8)
    return _saved(Image.fromarray(pixels).convert("1"), "PNG"), np.stack([pixels] * 3), 0


WAYS: dict[str, Any] = {
    "png": _lossless("PNG"),
    "bmp": _lossless("BMP"), "tiff": _lossless("TIFF"), "lzw": _lossless("TIFF", compression="tiff_lzw"),
    "ppm": _lossless("PPM"), "webp": _lossless("WEBP", lossless=True), "jpeg": _jpeg, "cmyk": _cmyk, "grey": _grey,
    "16 bits": _deep("PNG"), "16 bits in TIFF": _deep("TIFF"), "alpha": _alpha, "palette": _palette, "turned": _turned,
    "frames": _frames, "1 bit": _bits,
}  # fmt: skip
