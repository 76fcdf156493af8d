"""The pictures of the README and the tutorials: a report's suspects and review pages, as Chromium shows them.

    python -m pages.pasted --keep TRIED docs/tutorials/*.md     # makes the runs of the tutorials
    python -m pages.pictures --tried TRIED                          # docs/images/tutorial_*.png
    python -m pages.pictures                                        # docs/images/suspects.png, the README's

The README's is of scikit-learn's digits, a fifth of them mislabelled.
"""

import argparse
import contextlib
import io
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from reweigh.cli.guard import run
from reweigh.report import write_report

IMAGES = Path(__file__).parents[1] / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT, ONE_ROW, COLOURS = 1000, 860, 555, 96  # pixels
TUTORIALS = ("table", "photographs", "texts")
_RUN_OF = {"table": "table", "photographs": "photos", "texts": "texts"}
DIGITS = "train --dataset digits --noise uniform:0.2 --steps 500 --lr 0.05 --output runs/digits"

_POLICY = '<meta http-equiv="Content-Security-Policy"[^>]*>'
_ALONE = "<style>header, nav, form, section:not([aria-labelledby=suspects]) { display: none !important }</style>"


def photograph(page: Path, target: Path, height: int = HEIGHT) -> None:
    """The first screen of a page as a small PNG.

    Raises:
        SystemExit: if there is no such page, or no Chromium.
    """
    if not page.is_file():
        raise SystemExit(f"{page} is not there: paste the tutorials into that folder first")
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit("there is no Chromium: install the package chromium, or name one in CHROMIUM")
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        subprocess.run(
            [
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={shot}",
                f"--window-size={WIDTH},{height}", "--virtual-time-budget=3000", page.resolve().as_uri(),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        small(shot.read_bytes(), target)


def only_suspects(report: Path) -> Path:
    """A copy of a report beside it, of which only the suspects are seen; without its policy, which forbids other styles."""
    text = re.sub(_POLICY, _ALONE, report.read_text(encoding="utf-8"), count=1)
    alone = report.with_name("suspects.html")
    alone.write_text(text, encoding="utf-8")
    return alone


def small(picture: bytes, target: Path) -> None:
    """A picture with few colours, without what is empty below it."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    empty = image.getpixel((1, image.height - 1))
    rows = [
        y
        for y in range(image.height)
        if any(one != empty for _, one in image.crop((0, y, image.width, y + 1)).getcolors(1 << 16))
    ]
    image = image.crop((0, 0, image.width, min(image.height, rows[-1] + 12 if rows else image.height)))
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the README's picture, and with `--tried` those of the tutorials."""
    parser = argparse.ArgumentParser(prog="python -m pages.pictures", description=__doc__.partition("\n")[0])
    parser.add_argument("--tried", type=Path, help="a folder in which the tutorials were pasted")
    parser.add_argument("--images", type=Path, default=IMAGES)
    said = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        if said.tried is None:
            with contextlib.chdir(folder):  # so that commands on the page name no folder of ours
                if run(DIGITS.split()) != 0:
                    raise SystemExit("the digits could not be trained on: see above")
                report = only_suspects(write_report("runs/digits").absolute())
            photograph(report, said.images / "suspects.png", ONE_ROW)
    for name in TUTORIALS if said.tried else ():
        photograph(said.tried / "runs" / _RUN_OF[name] / "review.html", said.images / f"tutorial_{name}.png")


if __name__ == "__main__":
    main()
