"""What people's data get wrong: each ends in one sentence that names the place; nothing is written, nothing executed."""

import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reweigh.data.own import Sources, read_new, read_own

from .conftest import Desk

IMAGES = ("cat", "dog")


def table(desk: Desk, spoiled: str | bytes | None = None, **changes: object) -> Sources:
    """A good table, or `spoiled` in its place, read with these changes of what the user says."""
    train = desk.table() if spoiled is None else desk.write("train.csv", spoiled)
    return Sources(**{"train": train, "target": "label", "clean_column": "ok"} | changes)


def with_cells(
    desk: Desk, column: str, cells: dict[int, object], good: Callable[[int], object], **more: object
) -> Sources:
    """A table with an additional (or replaced) column of `good` cells, spoiled in these rows."""
    desk.table(**{column: [cells.get(row, good(row)) for row in range(40)]})
    return Sources(**{"train": desk.path("train.csv"), "target": "label", "clean_column": "ok"} | more)


def two_tables(desk: Desk, **clean: object) -> Sources:
    """A training and a clean file; `clean` replaces columns of the second."""
    return Sources(train=desk.table(ok=None), clean=desk.table("clean.csv", 10, ok=None, **clean), target="label")


def images(desk: Desk, spoil: Callable[[Path], object], **changes: object) -> Sources:
    """Folders of images, after `spoil` was at the training folder."""
    sources = Sources(**{"train": desk.images(), "clean": desk.images("clean", seed=1)} | changes)
    spoil(Path(sources.train))
    return sources


def arrays(desk: Desk, **spoiled: object) -> Sources:
    return Sources(train=desk.arrays(**spoiled))


class Explosive:
    """Writes a file as soon as it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path(self.path),)


def pickled(desk: Desk) -> Sources:
    return arrays(desk, y=np.array([Explosive(desk.path("executed"))] * 40, dtype=object))


def pickle_named_npz(desk: Desk) -> Sources:
    desk.write("train.npz", pickle.dumps(Explosive(desk.path("executed"))))
    return Sources(train=desk.path("train.npz"))


def lying_header(desk: Desk) -> Sources:
    """An array whose header claims a petabyte."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000), }"
    header += b" " * (117 - len(header)) + b"\n"
    with zipfile.ZipFile(desk.path("train.npz"), "w") as file:
        file.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 64)
    return Sources(train=desk.path("train.npz"))


def parquet(desk: Desk, column: str, cells: list[object]) -> Sources:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    good = {"size": list(range(0, 80, 2)), "label": ["a", "b"] * 20, "ok": [row < 12 for row in range(40)]}
    pq.write_table(pa.table(good | {column: cells}), desk.path("train.parquet"))
    return Sources(train=desk.path("train.parquet"), target="label", clean_column="ok")


def link_out(root: Path) -> None:
    secret = root.parent / "secret.png"
    secret.write_bytes((root / "cat/0.png").read_bytes())
    (root / "cat/9.png").symlink_to(secret)


def folder_link_out(root: Path) -> None:
    elsewhere = root.parent / "elsewhere"
    (root / "cat").rename(elsewhere)
    (root / "cat").symlink_to(elsewhere)


def empty(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def bomb(path: Path) -> None:
    """A header of 60,000 x 60,000 pixels, nearly no data."""
    header = path.read_bytes()
    path.write_bytes(header[:16] + (60_000).to_bytes(4, "big") * 2 + header[24:])


def fix_bomb(path: Path) -> None:
    import zlib

    bomb(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:29] + zlib.crc32(whole[12:29]).to_bytes(4, "big") + whole[33:])


def fifo(desk: Desk) -> Sources:
    os.mkfifo(desk.path("train.csv"))
    return Sources(train=desk.path("train.csv"), target="label", clean_column="ok")


def listed(desk: Desk, ids: str, **changes: object) -> Sources:
    return table(desk, clean_column=None, clean_ids=desk.write("ids.txt", ids), **changes)


GOOD = "size,label,ok\n" + "".join(f"{row % 7}.5,{'ab'[row % 2]},{int(row < 8)}\n" for row in range(30))

