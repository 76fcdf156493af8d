import gzip
from pathlib import Path

import pytest

from reweigh.data.own import text_file
from reweigh.data.own.text_file import TextFile


def opened(desk, content, name="t.csv"):
    return TextFile(Path(desk.write(name, content)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_beginning_without_its_mark(desk, encoding):
    file = opened(desk, 'é"'.encode(encoding))
    assert (file.head, file.whole, file.quotes) == ('é"', True, True)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_bytes_are_named_by_their_line(desk, refused, end):
    with refused("byte", "(0xff) in line 3"):
        opened(desk, f"a{end}b{end}".encode() + b"\xff")
    with refused("zero byte in line 3"):
        opened(desk, f"a{end}b{end}\0".encode("utf-16"))


def test_a_character_over_two_blocks(desk, refused):
    whole = b"a" * ((1 << 20) - 1) + "é".encode()
    assert opened(desk, whole).encoding == "utf-8"
    with refused(f"byte {len(whole)} (0xff)"):
        opened(desk, whole + b"\xff")


def test_what_unpacks_into_far_more_than_it_is(desk, refused, monkeypatch):
    monkeypatch.setattr(text_file, "MOST_UNPACKED", 1 << 20)
    with refused("unpacks into more than 200 times its size"):
        opened(desk, gzip.compress(b"1,2\n" * 1_000_000), "t.csv.gz")


def test_long_first_lines_are_read_whole(desk):
    assert opened(desk, "a" * 100_000 + "\nb\nc\nd\n").head.count("\n") == 4
