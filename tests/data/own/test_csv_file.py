import gzip
from pathlib import Path

import pytest

from reweigh.data.own.csv_file import CsvFile
from reweigh.data.own.dialect import sniff


def rows(path):
    return [row for batch in CsvFile(Path(path)).batches() for row in batch.to_pylist()]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(desk, delimiter):
    lines = [["a", "b", "c"], ["1,5", "x", "2"], ["2,5", "y", "3"]]
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in line] for line in lines]
    path = desk.write("t.csv", "\n".join(delimiter.join(line) for line in quoted))
    assert rows(path) == [{"a": "1,5", "b": "x", "c": "2"}, {"a": "2,5", "b": "y", "c": "3"}]


def test_a_text_with_commas_does_not_hide_the_delimiter():
    assert sniff("id;text\n1;so, it is\n2;no\n3;one, two, three\n") == ";"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_encodings(desk, encoding):
    text = ("\ufeff" if encoding == "utf-16-le" else "") + "größe,b\nä,2\n"
    assert rows(desk.write("t.csv", text.encode(encoding))) == [{"größe": "ä", "b": "2"}]


def test_compressed_and_with_line_ends_of_windows(desk):
    path = desk.write("t.tsv.gz", gzip.compress(b"a\tb\r\n1\t2\r\n\r\n3\t4\r\n"))
    assert rows(path) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_lines_within_quotes_and_the_index_of_pandas(desk):
    assert rows(desk.write("t.csv", ',b\n0,"x\ny"\n')) == [{"column 0": "0", "b": "x\ny"}]


def test_a_file_can_be_read_twice(desk):
    file = CsvFile(Path(desk.write("t.csv", "a,b\n1,2\n")))
    assert [batch.num_rows for batch in file.batches()] == [batch.num_rows for batch in file.batches()] == [1]


def test_the_wrong_byte_of_a_long_file_is_named(desk, refused):
    path = desk.write("t.csv", b"a,b\n" + b"1,2\n" * 300_000 + b"1,\xff\n")
    with refused("byte 1200006 (0xff) in line 300002"):
        rows(path)


def test_the_ragged_row_of_a_long_file_is_named(desk, refused):
    path = desk.write("t.csv", "a,b\n" + '"1\n",2\n' * 3000 + "1,2,3\n")
    with refused("line 6002", "3 fields where the first line has 2"):
        rows(path)