CASES: dict[str, tuple[Callable[[Desk], Sources], tuple[str, ...]]] = {
    # Files and folders
    "no such file": (lambda d: table(d, train=d.path("trian.csv")), ("trian.csv", "did you mean 'train.csv'")),
    "a kind that nobody reads": (lambda d: table(d, train=d.write("train.xlsx", "x")), ("train.xlsx", "sheet as CSV")),
    "empty file": (lambda d: table(d, ""), ("train.csv is empty",)),
    "only blank lines": (lambda d: table(d, "\n\n \n"), ("train.csv is empty",)),
    "header only": (lambda d: table(d, "size,label,ok\n"), ("no rows",)),
    "a pipe": (fifo, ("neither a file nor a folder",)),
    "folder where a table is expected": (
        lambda d: table(d, train=d.images()),
        ("--clean-column", "images"),
    ),
    "folder named like a table": (lambda d: table(d, clean_column=None, clean=d.images("x.csv")), ("kind images",)),
    "file where a folder is expected": (
        lambda d: Sources(train=d.images() + "/cat/0.png", clean=d.images("clean")),
        ("is a file where a folder is expected",),
    ),
    "clean of another kind": (lambda d: replace(two_tables(d), clean=d.arrays("c.npz")), ("kind arrays", "kind table")),
    "broken gzip": (lambda d: table(d, train=d.write("train.csv.gz", b"no gzip")), ("train.csv.gz cannot be read",)),
    "no Parquet": (lambda d: table(d, train=d.write("train.parquet", GOOD)), ("train.parquet cannot be read",)),
    # The form of a CSV file
    "ragged row": (lambda d: table(d, GOOD + "1,a\n"), ("line 32", "2 fields", "has 3")),
    "a quotation mark never closed": (lambda d: table(d, GOOD + '"1,a,0\n2,b,0\n'), ("line 32", "fields")),
    "Latin-1": (lambda d: table(d, GOOD.encode() + "1,é,0\n".encode("latin-1")), ("UTF-8", "0xe9", "line 32")),
    "mixed encodings": (
        lambda d: table(d, (GOOD + "1,é,0\n").encode() + "1,é,0\n".encode("latin-1") + b"1,a,0\n"),
        ("UTF-8", "0xe9", "line 33"),
    ),
    "UTF-16 that ends early": (lambda d: table(d, GOOD.encode("utf-16")[:-1]), ("UTF-16",)),
    "a binary file": (lambda d: table(d, b"MZ\0\0\1\2\3"), ("not a text file",)),
    "two columns of one name": (lambda d: table(d, "a,label,a,ok\n1,x,2,1\n"), ("two columns named 'a'",)),
    "no line of names": (lambda d: table(d, "39,State,1\n40,Private,0\n"), ("no column", "line of column names")),
    # Columns
    "no such target": (lambda d: table(d, target="lable"), ("'lable'", "did you mean 'label'")),
    "one of several targets missing": (lambda d: table(d, target="label,tags"), ("'tags'", "--target")),
    "no target named and none obvious": (
        lambda d: table(d, "a,b,ok\n1,2,1\n", target=None),
        ("'a', 'b', 'ok'", "--target"),
    ),
    "no such id column": (lambda d: table(d, id_column="id"), ("'id'", "--id-column")),
    "right labels for marks": (
        lambda d: table(d, clean_column="colour"),
        ("where 1/0, true/false or yes/no is expected", "name it by --clean-target"),
    ),
    "no such clean column": (lambda d: table(d, clean_column="checked"), ("'checked'", "--clean-column")),
    "no such text column": (lambda d: table(d, text="colours"), ("'colours'", "did you mean 'colour'")),
    "no such column to drop": (lambda d: table(d, drop=("weight",)), ("'weight'", "--drop")),
    "one column for two parts": (lambda d: table(d, clean_column="label"), ("'label'", "two parts")),
    "clean file lacks a column": (lambda d: two_tables(d, size=None), ("clean.csv has no column 'size'",)),
    "nothing to learn from": (lambda d: table(d, drop=("size", "colour")), ("no column to learn from",)),
    # Cells
    "infinite number": (lambda d: with_cells(d, "size", {7: "inf"}, float), ("row 7", "infinite", "'size'")),
    "a number beyond float64": (lambda d: with_cells(d, "size", {7: "1e999"}, float), ("row 7", "'size'")),
    "a huge integer": (lambda d: with_cells(d, "size", {7: 10**40}, float), ("row 7", "too large", "'size'")),
    "infinity in Parquet": (
        lambda d: parquet(d, "size", [float("-inf") if row == 5 else float(row) for row in range(40)]),
        ("row 5", "infinite"),
    ),
    "a word among the clean file's numbers": (
        lambda d: two_tables(d, size=[1, 2, 3, "unknown", *range(6)]),
        ("row 3", "'unknown'", "no number"),
    ),
    "a word among the clean file's dates": (
        lambda d: Sources(
            train=d.table(ok=None, size=[f"2020-01-{1 + row % 28:02}" for row in range(40)]),
            clean=d.table("clean.csv", 10, ok=None, size=["2020-01-01", "soon", *["2020-02-01"] * 8]),
            target="label",
        ),
        ("row 1", "'soon'", "no date"),
    ),
    "labels that are lists": (lambda d: parquet(d, "label", [["a"]] * 40), ("'label'", "lists")),
    # Labels
    "one class only": (lambda d: with_cells(d, "label", {}, lambda row: "yes"), ("one class 'yes'",)),
    "a target without any label": (lambda d: with_cells(d, "label", {}, lambda row: ""), ("'label'", "empty")),
    "a target that names rows": (
        lambda d: with_cells(d, "label", {}, lambda row: f"r{row}"),
        ("40 different", "--target"),
    ),
    "label unseen": (
        lambda d: table(d, test=d.table("test.csv", 8, label=["no"] * 7 + ["maybe"])),
        ("row 7", "'maybe'", "'no', 'yes'"),
    ),
    "label missing among the clean": (
        lambda d: with_cells(d, "label", {3: ""}, lambda row: "ab"[row % 2]),
        ("row 3", "without a label"),
    ),
    "label missing in the test set": (
        lambda d: table(d, test=d.table("test.csv", 8, label=["no"] * 7 + [""])),
        ("row 7", "test.csv", "without a label"),
    ),
    "clean and train disjoint in classes": (
        lambda d: two_tables(d, label=["maybe", "never"] * 5),
        ("no example of the class 'no'",),
    ),
    "clean lacks a class": (lambda d: two_tables(d, label=["yes"] * 10), ("no example of the class 'no'", "20 times")),
    "words for a regression": (lambda d: table(d, task="regression"), ("row 0", "'no'", "no number")),
    "an infinite regression target": (
        lambda d: with_cells(d, "label", {9: "inf"}, lambda row: row / 7, task="regression"),
        ("row 9", "'inf'"),
    ),
    "a regression target that does not vary": (
        lambda d: with_cells(d, "label", {}, lambda row: 5, task="regression"),
        ("does not vary",),
    ),
    "several targets that are no flags": (lambda d: table(d, target="label,colour"), ("'colour'", "1/0")),
    "regression of several columns": (lambda d: table(d, target="label,colour", task="regression"), ("2 columns",)),
    "unknown task": (lambda d: table(d, task="clasification"), ("did you mean 'classification'",)),
    # The clean set
    "no clean set": (lambda d: table(d, clean_column=None), ("--clean-ids",)),
    "two clean sets": (lambda d: replace(two_tables(d), clean_column="ok"), ("--clean and --clean-column",)),
    "a clean column of opinions": (
        lambda d: with_cells(d, "ok", {4: "perhaps"}, lambda row: 1),
        ("row 4", "'perhaps'"),
    ),
    "nothing checked": (lambda d: with_cells(d, "ok", {}, lambda row: 0), ("none of the 40 rows",)),
    "everything checked": (lambda d: with_cells(d, "ok", {}, lambda row: "yes"), ("all of the 40 rows",)),
    "too few clean rows": (
        lambda d: with_cells(d, "ok", {}, lambda row: int(row < 2)),
        ("2 clean examples are too few",),
    ),
    "all rows are clean as well": (
        lambda d: Sources(train=d.table(ok=None), clean=d.table("clean.csv", ok=None), target="label"),
        ("no training example",),
    ),
    "clean ids that are no rows": (lambda d: listed(d, "1\n99\nx\n"), ("2 lines", "'99', 'x'", "row numbers")),
    "clean ids that are no names": (
        lambda d: replace(
            with_cells(d, "name", {}, lambda row: f"p{row}"),
            clean_column=None,
            id_column="name",
            clean_ids=d.write("ids.txt", "p1\nq1\n"),
        ),
        ("'q1'", "such as 'p0'"),
    ),
    "no clean ids": (lambda d: listed(d, "\n\n"), ("ids.txt is empty",)),
    "an id twice": (
        lambda d: with_cells(d, "name", {9: "p2"}, lambda row: f"p{row}", id_column="name"),
        ("'p2' in row 9", "row 2"),
    ),
    "an id missing": (
        lambda d: with_cells(d, "name", {9: ""}, lambda row: f"p{row}", id_column="name"),
        ("row 9", "no 'name'"),
    ),
    "a share of everything": (lambda d: table(d, test_share=1.0), ("1.0", "between 0 and 1")),
    # Images
    "no classes": (lambda d: Sources(train=d.images() + "/cat", clean=d.images("clean")), ("images but no folders",)),
    "a folder without anything": (lambda d: images(d, empty), ("train holds no images",)),
    "folders that are parts": (
        lambda d: images(d, lambda root: root, train=str(d.folder)),
        ("are parts of a data set",),
    ),
    "an image that is a text": (
        lambda d: images(d, lambda root: (root / "cat/0.png").write_text("hello")),
        ("cat/0.png", "no image"),
    ),
    "an image that ends early": (lambda d: images(d, lambda root: truncate(root / "dog/3.png")), ("dog/3.png",)),
    "an image of no bytes": (lambda d: images(d, lambda root: (root / "dog/3.png").write_bytes(b"")), ("dog/3.png",)),
    "a decompression bomb": (lambda d: images(d, lambda root: fix_bomb(root / "cat/1.png")), ("cat/1.png", "claims")),
    "a link out of the folder": (lambda d: images(d, link_out), ("cat/9.png", "leads out")),
    "a linked class folder": (lambda d: images(d, folder_link_out), ("cat", "leads out")),
    "a size of nothing": (lambda d: images(d, lambda root: root, image_size=0), ("image_size is 0",)),
    "a target for images": (lambda d: images(d, lambda root: root, target="label"), ("--target", "images")),
    # Texts
    "a column without a text": (
        lambda d: with_cells(d, "text", {}, lambda row: "", text="text"),
        ("no text in any row",),
    ),
    "a row longer than is read": (
        lambda d: with_cells(d, "text", {3: "long " * 6_000_000}, lambda row: "short", text="text"),
        ("longer than 8 MiB",),
    ),
    "a length of nothing": (lambda d: table(d, text="colour", text_length=0), ("text_length is 0",)),
    # Arrays
    "pickled objects": (pickled, ("Python objects",)),
    "a pickle named .npz": (pickle_named_npz, ("train.npz",)),
    "no .npz": (lambda d: Sources(train=d.write("train.npz", "x,y\n")), ("cannot be read as a .npz",)),
    "a header that lies": (lying_header, ("cannot be read as a .npz",)),
    "no inputs": (lambda d: arrays(d, x=None), ("no array for the inputs",)),
    "no targets": (lambda d: arrays(d, y=None), ("no array for the targets",)),
    "other lengths": (lambda d: arrays(d, y=np.arange(39) % 2), ("39 rows", "have 40")),
    "NaN in an array": (
        lambda d: arrays(d, x=np.where(np.arange(80).reshape(40, 2) == 10, np.nan, 1)),
        ("row 5", "NaN"),
    ),
    "words as inputs": (lambda d: arrays(d, x=np.full((40, 2), "a")), ("'x'", "<U1")),
    "a mask of numbers": (lambda d: arrays(d, clean=np.arange(40)), ("no mask",)),
    "no mask": (lambda d: arrays(d, clean=None), ("--clean-ids",)),
    "targets of a strange shape": (lambda d: arrays(d, y=np.zeros((40, 2, 2))), ("(40, 2, 2)",)),
    "clean arrays of another shape": (
        lambda d: replace(arrays(d, clean=None), clean=d.arrays("c.npz", x=np.zeros((40, 9)))),
        ("(9,)", "(3,)"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_sentence_and_leaves_nothing(case, desk, refused):
    make, fragments = CASES[case]
    before = []
    with refused(*fragments):
        sources = make(desk)  # which looks at what needs no file
        before = sorted(desk.folder.rglob("*"))
        read_own(sources, seed=0)
    assert not before or sorted(desk.folder.rglob("*")) == before


def test_there_are_forty_mistakes():
    assert len(CASES) >= 40


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read(desk, refused):
    os.chmod(desk.table(), 0)
    with refused("train.csv cannot be read", "Permission denied"):
        read_own(Sources(train=desk.path("train.csv"), target="label", clean_column="ok"), seed=0)


def test_a_file_that_the_system_will_not_give(desk, marked, refused, monkeypatch):
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", forbidden)
    with refused("train.csv cannot be read", "Permission denied"):
        read_own(marked, seed=0)


NEW: dict[str, tuple[Callable[[Desk], str], tuple[str, ...]]] = {
    "another kind": (lambda d: d.arrays("new.npz"), ("kind arrays", "learned from table")),
    "a column missing": (lambda d: d.table("new.csv", colour=None), ("no column 'colour'",)),
    "a word for a number": (lambda d: d.table("new.csv", 3, size=[1, 2, "big"]), ("row 2", "'big'", "'size'")),
    "an infinite number": (lambda d: d.table("new.csv", 3, size=[1, "-inf", 2]), ("row 1", "infinite")),
    "an unseen label": (lambda d: d.table("new.csv", 3, label=["yes", "no", "well"]), ("row 2", "'well'")),
    "no rows": (lambda d: d.write("new.csv", "size,colour\n"), ("no rows",)),
    "nothing there": (lambda d: d.path("neww.csv"), ("neww.csv",)),
}


@pytest.mark.parametrize("case", NEW)
def test_mistakes_in_new_files(case, desk, marked, refused):
    encoding = read_own(marked, seed=0).encoding
    make, fragments = NEW[case]
    path = make(desk)
    with refused(*fragments):
        read_new(path, encoding)


def test_formulas_and_html_are_data(desk):
    cells = ["=cmd|' /C calc'!A0", "<script>alert(1)</script>", "@SUM(1+1)", "+1+1"]
    sources = with_cells(desk, "colour", {}, lambda row: cells[row % 4])
    own = read_own(sources, seed=0)
    assert own.encoding.reader["columns"][-1]["values"] == sorted(cells)
