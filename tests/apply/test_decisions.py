"""Files of decisions, as pages and spreadsheets save them, and the sentences for what is none."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reweigh.apply import Decision, read_decisions, write_decisions
from reweigh.apply.decisions import decisions_of
from reweigh.errors import BadInput

PLAIN = 'id,given,decision,label\nrow 1,cat,keep,\n"row, 2",cat,change,dog\nrow 3,dog,drop,\n'
TOLD = [("row 1", "cat", "keep", ""), ("row, 2", "cat", "change", "dog"), ("row 3", "dog", "drop", "")]


def read(tmp_path, text, encoding="utf-8"):
    (tmp_path / "d.csv").write_bytes(text.encode(encoding))
    return [one[:4] for one in read_decisions(tmp_path / "d.csv")]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (PLAIN, "utf-8"),
        (PLAIN.replace("\n", "\r\n"), "utf-8-sig"),
        (PLAIN, "utf-16"),
        ("id;given;decision;label\r\nrow 1;cat;keep\r\nrow, 2;cat;change;dog\r\nrow 3;dog;drop\r\n", "utf-8-sig"),
        ("sep=;\r\nid;given;decision;label\r\nrow 1;cat;keep;\r\nrow, 2;cat;change;dog\r\nrow 3;dog;drop;\r\n", "utf-8"),
        ("id\tgiven\tdecision\tlabel\nrow 1\tcat\tkeep\t\nrow, 2\tcat\tchange\tdog\nrow 3\tdog\tdrop\t\n", "utf-8"),
        ("ID;Given;Decision;Label\nrow 1;cat;Keep;\nrow, 2;cat;CHANGE;dog\nrow 3;dog; drop ;\n;;;\n\n", "utf-8"),
        ("label,note,decision,given,id\n,x,keep,cat,row 1\ndog,,change,cat,'row, 2'\n".replace("'", '"')
         + ",,,cat,row 7\n,,drop,dog,row 3\n", "utf-8"),
        ("id,file,decision,label,given_label\nrow 1,n.csv,keep,,cat\n'row, 2',n.csv,change,dog,cat\n".replace("'", '"')
         + "row 3,n.csv,drop,,dog\nrow 4,n.csv,,,dog\n", "utf-8"),
        ("id,given,decision,label\nrow 1,cat,keep,cat\nrow 1,cat,keep,cat\n", "utf-8"),
    ],
)  # fmt: skip
def test_what_is_read(tmp_path, text, encoding):
    found = read(tmp_path, text, encoding)
    assert found == (TOLD if len(found) > 1 else [("row 1", "cat", "keep", "cat")])


def test_a_cell_that_a_spreadsheet_would_run_comes_back(tmp_path):
    ones = [Decision("=1+1", "@a", "change", "-b", ""), Decision("'tis", "'", "keep", "", "")]
    write_decisions(tmp_path / "d.csv", ones)
    assert (tmp_path / "d.csv").read_text().splitlines()[1] == "'=1+1,'@a,change,'-b"
    assert [one[:4] for one in read_decisions(tmp_path / "d.csv")] == [one[:4] for one in ones]
    with pytest.raises(BadInput, match=r"exists"):
        write_decisions(tmp_path / "d.csv", ones)
    write_decisions(tmp_path / "d.csv", [], overwrite=True)
    assert read_decisions(tmp_path / "d.csv") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: give a file with the columns id, given, decision, label"),
        ("id,decision,label\na,keep,\n", "has no column 'given'"),
        ("id,given,decision,label,ID\na,b,keep,,c\n", "two columns named 'id'"),
        ("id,given,decision,label\na,b,maybe,\n", "line 2 of .*d.csv decides 'maybe': write keep, change or drop"),
        ("id,given,decision,label\n ,b,keep,\n", "line 2 of .* has no id"),
        ("id,given,decision,label\na,b,keep,c\n", "says keep and names the label 'c': write change, or leave"),
        ("id,given,decision,label\na,b,drop,c\n", "says drop and names the label 'c'"),
        ('id,given,decision,label\n"x\ny",b,keep,\na,b,keep,\n\na,b,drop,\n',
         "line 5 of .* decides on 'a' otherwise than line 3 of"),
        ("id,given,decision,label\na,b,keep,,,c\n", "line 2 of .* has 6 fields where the first line has 4"),
        ('id,given,decision,label\n"a,b,keep,\n', "quotation mark"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path, text, said):
    with pytest.raises(BadInput, match=said):
        read(tmp_path, text)


def test_a_label_without_a_decision_comes_last_and_is_open(tmp_path):
    """As whoever fills in the column of labels and not the one before it leaves them."""
    text = "id,given,decision,label\na,cat,,dog\nb,cat,,cat\nc,cat,,\nd,cat,change,dog\ne,dog, , cat\n"
    assert read(tmp_path, text) == [
        ("d", "cat", "change", "dog"), ("a", "cat", "", "dog"), ("e", "dog", "", " cat")
    ]  # fmt: skip


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_a_table_of_another_kind(tmp_path, ending):
    """The audit's own table as Parquet, with two columns beside, and records."""
    told = [
        {"id": "a", "given_label": "cat", "decision": "change", "label": "dog"},
        {"id": "b", "given_label": "cat", "decision": None, "label": None},
        {"id": "c", "given_label": "cat", "decision": "Drop", "label": None},
    ]
    path = tmp_path / f"d.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(told), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in told))
    assert read_decisions(path) == [
        Decision("a", "cat", "change", "dog", f"row 0 of {path}"), Decision("c", "cat", "drop", "", f"row 2 of {path}")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "said"), [("d.xlsx", "save the sheet as CSV"), ("d.json", "call it .jsonl"), ("d.pkl", "as Parquet")]
)
def test_a_file_that_is_no_table(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"PK\x03\x04 id,given,decision,label")
    with pytest.raises(BadInput, match=rf"which is not read: .*{said}"):
        read_decisions(tmp_path / name)


def test_other_files(tmp_path):
    with pytest.raises(BadInput, match=r"there is no file or folder .*d\.csv"):
        read_decisions(tmp_path / "d.csv")
    (tmp_path / "d.csv").write_bytes("id;given;decision;label\na;Käse;keep;\n".encode("cp1252"))
    with pytest.raises(BadInput, match=r"not UTF-8 throughout, byte .* in line 2 .* save the file as UTF-8"):
        read_decisions(tmp_path / "d.csv")


def test_rows_that_come_from_a_frame():
    rows = [({"id": 7, "given": 1, "decision": "change", "label": 0}, "row 0"), ({"id": 8, "decision": None}, "row 1")]
    assert [one[:4] for one in decisions_of(rows)] == [("7", "1", "change", "0")]
    with pytest.raises(BadInput, match=r"row 0 decides 'x'"):
        decisions_of([({"id": "a", "given": float("nan"), "decision": "x", "label": None}, "row 0")])
