"""The page of the translation recipe: the table between its marks, and a picture of what was told apart."""

import pytest

import translation_page
from runs import with_table
from translation import BINS, Job, table
from translation_page import BEGIN, END, picture


def result(row, **more):
    told = {"trust_of_right": [1] * BINS, "trust_of_wrong": [2] * BINS}
    job = Job("deu", row, "exchanged", "replaced", 0.4, 50, 2, 0)
    return job, {**vars(job), "bleu": 1.0, "chrf": 2.0, "auroc": 0.9, "seconds": 3.0, **told, **more}


def test_the_table_replaces_the_one_between_the_marks():
    page = f"# Title\n{BEGIN}\nold\n{END}\nthe rest\n"
    assert with_table(page, "| new |", BEGIN, END) == f"# Title\n{BEGIN}\n| new |\n{END}\nthe rest\n"
    with pytest.raises(SystemExit, match="has no place for the table"):
        with_table("# Title\n", "| new |", BEGIN, END)


def test_what_was_not_run_is_named_below():
    page = translation_page.as_page(table(dict([result("drawn")]), ("plain", "L2RW", "drawn")))
    assert [line.split(" | ")[2] for line in page.splitlines() if line.startswith("| deu")] == ["drawn"]
    assert "Not run on deu, 50, 40% exchanged: plain; L2RW.\n" in page


def test_rows_that_told_pairs_apart_are_drawn():
    results = dict([result("drawn"), result("plain", trust_of_right=None, trust_of_wrong=None), result("L2RW")])
    drawn = picture(results).axes
    assert [axes.get_title() for axes in drawn] == ["drawn", "L2RW"]
    heights = [bar.get_height() for bar in drawn[0].patches]
    assert heights == [1] * BINS + [2] * BINS
    assert len(picture({}).axes) == 1


def test_the_command_writes_both(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}{END}")
    (tmp_path / "r.jsonl").write_text("")
    said = ["--results", tmp_path / "r.jsonl", "--page", page, "--picture", tmp_path / "p.png"]
    monkeypatch.setattr("sys.argv", ["translation_page.py", *map(str, said)])
    translation_page.main()
    assert "| pairs | wrong |" in page.read_text()
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
