"""Lines end in a line feed and nowhere else; fields are split at tabs and nowhere else; long files come piece by piece."""

import gzip

import pytest

from reweigh.data.own.pair_lines import Fields, Lines, TableOf, TwoFiles
from reweigh.errors import BadInput

ODD = "a\u2028b\x85c\x0bd\re"  # Python's splitlines would make five of it


@pytest.fixture
def write(tmp_path):
    def to(name, content):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / name

    return to


def rows(table):
    return [tuple(row.values()) for batch in table.batches() for row in batch.to_pylist()]


def test_a_line_ends_in_a_line_feed_alone(write):
    lines = Lines(write("a.txt", f"{ODD}\r\n\nlast"))
    assert list(lines) == list(lines) == [ODD, "", "last"]
    assert lines.first == ODD


@pytest.mark.parametrize(
    "encode", [str.encode, lambda text: text.encode("utf-16"), lambda text: b"\xef\xbb\xbf" + text.encode()]
)
def test_encodings_and_packed_files(encode, write):
    text = "ä\tb\nü\tc\n"
    for name, content in (("a.tsv", encode(text)), ("a.tsv.gz", gzip.compress(encode(text)))):
        lines = Lines(write(name, content))
        assert list(lines) == ["ä\tb", "ü\tc"]
        assert lines.first == "ä\tb"


def test_fields_by_their_places(write):
    lines = Lines(write("a.tsv", 'u\t"x\ty"\tz\nv\t\t\t"\n'))
    table = Fields(lines, ("s", "t"), (2, 1))
    assert table.names == ["s", "t"]
    assert rows(table) == [('y"', '"x'), ("", "")]
    assert table.rows == 2
    assert [column.to_pylist() for column in table.columns(["t"])] == [['"x', ""]]


def test_two_files_side_by_side(write):
    paths = [write("l", "a\nb\n"), write("r", "c\nd")]
    assert rows(TwoFiles(paths, ("s", "t"))) == [("a", "c"), ("b", "d")]
    with pytest.raises(BadInput, match=r"l has 2 lines and .*r has 1: line n of both"):
        rows(TwoFiles([paths[0], write("r", "c\n")], ("s", "t")))
    with pytest.raises(BadInput, match=r"r has 3 lines and .*l has 2"):
        rows(TwoFiles([paths[0], write("r", "c\n\n\n")], ("s", "t")))


def test_many_lines_come_in_pieces(write):
    count = 40_000
    table = TableOf(write("x", ""), ("n",), lambda: ((str(n),) for n in range(count)))
    sizes = [len(batch) for batch in table.batches()]
    assert len(sizes) == 3
    assert sum(sizes) == table.rows == count


def test_more_than_memory_goes_to_the_disk(write, monkeypatch):
    monkeypatch.setenv("REWEIGH_IN_MEMORY", "1000")
    content = "".join(f"source {n}\ttarget {n}\n" for n in range(500))
    table = Fields(Lines(write("a.tsv", content)), ("s", "t"), (0, 1))
    assert table.rows == 500
    assert table._held.on_disk
    assert [text for piece in table.pieces("t") for text in piece.to_pylist()][-1] == "target 499"
