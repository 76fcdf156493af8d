"""Every command of the documentation, pasted in order into a folder of sample files, and its output held to what is shown.

    python -m pages.pasted                          # the README, and all pages in order: `make test-docs`
    python -m pages.pasted docs/own_data.md docs/audit.md
    python -m pages.pasted --write docs/tutorials/table.md     # writes into the page what came out, where it is another

Pages share a folder, since what one has made another goes on with. An output that is not shown is not compared, but the
command has to succeed; `?` in its place is filled in by `--write`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from pages.blocks import Pasted, blocks_of, rewritten
from pages.compare import UNKNOWN, same_output, shortened
from reweigh.samples import write_samples

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
LONGEST = 900  # seconds
MISTAKE = "reweigh: "  # how a refusal begins


class Terminal:
    """A shell in a folder, 80 columns wide: `cd` is kept from one command to the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        python_path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
        fixed = {"COLUMNS": "80", "OMP_NUM_THREADS": "1", "TERM": "dumb", "PYTHONWARNINGS": "ignore"}
        self._environment = {**os.environ, "PATH": path, "PYTHONPATH": python_path, **fixed}

    def run(self, pasted: Pasted) -> tuple[int, list[str]]:
        """The exit code and the lines printed, to either stream."""
        with tempfile.TemporaryDirectory() as kept:
            where = Path(kept) / "where"
            shell = ["bash", "-c", f'{pasted.code}\ncode=$?; pwd > "{where}"; exit $code']
            done = subprocess.run(
                shell if pasted.language == "console" else [sys.executable, "-c", pasted.code],
                cwd=self.folder, env=self._environment, text=True, timeout=LONGEST,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            if where.exists():
                self.folder = Path(where.read_text().strip())
        return done.returncode, done.stdout.splitlines()


def paste(page: Path, terminal: Terminal, *, write: bool = False) -> Iterator[str]:
    """Paste all of a page; what went otherwise than shown, a paragraph each. With `write` the page is put right."""
    text = page.read_text(encoding="utf-8")
    blocks = blocks_of(text, python="tutorials" in page.parts)
    for pasted in (one for block in blocks for one in block.pasted):
        started = time.perf_counter()
        code, printed = terminal.run(pasted)
        print(f"{page.name}:{pasted.line}: {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
        expected = printed if write and pasted.shown == [UNKNOWN] else pasted.shown
        refused = code != 0 and not shows_mistake(expected)
        if refused or (pasted.shown and not same_output(pasted.shown, printed)):
            if write and not refused:
                pasted.shown = shortened([line.rstrip() for line in printed])
                continue
            said = "\n".join(["shown:", *pasted.shown, "printed:", *printed])
            yield f"{page}:{pasted.line}: {pasted.code}\nexit code {code}\n{said}\n"
    if write:
        page.write_text(rewritten(text, blocks), encoding="utf-8")


def shows_mistake(lines: Sequence[str]) -> bool:
    """Whether an output has the sentence by which a command refuses, so that it need not succeed."""
    return any(line.startswith(MISTAKE) for line in lines)


def in_order() -> list[Path]:
    """The pages of the navigation that have something to paste."""
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    return [page for page in map((ROOT / "docs").joinpath, _names(nav)) if "```console" in page.read_text()]


def _names(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for inner in nav.values() if isinstance(nav, dict) else nav:  # type: ignore[attr-defined]
            yield from _names(inner)


def main(arguments: Sequence[str] | None = None) -> int:
    """Paste what is named, or everything; returns 1 where anything went otherwise than shown."""
    parser = argparse.ArgumentParser(prog="python -m pages.pasted", description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="*", type=Path, help="default: the README, and all pages in order")
    parser.add_argument("--write", action="store_true", help="write into the pages what came out")
    parser.add_argument("--keep", type=Path, help="work in this new folder, and leave it there")
    said = parser.parse_args(arguments)
    if said.keep and not said.pages:
        parser.error("--keep is for pages that are named")
    wrong = []
    for pages in [said.pages] if said.pages else [[README], in_order()]:
        with tempfile.TemporaryDirectory() as new:
            folder = Path(new) / "samples" if said.keep is None else said.keep
            write_samples(folder)
            terminal = Terminal(folder)
            wrong += [one for page in pages for one in paste(page.resolve(), terminal, write=said.write)]
    print("\n".join(wrong) or "every command did what its page shows")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
