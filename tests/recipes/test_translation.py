"""The recipe's parts: no English sentence twice, targets spoilt in one way, a row a run that is not made again."""

import gzip

import pytest

import translation
import translation_pairs
from made_up_pairs import pairs
from runs import add_result, read_results
from translation import ROWS, Job, table
from translation_pairs import KINDS, added, parts_of, replaced


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setattr(translation_pairs, "CHECKED", 30)
    monkeypatch.setattr(translation_pairs, "TEST", 10)
    monkeypatch.setattr(translation, "DUAL_STEPS", 2)
    lines = [
        f"{english} {n}\t{german} {n}\n{english} {n}\tanders {n}" for n, (german, english) in enumerate(pairs(100)[0])
    ]
    (tmp_path / "deu.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "deu.txt"


def test_the_parts_share_no_english_sentence(data):
    parts = parts_of(data, 50, seed=1)
    assert list(map(len, parts)) == [50, 30, 10, 10]
    targets = [english for part in parts for _, english in part]
    assert len(set(targets)) == 100
    assert parts == parts_of(data, 50, seed=1) != parts_of(data, 50, seed=2)


def test_multi30k_is_read_from_its_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(translation_pairs, "CHECKED", 2)
    sides = {"train": ["a", "b", "c", "", "t", "d", "d"], "test_2016_flickr": ["t", "u"]}
    for name, lines in sides.items():
        for language in ("de", "en"):
            with gzip.open(tmp_path / f"{name}.{language}.gz", "wt", encoding="utf-8") as file:
                file.write("".join(f"{line and language + line}\n" for line in lines))
    train, checked, test, spare = parts_of(tmp_path, 1, 0)
    assert test == [("det", "ent"), ("deu", "enu")]
    assert sorted(train + checked + spare) == [(f"de{line}", f"en{line}") for line in "abcd"]
    assert (len(train), len(checked), len(spare)) == (1, 2, 1)


def test_a_share_is_spoilt_and_said(data):
    train = parts_of(data, 50, seed=0).train
    given, wrong = replaced(train, "copied", 0.4, 0)
    assert sum(wrong) == 20
    assert all((one[1] == one[0]) if bad else (one == was) for one, was, bad in zip(given, train, wrong, strict=True))
    assert replaced(train, "none", 0.0, 0) == (train, [False] * 50)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_changes_pairs_and_keeps_their_number(kind, data):
    train = parts_of(data, 50, seed=0).train
    assert len(KINDS[kind](train, 0)) == 50
    changed = [one != was for one, was in zip(KINDS[kind](train, 0), train, strict=True)]
    assert sum(changed) > 25


def test_wrong_pairs_stand_beside_all_right_ones(data):
    parts = parts_of(data, 40, seed=0)
    given, wrong = added(parts.train, parts.spare, "copied", 0.5, 0)
    assert (len(given), sum(wrong)) == (60, 20)
    assert sorted(pair for pair, bad in zip(given, wrong, strict=True) if not bad) == sorted(parts.train)
    with pytest.raises(SystemExit, match="20 pairs are left to be spoilt and added, 40 are wanted"):
        added(parts.train, parts.spare, "copied", 1.0, 0)


QUICK = {"model": "translator-tiny", "lr": 0.003, "batch_size": 16}


def job(row, steps=2):
    return Job("deu", row, "exchanged", "replaced", 0.4, 50, steps, 0)


def test_a_row_is_a_run_and_a_line(data, tmp_path):
    result = translation.run(job("L2RW"), data, QUICK)
    assert 0 <= result["auroc"] <= 1
    assert (sum(result["trust_of_right"]), sum(result["trust_of_wrong"])) == (30, 20)
    add_result(tmp_path / "r.jsonl", result)
    add_result(tmp_path / "r.jsonl", {**result, "row": "plain", "auroc": None})
    rows = table(read_results(tmp_path / "r.jsonl", Job), ("plain", "L2RW", "judged"))
    assert [row[2] for row in rows[1:]] == ["plain", "L2RW", "judged"]
    assert [row[3] == "not run" for row in rows[1:]] == [False, False, True]
    assert rows[1][5] == ""
    assert rows[2][:2] == ["deu, 50", "40% exchanged"]


@pytest.mark.parametrize("row", ["oracle filter", "dual cross-entropy", "small-loss"])
def test_what_is_told_the_truth_leaves_out_as_many(row, data, monkeypatch):
    seen = []
    monkeypatch.setattr(
        translation, "write", lambda path, pairs, real=translation.write: seen.append(len(pairs)) or real(path, pairs)
    )
    translation.run(job(row), data, QUICK)
    assert seen == [50, 30, 10, *([30] if row != "small-loss" else [])]


@pytest.mark.slow
@pytest.mark.parametrize("row", list(ROWS))
def test_every_row_runs(row, data):
    assert translation.run(job(row, steps=8), data, QUICK)["bleu"] >= 0
