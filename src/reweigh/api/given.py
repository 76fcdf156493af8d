"""Data as a caller has them, as settings of a run: what is in memory becomes files in the run's folder.

A run is audited, resumed and opened again by the data that it learnt from, so these lie beside it. A file is named by its
content, so that it never takes the place of another.
"""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.api.containers import are_texts, opened
from reweigh.api.pairs import TEXT, column_names, inputs, is_pair, joined, name_of, targets, with_texts
from reweigh.api.rows import ROWS_OF_A_PATH, mask_of, rows_of_source
from reweigh.api.tables import as_table, is_frame, is_pandas, reason
from reweigh.data.outside import hand_over, is_source
from reweigh.data.own import Encoding
from reweigh.errors import BadInput, require
from reweigh.storage import make_folder, write_bytes

MARK = "checked"


class Given:
    """Files written for data in memory, below `folder`.

    Args:
        folder: where.
        writes: whether this process writes them, not another one that was given the same.

    Attributes:
        places: from a file's path to the argument that it came in.
        notes: what was changed on the way, one sentence each.
        sources: objects that hand out examples, kept as long as the run may ask them.
    """

    def __init__(self, folder: Path, *, writes: bool = True) -> None:
        self.folder, self.places, self.notes = folder, dict[str, str](), list[str]()
        self._writes = writes
        self._written: list[Path] = []
        self.sources = list[Any]()

    def settings(
        self, train: Any, clean: Any, test: Any, target: str | None, settings: dict[str, Any]
    ) -> dict[str, Any]:
        """The settings that name the data.

        Raises:
            BadInput: if they are of no kind that is known, or do not go together.
        """
        if not is_frame(train) and is_source(train):
            return self._of_source(train, clean, test)
        train, clean, test = (opened(data, role) for data, role in ((train, "train"), (clean, "clean"), (test, "test")))
        found: dict[str, Any] = {}
        if (of_texts := with_texts(train, "train")) is not train:
            train, clean, test = of_texts, with_texts(clean, "clean"), with_texts(test, "test")
            found["text"] = settings.get("text", TEXT)
        if is_pair(train) and is_frame(train[0]):
            target = target or name_of(train[1]) or "target"
        if target is not None:
            found["target"] = target
        marked: Any = None
        if is_frame(train) and isinstance(clean, str) and clean in column_names(train):
            found["clean_column"] = clean
        elif clean is not None and (_is_path(clean) or _is_data(clean)):
            found["clean"] = self.path_of(clean, "clean", target)
        elif clean is not None and (_is_path(train) or _is_data(train)):
            marked = mask_of(clean, train)
        if test is not None:
            found["test"] = self.path_of(test, "test", target)
        if train is None:
            return found
        if marked is not None:
            found["clean_column"] = _free(MARK, column_names(train) if is_frame(train) else ())
        names = self._index(train) if is_frame(train) and not settings.get("id_column") else None
        if names is not None:
            found["id_column"] = names[0]
        extra = {} if names is None else {names[0]: names[1]}
        if marked is not None:
            extra[found["clean_column"]] = marked
        return {**found, "train": self.path_of(train, "train", target, extra)}

    def _of_source(self, train: Any, clean: Any, test: Any) -> dict[str, Any]:
        found = {"train": self._handed(train, "train")}
        if clean is not None and (is_source(clean) or isinstance(clean, str)):
            found["clean"] = self._handed(clean, "clean")
        elif clean is not None:
            ids = train.ids.numpy()[rows_of_source(clean, len(train))]
            found["clean_ids"] = self._write(
                "clean", ".txt", "".join(f"{number}\n" for number in ids.tolist()).encode()
            )
        if test is not None:
            found["test"] = self._handed(test, "test")
        return found

    def _handed(self, source: Any, role: str) -> str:
        if isinstance(source, str):
            return source
        if not is_source(source):
            raise BadInput(f"train= is a source, and {role}= is a {type(source).__name__}: give a source as well")
        self.sources.append(source)
        return hand_over(source)

    def new(self, data: Any, encoding: Encoding | None) -> str:
        """Where new data lie; texts by themselves are those of the column that a model reads, where it reads one.

        Raises:
            BadInput: as `path_of`.
        """
        data = opened(data, "this")
        if encoding is None:
            return self.path_of(data, "new")
        if column := encoding.read_alone:
            data = {column: list(data)} if are_texts(data) else with_texts(data, "new", column)
        return self.path_of(data, "new", encoding.targets[0])

    def path_of(self, data: Any, role: str, target: str | None = None, extra: dict[str, Any] | None = None) -> str:
        """Where the data lie: a path as it is given, else that of a file which is written; `extra` columns go with it.

        Raises:
            BadInput: if they are of no kind that is known.
        """
        if _is_path(data):
            if extra:
                raise BadInput(ROWS_OF_A_PATH)
            return str(data)
        if is_frame(data):
            return self._table(data, role, extra or {})
        if is_pair(data):
            x, y = data
            if is_frame(x):
                return self._table(joined(x, y, role, target), role, extra or {})
            if target is not None and role != "new":
                raise BadInput(
                    f"target= names a column, and {role}= is (x, y), which has its own targets: leave target= out"
                )
            return self._arrays({"x": inputs(x, role), "y": targets(y, role), **(extra or {})}, role)
        if role == "new" and (hasattr(data, "shape") or isinstance(data, list)):
            return self._arrays({"x": inputs(data, role)}, role)
        named = "this" if role == "new" else f"{role}="
        raise BadInput(
            f"{named} is a {type(data).__name__}: give a pandas or polars frame, a pair of arrays (x, y), a data set of "
            "datasets, or a path"
        )

    def undo(self) -> None:
        """Take away what was written here."""
        for path in self._written:
            path.unlink(missing_ok=True)
        if self._written and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _table(self, data: Any, role: str, extra: dict[str, Any]) -> str:
        pa, parquet = require("pyarrow", "cli"), require("pyarrow.parquet", "cli")
        table, notes = as_table(data, role)
        self.notes += notes
        for name, values in extra.items():
            table = table.append_column(name, pa.array(values))
        sink = pa.BufferOutputStream()
        try:
            parquet.write_table(table, sink)
        except pa.ArrowException as refused:
            raise BadInput(
                f"{role} has a column of a type that no file can hold ({reason(refused)}): make it text, or leave it out"
            ) from refused
        return self._write(role, ".parquet", sink.getvalue())

    def _arrays(self, arrays: dict[str, Any], role: str) -> str:
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return self._write(role, ".npz", buffer.getvalue())

    def _write(self, role: str, ending: str, content: Any) -> str:
        path = self.folder / f"{role}-{hashlib.blake2b(content, digest_size=8).hexdigest()}{ending}"
        if self._writes and not path.exists():
            make_folder(self.folder)
            write_bytes(path, content)
            self._written.append(path)
        for said in (str(path), path.name):
            self.places[said] = role if role != "new" else "the new data"
        return str(path)

    def _index(self, frame: Any) -> tuple[str, list[str]] | None:
        """The labels of a pandas index that names rows: one that is not 0, 1, 2, ... and has none twice."""
        if not is_pandas(frame):
            return None
        index = frame.index
        if index.nlevels > 1 or not index.is_unique or index.hasnans or index.equals(type(index)(range(len(index)))):
            return None
        return _free(str(index.name or "index"), column_names(frame)), [str(label) for label in index]


def _free(name: str, taken: Any) -> str:
    while name in taken:
        name += "_"
    return name


def _is_path(data: Any) -> bool:
    return isinstance(data, str | Path)


def _is_data(data: Any) -> bool:
    return is_frame(data) or (is_pair(data) and np.ndim(data[0] if not is_frame(data[0]) else [[0]]) > 1)
