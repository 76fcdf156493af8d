"""Pairs of texts in every form that people have them in give the same examples; what cannot be learned from is counted."""

import re

import pytest
import torch

from made_up_pairs import in_every_form, pairs, tmx, tsv
from reweigh.data.own import Sources, read_new, read_own
from reweigh.errors import BadInput, ReweighError


def read(train, clean, sides=("de", "en"), **more):
    return read_own(Sources(train=str(train), clean=str(clean), source=sides[0], target=sides[1], **more), seed=0)


def texts(examples):
    task = examples.task
    batch = examples.batch(torch.arange(len(examples)))
    return [(task.source_told(x), task.told(y)) for x, y in zip(batch["x"], batch["y"], strict=True)]


@pytest.fixture(scope="module")
def rows():
    return [("„Der Hund“ läuft, 𝔞!", "The dog runs\u2028on."), ("Ü", "=cmd [END] [PAD]"), *pairs(30)[0]]


@pytest.fixture(scope="module")
def forms(rows, tmp_path_factory):
    return in_every_form(tmp_path_factory.mktemp("forms"), rows)


@pytest.fixture
def checked(tmp_path):
    return tsv(tmp_path / "checked.tsv", pairs(20, 5)[0], ["de", "en"])


FORMS = ("tsv without names", "tsv by places", "tsv with names", "csv", "jsonl", "parquet", "Moses", "Moses, packed",
         "two files", "tmx")  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_pairs(form, forms, rows, checked, tmp_path):
    assert set(forms) == set(FORMS)
    path, sides = forms[form]
    clean = (
        tsv(tmp_path / "by_places.tsv", [("", "", *row) for row in pairs(20, 5)[0]]) if "places" in form else checked
    )
    own = read(path, clean, sides)
    assert own.train.task.name == "translation"
    assert texts(own.train) == rows
    assert len(own.clean) + len(own.test) == 20
    assert own.names[3] == "row 3"


def test_ids_and_a_column_of_checked_ones(forms, checked, tmp_path):
    (tmp_path / "c.tmx").write_text(tmx(pairs(20, 5)[0]))
    own = read(forms["tmx"][0], tmp_path / "c.tmx", id_column="tuid")
    assert own.names[0] == "u0"
    assert len(own.train) == 12  # twenty units have names of the clean ones
    marked = tsv(
        tmp_path / "marked.tsv", [(*row, "yes" if n < 10 else "") for n, row in enumerate(pairs(30)[0])], "abc"
    )
    own = read_own(Sources(train=marked, clean_column="c", source="a", target="b"), seed=0)
    assert (len(own.train), len(own.clean) + len(own.test)) == (20, 10)


def test_what_is_left_out_is_counted_and_said(checked, tmp_path):
    rows = [("", "nothing"), ("nichts", "  "), ("lang " * 10_000, "long"), ("kurz", "short " * 300), *pairs(30)[0]]
    own = read(tsv(tmp_path / "train.tsv", rows, ["de", "en"]), checked, text_length=64)
    assert len(own.train) == 30
    assert own.train.ids[0] == 4  # a row keeps its number
    said = " | ".join(own.notes)
    assert re.search(r"2 pairs of .*train.tsv without a source or a target left out", said)
    assert re.search(r"2 pairs of .*train.tsv with more than 64 tokens on a side left out \(--text-length", said)
    told = own.told[str(tmp_path / "train.tsv")]
    assert told["left out"] == {"empty": 2, "too long": 2}
    assert own.train.x.shape[1] == 64


def test_checked_pairs_inside_the_training_set_are_taken_out_whatever_their_target_is_there(tmp_path):
    right = pairs(40)[0]
    spoilt = [(source, "something else") for source, _ in right[:10]]
    own = read(tsv(tmp_path / "t.tsv", [*spoilt, *right[10:]]), tsv(tmp_path / "c.tsv", right[:10]))
    assert not {source for source, _ in texts(own.train)} & {source for source, _ in right[:10]}
    assert any("10 examples in the clean set as well left out of training" in note for note in own.notes)


