"""Parts of pairs: checked ones by column, by ids and in another form; larger than memory; the reader again from its JSON."""

import json

import pytest
import torch

from made_up_pairs import pairs, tmx, tsv
from reweigh.data.own import Encoding, Sources, read_new, read_own
from reweigh.data.own.pairs import PairReader
from reweigh.errors import BadInput

ROWS = pairs(60)[0]


def named(tmp_path, *more, names=("de", "en")):
    rows = [(*row, *(cell(n) for cell in more)) for n, row in enumerate(ROWS)]
    return tsv(tmp_path / "train.tsv", rows, names)


def read(train, **more):
    return read_own(Sources(train=train, source="de", target="en", **more), seed=0)


def told(own, part):
    examples = getattr(own, part)
    batch = examples.batch(torch.arange(len(examples)))
    return [
        (own.train.task.source_told(x), own.train.task.told(y)) for x, y in zip(batch["x"], batch["y"], strict=True)
    ]


def test_checked_by_a_column(tmp_path):
    path = named(tmp_path, lambda n: "yes" if n % 3 == 0 else "no", names=("de", "en", "ok"))
    own = read(path, clean_column="ok")
    assert len(own.train) == 40
    assert sorted([*told(own, "clean"), *told(own, "test")]) == sorted(ROWS[::3])
    assert set(own.clean.ids.tolist()) <= set(range(0, 60, 3))


def test_checked_by_row_numbers_and_by_names(tmp_path):
    (tmp_path / "rows.txt").write_text("".join(f"{n}\n" for n in range(0, 60, 3)))
    assert len(read(named(tmp_path), clean_ids=str(tmp_path / "rows.txt")).train) == 40
    (tmp_path / "ids.txt").write_text("".join(f"s{n}\n" for n in range(20)))
    path = named(tmp_path, lambda n: f"s{n}", names=("de", "en", "key"))
    own = read(path, clean_ids=str(tmp_path / "ids.txt"), id_column="key")
    assert own.names[int(own.train.ids[0])] == "s20"
    (tmp_path / "ids.txt").write_text("s99\n")
    with pytest.raises(BadInput, match="name no example"):
        read(path, clean_ids=str(tmp_path / "ids.txt"), id_column="key")


def test_parts_may_be_of_different_forms(tmp_path):
    (tmp_path / "checked.tmx").write_text(tmx(pairs(20, 7)[0]))
    (tmp_path / "test.jsonl").write_text("".join(json.dumps({"de": a, "en": b}) + "\n" for a, b in pairs(10, 8)[0]))
    own = read(named(tmp_path), clean=str(tmp_path / "checked.tmx"), test=str(tmp_path / "test.jsonl"))
    assert told(own, "clean") == pairs(20, 7)[0]
    assert told(own, "test") == pairs(10, 8)[0]
    assert own.names[60] == f"row 0 of {tmp_path}/checked.tmx"


def test_tested_pairs_are_taken_out_of_both_other_parts(tmp_path):
    checked = tsv(tmp_path / "checked.tsv", ROWS[:20], ("de", "en"))
    test = tsv(tmp_path / "test.tsv", ROWS[10:30], ("de", "en"))
    own = read(named(tmp_path), clean=checked, test=test)
    assert (len(own.train), len(own.clean), len(own.test)) == (30, 10, 20)


def test_sources_beyond_memory_lie_on_the_disk_and_are_the_same(tmp_path, monkeypatch):
    checked = tsv(tmp_path / "checked.tsv", pairs(20, 7)[0], ("de", "en"))
    small = read(named(tmp_path), clean=checked)
    monkeypatch.setenv("REWEIGH_IN_MEMORY", "20000")
    large = read(named(tmp_path), clean=checked)
    assert isinstance(small.train.x, torch.Tensor)
    assert not isinstance(large.train.x, torch.Tensor)
    assert told(small, "train") == told(large, "train") == ROWS
    assert torch.equal(small.train.y, large.train.y)


def test_the_reader_is_the_same_again_from_its_json(tmp_path):
    checked = tsv(tmp_path / "checked.tsv", pairs(20, 7)[0], ("de", "en"))
    own = read(named(tmp_path), clean=checked, text_length=20)
    again = Encoding.from_json(json.loads(json.dumps(own.encoding.as_json())), "here")
    assert again == own.encoding
    assert again.fitted.classes == own.train.task.classes
    reader = PairReader.restored(again.reader)
    assert reader.input_shape == (20,)
    rows = reader.rows(named(tmp_path), "train")
    assert torch.equal(rows.x, own.train.x)
    damaged = Encoding(**{**vars(own.encoding), "reader": {**own.encoding.reader, "vocabulary": "{"}})
    with pytest.raises(BadInput, match="the encoding of the model is damaged"):
        read_new(named(tmp_path), damaged)


def test_new_files_are_read_by_the_names_that_they_have(tmp_path):
    checked = tsv(tmp_path / "checked.tsv", pairs(20, 7)[0], ("de", "en"))
    own = read(named(tmp_path), clean=checked)
    turned = tsv(tmp_path / "turned.tsv", [(b, a) for a, b in ROWS[:5]], ("en", "de"))
    new = read_new(turned, own.encoding)
    assert [own.train.task.source_told(x) for x in new.x] == [source for source, _ in ROWS[:5]]
    with pytest.raises(BadInput, match="has no column 'de'"):
        read_new(tsv(tmp_path / "other.tsv", ROWS[:5], ("fr", "en")), own.encoding)
    with pytest.raises(BadInput, match="there is no file or folder"):
        read_new(tmp_path / "nowhere.tsv", own.encoding)
