"""`select(...)`: of scored data the rows worth keeping, or all with a column of weights."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reweigh.apply.written import whole_folder
from reweigh.errors import BadInput
from reweigh.ledger.visits import Array
from reweigh.scoring.choose import Keep, kept, scores_in, weights_of
from reweigh.scoring.files import Shard, digest_of
from reweigh.scoring.files.find import kind_of
from reweigh.scoring.formats import FORMATS, Rows
from reweigh.scoring.parts import mark_in
from reweigh.scoring.texts import columns_again
from reweigh.storage import home, make_folder, write_bytes
from reweigh.words import counted, meant

SELECTION = "selection.json"


@dataclass(frozen=True)
class Selected:
    """What was written.

    Attributes:
        path: the folder.
        files: their names in it.
        rows: how many there were.
        kept: how many have been kept, or have a weight above zero.
        by: the score.
        step: what to do with weights, a sentence without its full stop; empty for kept rows.
    """

    path: Path
    files: tuple[str, ...]
    rows: int
    kept: int
    by: str
    step: str = ""

    def sentence(self) -> str:
        """What there is now."""
        what = "have a weight above zero" if self.step else "kept"
        return f"{self.kept:,} of {counted(self.rows, 'row')} {what}, by {self.by}"


def select(
    scores: Path | str,
    *,
    keep: str | float | None = None,
    by: str | None = None,
    output: Path | str = "kept",
    weights: bool = False,
    format: str | None = None,
    column: str = "weight",
    data: Path | str | None = None,
    overwrite: bool = False,
) -> Selected:
    """Keep the rows of scored data with the greatest scores, or give all of them a weight.

    Kept rows are written into `output`, files under their own names, rows as they stand there. With `weights` all
    rows are, with a weight each, none below zero and their mean one: of kept rows alike and zero of the others, or without
    `keep` the score where it is above zero.

    Args:
        scores: the file that `score` wrote.
        keep: a share of the rows (0.3, "30%") or a number of them (1000).
        by: "alignment" or "representation"; the former where there is one and nobody says. Of equal scores the first
            ids win.
        output: the folder to write.
        weights: write weights instead of leaving rows out.
        format: for which program: "ms-swift", "llama-factory", "trl", "marian"; or "jsonl" or "parquet", all in one
            file; the files' own form if left out.
        column: what weights are called there, where the program does not say.
        data: the folder that the scored files lie in now, if it has moved.
        overwrite: replace what an earlier selection wrote there.

    Raises:
        BadInput: in one sentence, for a file that holds no scores, data that have changed or gone, or settings that
            cannot be used.
    """
    if not weights and keep is None:
        raise BadInput("give --keep, such as 0.3, or --weights")
    if not weights and format is not None:
        raise BadInput("--format is for --weights: give that as well")
    if (format or "own") not in FORMATS:
        raise BadInput(
            f"the format {format!r} is not known: {meant(str(format), [name for name in FORMATS if name != 'own'])}"
        )
    share, place, source = None if keep is None else Keep.of(keep), home(output), home(scores)
    mark = mark_in(source)
    shards = [_shard(told, data) for told in mark["shards"]]
    _check_output(place, shards, overwrite=overwrite)
    name, found = scores_in(source, by)
    if len(found) != sum(shard.rows for shard in shards):
        raise BadInput(f"{source} has other rows than when it was written: name the file that `reweigh score` wrote")
    chosen = None if share is None else kept(source, found, share)
    for shard in shards:
        _check_same(shard)
    make_folder(place.parent)
    step = ""
    with whole_folder(place, overwrite=overwrite) as folder:
        if weights:
            how, each = FORMATS[format or "own"], weights_of(found, chosen)
            kind, *names = mark["settings"]["columns"]
            rows = Rows(shards, columns_again(kind, names), mark["settings"]["id"], each, column)
            files, step, count = how.write(rows, folder), how.step(place), int((each > 0).sum())
        else:
            assert chosen is not None
            files, count = _keep(shards, chosen, folder), int(chosen.sum())
        told = {
            "scores": str(source.resolve()),
            "by": name,
            "keep": None if keep is None else str(keep),
            "format": format,
        }
        write_bytes(
            folder / SELECTION,
            json.dumps({**told, "weights": weights, "rows": len(found), "kept": count}, indent=1).encode(),
        )
    return Selected(place, tuple(files), len(found), count, name, step)


def _shard(told: dict[str, Any], data: Path | str | None) -> Shard:
    name, moved = told["name"], None if data is None else home(data)
    if ".." in Path(name).parts or Path(name).is_absolute():
        raise BadInput(f"the scores name a file outside their data, {name!r}: score the data again")
    path = Path(told["path"]) if moved is None else moved if moved.is_file() else moved / name
    if not path.is_file():
        raise BadInput(f"{path} is not there: name the folder that the scored data lie in now by --data")
    return Shard(name, path, kind_of(path), told["rows"], told["digest"])


def _check_same(shard: Shard) -> None:
    if digest_of(shard.path) != shard.digest:
        raise BadInput(f"{shard.path} has changed since it was scored: score it again, or put back what was scored")


def _check_output(place: Path, shards: Sequence[Shard], *, overwrite: bool) -> None:
    there = place.resolve()
    if any(shard.path.resolve().is_relative_to(there) for shard in shards):
        raise BadInput(f"{place} holds the scored data, which are left alone: name another folder by --output")
    if not (place.exists() or place.is_symlink()):
        return
    ours = place.is_dir() and not place.is_symlink() and (place / SELECTION).is_file()
    if not (ours and overwrite):
        remedy = (
            "replace it with --overwrite, or name another folder" if ours else "name a folder that is not there yet"
        )
        raise BadInput(f"{place} exists: {remedy} with --output")


def _keep(shards: Sequence[Shard], chosen: Array, folder: Path) -> list[str]:
    """Files of which something is kept."""
    files, start = [], 0
    for shard in shards:
        here = chosen[start : start + shard.rows]
        start += shard.rows
        if here.any():
            make_folder((folder / shard.name).parent)
            shard.kind.keep(shard.path, folder / shard.name, here)
            files.append(shard.name)
    return files
