"""The recipe's parts: no English sentence twice, targets spoilt in one way, a row a run that is not made again."""

import pytest

import translation
from made_up_pairs import pairs
from runs import add_result, read_results
from translation import Job, parts_of, spoilt, table


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(translation, "CHECKED", 30)
    monkeypatch.setattr(translation, "TEST", 10)
    lines = [
        f"{english} {n}\t{german} {n}\n{english} {n}\tanders {n}" for n, (german, english) in enumerate(pairs(100)[0])
    ]
    (tmp_path / "deu.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "deu.txt"


def test_the_parts_share_no_english_sentence(data):
    parts = parts_of(data, 50, seed=1)
    assert list(map(len, parts)) == [50, 30, 10]
    targets = [english for part in parts for _, english in part]
    assert len(set(targets)) == 90
    assert parts == parts_of(data, 50, seed=1) != parts_of(data, 50, seed=2)


def test_a_share_is_spoilt_and_said(data):
    train, _, _ = parts_of(data, 50, seed=0)
    given, wrong = spoilt(train, "copied", 0.4, 0)
    assert sum(wrong) == 20
    assert all((one[1] == one[0]) if bad else (one == was) for one, was, bad in zip(given, train, wrong, strict=True))


def test_a_row_is_a_run_and_a_line(data, tmp_path):
    job = Job("L2RW", "exchanged", 0.4, 50, 2, 0)
    result = translation.run(job, data)
    assert 0 <= result["auroc"] <= 1
    add_result(tmp_path / "r.jsonl", result)
    add_result(tmp_path / "r.jsonl", {**result, "row": "plain", "auroc": None})
    rows = table(read_results(tmp_path / "r.jsonl", Job))
    assert [row[1] for row in rows[1:]] == ["plain", "L2RW"]
    assert rows[1][4] == ""
    assert rows[2][0] == "exchanged 40%"
