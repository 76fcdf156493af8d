"""Digests made again after a folder was changed by hand, as somebody would who means to deceive: they are no signature."""

import json
from pathlib import Path

from reweigh.digests import NAME, Digests
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.stored import digest_of


def seal(folder: Path) -> None:
    """Whatever stands in the run's folder, intact or not, gets the digest that it would have if the run had written it."""
    stored = json.loads((folder / files.CONFIG).read_text())
    stored.pop("digest", None)
    run = digest_of(stored)
    (folder / files.CONFIG).write_text(json.dumps({**stored, "digest": run}))
    (folder / NAME).unlink(missing_ok=True)
    digests = Digests(folder, run)
    written = [folder / name for name in files.FILES if name not in (files.CONFIG, NAME)]
    for path in [*written, *sorted((folder / files.LEDGER).glob("epoch-*.parquet"))]:
        if path.is_file():
            digests.write(path, path.read_bytes())
    metrics = folder / files.METRICS
    if metrics.is_file():  # a reader may stop at an earlier line
        content = metrics.read_bytes()
        for end in [at + 1 for at, letter in enumerate(content) if letter == 10]:
            digests.write(metrics, content[:end])
        digests.write(metrics, content)
