"""Memories: the languages asked for, their varieties, inline codes, and what is no memory."""

import gzip

import pytest

from reweigh.data.own.tmx_file import tmx_file
from reweigh.errors import BadInput


def unit(*texts, name=None):
    said = "".join(f"<tuv {lang}><seg>{text}</seg></tuv>" for lang, text in texts)
    return f"<tu{f' tuid={name!r}' if name else ''}><note>n</note><prop type='x'>p</prop>{said}</tu>"


@pytest.fixture
def memory(tmp_path):
    def of(*units, pack=False, before=""):
        body = f'<tmx version="1.4"><header srclang="de"/><body>{"".join(units)}</body></tmx>'
        content = f'<?xml version="1.0" encoding="utf-8"?>{before}{body}'
        path = tmp_path / ("m.tmx.gz" if pack else "m.tmx")
        path.write_bytes(gzip.compress(content.encode()) if pack else content.encode())
        return path

    return of


def rows(table):
    return [tuple(row.values()) for batch in table.batches() for row in batch.to_pylist()]


DE, EN, AT, OLD = (
    ('xml:lang="de"', "Hund &amp; Katze"),
    ('xml:lang="en"', "dog and cat"),
    ('xml:lang="de_AT"', "Jänner"),
    ('lang="EN-us"', "old"),
)


@pytest.mark.parametrize("pack", [False, True])
def test_pairs_of_two_languages_with_their_names(pack, memory):
    table = tmx_file(memory(unit(DE, EN, name="one"), unit(EN, AT), unit(AT, OLD, name="3"), pack=pack), "de", "en")
    assert table.names == ["de", "en", "tuid"]
    assert rows(table) == [
        ("Hund & Katze", "dog and cat", "one"),
        ("Jänner", "dog and cat", None),
        ("Jänner", "old", "3"),
    ]
    assert rows(table) == rows(table)
    assert table.notes == []


def test_units_without_both_are_counted(memory):
    table = tmx_file(memory(unit(DE, EN), unit(DE), unit(('xml:lang="den"', "x"), EN)), "DE", "en")
    assert len(rows(table)) == 1
    assert "2 of 3 units of" in table.notes[0]


def test_codes_are_left_out_and_highlights_are_text(memory):
    seg = 'A <bpt i="1">&lt;b&gt;<sub>no</sub></bpt><hi>big</hi><ept i="1">&lt;/b&gt;</ept>\n  dog<ph/>.'
    assert rows(tmx_file(memory(unit(DE, ('xml:lang="en"', seg))), "de", "en"))[0][1] == "A big dog."


def test_the_first_of_several_texts_of_a_language_counts(memory):
    assert rows(tmx_file(memory(unit(DE, EN, ('xml:lang="en"', "second"))), "de", "en"))[0][1] == "dog and cat"


def test_entities_of_its_own_are_refused_before_they_are_spelled_out(memory):
    bomb = "<!DOCTYPE tmx [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]>"
    outside = "<!DOCTYPE tmx [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>"
    for before in (bomb, outside):
        with pytest.raises(BadInput, match="declares the entity 'a', which is not believed"):
            tmx_file(memory(unit(DE, EN), before=before), "de", "en")


def test_a_cut_file_is_no_memory(memory):
    path = memory(unit(DE, EN), unit(DE, EN))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(BadInput, match=r"is no TMX file as far as line 1 \(.*\): mend it"):
        tmx_file(path, "de", "en")