def test_new_sources_are_read_with_and_without_targets_and_long_ones_are_cut(checked, tmp_path):
    own = read(tsv(tmp_path / "t.tsv", pairs(30)[0]), checked, text_length=16)
    (tmp_path / "new.txt").write_text("hund und katze\n\n" + "baum " * 100 + "\n")
    new = read_new(tmp_path / "new.txt", own.encoding)
    assert new.y is None
    assert [own.train.task.source_told(x) for x in new.x[:2]] == ["hund und katze", ""]
    assert len(new.x) == 3
    assert "1 source of" in new.notes[-1]
    both = read_new(tsv(tmp_path / "both.tsv", pairs(5, 9)[0]), own.encoding)
    assert [own.train.task.told(y) for y in both.y] == [target for _, target in pairs(5, 9)[0]]


BAD = {
    "unequal": (lambda d: (d / "a.de").write_text("a\nb\nc\n") and (d / "a.en").write_text("a\nb\n") and d / "a",
                r"a\.de has 3 lines and .*a\.en has 2: line n"),
    "one side": (lambda d: (d / "a.de").write_text("a\n") and d / "a", r"there is .*a\.de but no .*a\.en"),
    "no tab": (lambda d: (d / "a.tsv").write_text("a\tb\nonly this\n") and d / "a.tsv",
               r"line 2 of .*a\.tsv has 1 field and no 2\. one, 'only this'"),
    "encoding": (lambda d: (d / "a.tsv").write_bytes(b"a\tb\n" + b"\xfcber\tover\n") and d / "a.tsv",
                 r"not UTF-8 throughout, byte 4 \(0xfc\) in line 2"),
    "zero byte": (lambda d: (d / "a.tsv").write_bytes(b"a\tb\0\n") and d / "a.tsv", "zero byte in line 1"),
    "three fields": (lambda d: (d / "a.tsv").write_text("a\tb\tc\n") and d / "a.tsv", "give the places of the fields"),
    "other names": (lambda d: (d / "a.tsv").write_text("de\tenglish\nx\ty\n") and d / "a.tsv", "has no column 'en'"),
    "languages": (lambda d: (d / "a.tmx").write_text(tmx([("x", "y")]).replace("EN", "es")) and d / "a.tmx",
                  r"no unit in both 'de' and 'en'.*\(de-at, es, fr\)"),
    "entities": (lambda d: (d / "a.tmx").write_text('<!DOCTYPE t [<!ENTITY a "b">]><tmx/>') and d / "a.tmx",
                 "declares the entity 'a'"),
    "no xml": (lambda d: (d / "a.tmx").write_text("<tmx><body>\n</tmx>") and d / "a.tmx", "no TMX file as far as line 2"),
    "nothing": (lambda d: (d / "a.tsv").write_text("") or d / "a.tsv", "a.tsv"),
    "not there": (lambda d: d / "nowhere", "there is no file or folder"),
    "all empty": (lambda d: (d / "a.tsv").write_text("\t\n\t\n") and d / "a.tsv", "is empty in every row"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_each_mistake_is_one_sentence(name, checked, tmp_path):
    make, sentence = BAD[name]
    with pytest.raises(ReweighError, match=sentence) as raised:
        read(make(tmp_path), checked)
    assert "\n" not in str(raised.value)


def test_settings_that_do_not_go_together(tmp_path):
    path = tsv(tmp_path / "t.tsv", pairs(30)[0], ["de", "en"])
    for more, sentence in (
        ({"target": "en", "task": "translation"}, "name both columns, or languages, by --source and --target"),
        ({"source": "de"}, "nothing else is the target"),
        ({"source": "de", "target": "de"}, "nothing else is the target"),
        ({"source": "de", "target": "en", "task": "classification"}, "learns no such"),
        ({"source": "de", "target": "en", "text": "de"}, "--text means nothing for pairs"),
    ):
        with pytest.raises(BadInput, match=sentence):
            read_own(Sources(train=path, clean=path, **more), seed=0)
