"""Reading people's own data, whatever its kind."""

from pathlib import Path
from typing import Any

from ...errors import BadInput, require
from ...tasks import Task, Writing, find_task, task_of_folders
from .arrays import ArrayReader
from .assemble import names_of, parts_of
from .check_found import check_found
from .check_sources import check_sources
from .checked import checked_rows
from .corrected import called_before, corrected
from .encoding import Encoding
from .images import ImageReader
from .labels import TargetColumns
from .names import Names, Stretch
from .own_data import NewData, OwnData
from .pairs import PairReader
from .paths import kind_at
from .reader import Reader
from .rows import Rows
from .sources import OUTSIDE, Sources
from .tables import TableReader
from .targets import check_usable
from .texts import OPEN, TextReader


def read_own(sources: Sources, *, seed: int, tokenizer: str | None = None) -> OwnData:
    """Read training, clean and test examples; `seed` decides which clean rows are held back for testing.

    `tokenizer` is the name or path of a Hugging Face tokenizer, for texts and pairs that such a model learns from, or
    `texts.OPEN`.

    Raises:
        BadInput: in one sentence, if the data cannot be had or used.
        MissingExtra: if a library that this kind of data needs is not installed.
    """
    kind = check_sources(sources)
    reader = _reader(kind, sources, tokenizer)
    train = reader.rows(sources.train, "train")
    mask, marks = checked_rows(train, sources)
    clean = corrected(train, sources.clean_target) if mask is not None else reader.rows(str(sources.clean), "clean")
    test = reader.rows(sources.test, "test") if sources.test is not None else None
    files = [train, *([] if clean is train else [clean]), *([] if test is None else [test])]
    task, found = _task(reader, files, sources.task, has_test=test is not None)
    parts = parts_of(train, clean, mask, test, task, kind)
    parts.notes += [
        found,
        *task.notes([TargetColumns(rows, task.targets) for rows in files]),
        *reader.notes,
        *(n for rows in files for n in rows.notes),
        *marks,
    ]
    parts.drop_unlabelled()
    parts.separate()
    parts.check()
    if parts.test is None:
        parts.hold_back(sources.test_share, seed)
    assert parts.test is not None
    train_set, clean_set, test_set = (part.examples(task) for part in (parts.train, parts.clean, parts.test))
    before, why_not = called_before(parts.before(), clean_set, sources)
    parts.notes += [*why_not, *check_found(task, clean_set.ids, clean_set.y, before)]
    require("pyarrow", "cli").default_memory_pool().release_unused()  # what the columns took
    encoding = _encoding(reader, task)
    told = {rows.where: rows.told for rows in files if rows.told}
    return OwnData(train_set, clean_set, test_set, encoding, names_of(parts), tuple(parts.notes), told, before)


def read_new(path: str | Path, encoding: Encoding) -> NewData:
    """Read examples to predict, encoded as the training examples were.

    Raises:
        BadInput: in one sentence, if the file cannot be read or lacks what the model learned from.
        MissingExtra: if a library that this kind of data needs is not installed.
    """
    if encoding.kind == OUTSIDE:
        raise BadInput(
            "the model learned from a source of your own, which alone knows its encoding: call Run.model in Python"
        )
    reader = _restored(encoding)
    if encoding.kind != "pairs":  # whose files may be of any kind
        _check_kind(path, encoding.kind)
    rows = reader.rows(str(path), "new")
    task, targets = encoding.fitted, TargetColumns(rows, encoding.targets)
    known = bool(rows.targets) and not task.missing(targets).any()
    if known and encoding.kind == "images" and not set(rows.targets[0].to_pylist()) <= set(encoding.classes):
        known = False  # folders that are no classes are only folders
    names = Names(Stretch(0, len(rows), rows.keys))
    return NewData(rows.x, names, task.encode(targets) if known else None, rows.table, rows.notes)


def _check_kind(path: str | Path, kind: str) -> None:
    found = kind_at(path)
    if found != ("table" if kind == "text" else kind):
        raise BadInput(f"{path} is of the kind {found}, but the model learned from {kind}: give the same kind")


def _reader(kind: str, sources: Sources, tokenizer: str | None) -> Reader:
    if kind == "images":
        return ImageReader.learned(sources)
    if kind == "arrays":
        return ArrayReader.learned(sources)
    if kind == "pairs":
        return PairReader.learned(sources, None if tokenizer == OPEN else tokenizer)
    return TextReader.learned(sources, tokenizer) if kind == "text" else TableReader.learned(sources)


def _restored(encoding: Encoding) -> Reader:
    kinds = (TableReader, TextReader, ImageReader, ArrayReader, PairReader)
    readers: dict[str, Any] = {kind.kind: kind for kind in kinds}
    try:
        reader: Reader = readers[encoding.kind].restored(encoding.reader)
    except (KeyError, TypeError, ValueError, AttributeError) as damage:
        raise BadInput(
            f"the encoding of the model is damaged ({damage!r}): train again, or restore it from a copy"
        ) from damage
    return reader


def _task(reader: Reader, files: list[Rows], wanted: str | None, has_test: bool) -> tuple[Task, str]:
    for rows in files:
        check_usable(rows, reader.target_names)
    train, *others = [TargetColumns(rows, reader.target_names) for rows in files]
    kind, found = task_of_folders(wanted) if reader.kind == "images" else find_task(train, wanted)
    return kind.fit(train, others[:-1] if has_test else others), found


def _encoding(reader: Reader, task: Task) -> Encoding:
    return Encoding(
        kind=reader.kind,
        task=task.name,
        classes=task.classes,
        targets=reader.target_names,
        input_shape=reader.input_shape,
        outputs=task.outputs,
        model_options=reader.model_options,
        target_scale=task.scale,
        reader=reader.as_json() | ({} if task.written == Writing()[:2] else {"target_written": list(task.written)}),
    )
