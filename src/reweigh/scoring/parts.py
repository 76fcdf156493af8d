"""The scores as files: a part for each shard, whole or not at all, and in the end one file of them all.

Parts lie in a folder beside the file of scores, with a mark: the digests of model, target and data, and the
settings. So a resume knows what is done, and refuses to go on with anything else. The file of scores carries the mark
in its schema.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reweigh.arrow import pa, parquet
from reweigh.errors import BadInput
from reweigh.scoring.files import Shard
from reweigh.storage import appearing, make_folder, read_plain, write_bytes
from reweigh.strict_json import check_kind, parse_object
from reweigh.words import listed

KEY = b"reweigh"
MARK = "scores.json"
_KIND = {
    "model": {"name": str, "digest": str},
    "target": {"name": str, "digest": str},
    "settings": {"columns": [str], "id": str | None},
    "shards": [{"name": str, "path": str, "rows": int, "digest": str}],
}
"""What a mark has at least."""


def parts_of(output: Path) -> Path:
    """The folder of the parts of a file of scores."""
    return output.with_name(f".{output.name}.parts")


def schema_of(scores: Sequence[str]) -> Any:
    """The columns of a file of scores."""
    plain = {"id": pa.string(), "file": pa.dictionary(pa.int32(), pa.string()), "row": pa.int64(), "tokens": pa.int32()}
    numbers = dict.fromkeys(("loss", *scores), pa.float32())
    return pa.schema({**plain, **numbers}.items())


class Parts:
    """The parts in a folder, under one mark."""

    def __init__(self, folder: Path, mark: Mapping[str, Any], scores: Sequence[str]) -> None:
        self.folder, self._mark, self._schema = folder, mark, schema_of(scores)

    def begin(self) -> None:
        """Make the folder anew, with its mark."""
        shutil.rmtree(self.folder, ignore_errors=True)
        make_folder(self.folder)
        write_bytes(self.folder / MARK, json.dumps(self._mark, indent=1).encode())

    def go_on(self, name: str) -> None:
        """What lies there was begun with the same mark.

        Raises:
            BadInput: if not; `name` is what people call these scores by.
        """
        place = self.folder / MARK
        before = parse_object(read_plain(place), place)
        check_kind(before, _KIND, place)
        check_same(before, self._mark, name)

    def path(self, number: int) -> Path:
        """Where the part of a shard is, or will be."""
        return self.folder / f"part-{number:05d}.parquet"

    def undone(self, shards: Sequence[Shard]) -> list[int]:
        """The shards that have no part yet, the largest first."""
        left = [number for number in range(len(shards)) if not self.path(number).exists()]
        return sorted(left, key=lambda number: (-shards[number].rows, number))

    @contextmanager
    def writing(self, number: int) -> Iterator[Any]:
        """A writer of tables; the part gets its name at the end of the block."""
        with appearing(self.path(number)) as place, parquet.ParquetWriter(place, self._schema) as writer:
            yield writer

    def table(self, columns: Mapping[str, Any]) -> Any:
        """Columns as one table of these scores."""
        schema = self._schema
        return pa.table(
            {name: pa.array(columns[name]).cast(schema.field(name).type) for name in schema.names}, schema=schema
        )

    def join(self, numbers: Iterable[int], output: Path) -> None:
        """All parts one behind the other, as one file; then they are gone."""
        schema = self._schema.with_metadata({KEY: json.dumps(self._mark).encode()})
        with appearing(output) as place, parquet.ParquetWriter(place, schema) as writer:
            for number in numbers:
                with parquet.ParquetFile(self.path(number), read_dictionary=["file"]) as part:
                    for group in range(part.num_row_groups):
                        writer.write_table(part.read_row_group(group).cast(schema))
        shutil.rmtree(self.folder, ignore_errors=True)


def mark_in(path: Path) -> dict[str, Any]:
    """What a file of scores says that it is of.

    Raises:
        BadInput: if it is none.
    """
    try:
        metadata = parquet.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid) as refused:
        raise BadInput(f"{path} cannot be read as Parquet: name a file that `reweigh score` wrote") from refused
    if KEY not in metadata:
        raise BadInput(f"{path} is no file of scores: name one that `reweigh score` wrote")
    found = parse_object(metadata[KEY], path)
    check_kind(found, _KIND, path)
    return found


def check_same(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> None:
    """Scores that were begun are of the same model, target set, data and settings.

    Raises:
        BadInput: saying which of them is another.
    """
    for key, words in (("model", "model"), ("target", "target set")):
        if before[key]["digest"] != now[key]["digest"]:
            raise _another(name, words, f" ({before[key]['name']}, now {now[key]['name']})")
    for key, value in now["settings"].items():
        if before["settings"].get(key) != value:
            raise _another(name, "setting", f" ({key} {before['settings'].get(key)}, now {value})")
    had = {one["name"]: one["digest"] for one in before["shards"]}
    has = {one["name"]: one["digest"] for one in now["shards"]}
    if had != has:
        other = sorted(one for one in had.keys() | has.keys() if had.get(one) != has.get(one))
        raise _another(name, "content of the data", f" ({listed(other)})")


def _another(name: str, words: str, what: str) -> BadInput:
    return BadInput(f"{name} was begun with another {words}{what}: go on with that one, or begin anew with --overwrite")
