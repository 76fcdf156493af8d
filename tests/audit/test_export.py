import csv
import io
from dataclasses import replace

import numpy as np
import pandas
import pytest

from reweigh.audit import write_export
from reweigh.audit.export import COLUMNS, about_weights, columns
from reweigh.errors import BadInput, ReweighError

EVIL = (
    '=HYPERLINK("http://evil","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "＝1",
    " =1",
    'a,"b"\nc',
    "-1",
    "é",
)


def with_classes(audit, names):
    return replace(audit, examples=replace(audit.examples, classes=tuple(names)))


def read_csv(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode())))


def test_csv_has_a_row_an_example_the_most_distrusted_first(audited, tmp_path):
    write_export(audited, tmp_path / "deep" / "audit.csv")
    rows = read_csv(tmp_path / "deep" / "audit.csv")
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["id"]) for row in rows] == audited.examples.ids[audited.order].tolist()
    scores = [float(row["label_quality"]) for row in rows]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < scores[-1] <= 1
    assert {row["is_label_issue"] for row in rows} == {"True", "False"}
    first = audited.order[0]
    assert rows[0]["given_label"] == str(audited.given[first])
    assert rows[0]["suggested_label"] == str(audited.suggested[first])
    assert float(rows[0]["suggested_probability"]) == pytest.approx(audited.suggested_probability[first], rel=1e-5)


def test_parquet_and_csv_say_the_same(audited, tmp_path):
    for name in ("audit.csv", "audit.parquet"):
        write_export(audited, tmp_path / name)
    by_csv, by_parquet = pandas.read_csv(tmp_path / "audit.csv"), pandas.read_parquet(tmp_path / "audit.parquet")
    by_parquet = by_parquet.astype({"given_label": "int64", "suggested_label": "int64"})
    for name in ("kind_of_wrongness", "duplicate_of", "label_of_copy"):
        by_csv[name] = by_csv[name].astype(object).fillna("")
        by_parquet[name] = by_parquet[name].astype(object)
    pandas.testing.assert_frame_equal(by_csv, by_parquet, check_dtype=False, rtol=1e-5)


def test_the_probability_of_a_wrong_label_says_where_to_stop(audited):
    found = columns(audited)
    assert found["wrong_probability"] == pytest.approx(1 - audited.right[audited.order])
    assert (np.diff(found["wrong_probability"]) <= 0).all()
    assert found["wrong_of_next_100"][0] == pytest.approx(audited.expected_wrong(0, 100), abs=0.05)
    assert found["wrong_of_next_100"][-1] == pytest.approx(found["wrong_probability"][-1], abs=0.05)
    assert found["wrong_of_next_100"][0] > found["wrong_of_next_100"][600]


def test_what_the_weights_are_for_is_a_sentence(audited):
    issues = int(audited.issue.sum())
    said = about_weights(audited)
    assert said.startswith(
        f"weights for another learner (sample_weight) have a mean of 1 and are {audited.sample_weight.max():.1f}"
    )
    assert f"without the {issues} rows whose is_label_issue is true" in said
    assert "boosted" not in about_weights(replace(audited, judged=None))
    assert about_weights(replace(audited, issue=np.zeros_like(audited.issue))) == said.partition(";")[0]
    assert columns(audited)["sample_weight"].mean() == pytest.approx(1)


def test_what_was_never_seen_is_empty_and_weighs_nothing(audited, tmp_path):
    row = audited.order[-1]
    gone = {name: getattr(audited, name).copy() for name in ("mean_weight", "quality", "trend")}
    for values in gone.values():
        values[row] = np.nan
    write_export(replace(audited, judged=None, **gone), tmp_path / "audit.csv")
    last = read_csv(tmp_path / "audit.csv")[-1]
    assert (last["mean_weight"], last["label_quality"], last["trend"], last["sample_weight"]) == ("", "", "", "0")


def test_no_cell_is_a_formula_and_all_come_back(audited, tmp_path):
    write_export(with_classes(audited, EVIL), tmp_path / "audit.csv")
    rows = read_csv(tmp_path / "audit.csv")
    found = {row["given_label"] for row in rows}
    assert found == {name if name in ('a,"b"\nc', "-1", "é") else f"'{name}" for name in EVIL}
    for row in rows:
        assert not row["given_label"].startswith(("=", "+", "@", "\t", "＝", " ", "-2"))


def test_parquet_needs_no_apostrophes(audited):
    assert set(columns(with_classes(audited, EVIL))["given_label"]) == set(EVIL)


def test_refusals_come_before_anything_is_written(audited, tmp_path):
    with pytest.raises(BadInput, match="ends in neither"):
        write_export(audited, tmp_path / "audit.xlsx")
    (tmp_path / "mine.csv").write_text("mine")
    with pytest.raises(BadInput, match="exists: replace it with --overwrite"):
        write_export(audited, tmp_path / "mine.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadInput, match="is a folder"):
        write_export(audited, tmp_path / "folder.csv", overwrite=True)
    with pytest.raises(ReweighError, match="cannot write"):
        write_export(audited, tmp_path / "mine.csv" / "audit.csv")
    assert (tmp_path / "mine.csv").read_text() == "mine"
    write_export(audited, tmp_path / "mine.csv", overwrite=True)
    assert len(read_csv(tmp_path / "mine.csv")) == 1342
