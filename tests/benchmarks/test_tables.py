"""From measured rows to Markdown and pictures."""

import json

import pytest
from benchmarks.results import add_rows, read_rows

from benchmarks import plots, tables

FACTS = {
    "date": "2026-01-02", "machine": "a machine", "threads": 2, "rounds": 3, "load": 0.1, "python": "3.11",
    "packages": {"torch": "2.13"},
}  # fmt: skip


def row(variant, ratio=2.0, task="net, 8 + 8", **facts):
    usual = {
        "task": task, "variant": variant, "ratio": [ratio - 0.1, ratio, ratio + 0.1], "seconds": ratio / 10, "peak": None,
        "cosine": 1.0, "error": 1e-8, "zeros": 0.5, "flops": int(ratio * 100), "floor": None, "failure": None,
        "circumstances": FACTS,
    }  # fmt: skip
    return usual | facts


ROWS = [
    row("plain", 1.0, cosine=None, error=None, zeros=None, peak=2**20, floor=1.0),
    row("ghost, fused", 2.25, peak=3 * 2**19, floor=7 / 3),
    row("higher", failure="ImportError: none", ratio=3.0, seconds=None),
]
GROWTH = [
    row(name, ratio, task=f"length {size}", axis="length", size=size)
    for size in (32, 64)
    for name, ratio in (("plain", 1.0), ("ghost, fused", size / 16))
]


def test_the_table_of_a_task():
    text = tables.step_cost(ROWS)
    assert "Measured 2026-01-02 on a machine, 2 threads" in text
    assert "50% of the weights are zero" in text
    assert "| ghost, fused | 2.25 (2.15 to 2.35) | 2.25 | 2.33 | 225 | 1.50 (2 MiB) | 1.000000 | 1.0e-08 |" in text
    assert "| higher | failed: ImportError: none |" in text


def test_growth_has_a_row_a_size():
    lines = tables.growth(GROWTH).splitlines()
    assert lines[-2:] == ["| 32 | 100 | 2.00 |", "| 64 | 100 | 4.00 |"]


def test_put_between_the_marks(tmp_path):
    page, results = tmp_path / "page.md", tmp_path / "results"
    page.write_text(
        "before\n<!-- step_cost -->\nold\n<!-- end -->\nbetween\n<!-- growth -->\nold\n<!-- end -->\nafter\n"
    )
    add_rows(results / "step_cost.json", ROWS)
    tables.main(["--results", str(results), "--page", str(page)])
    text = page.read_text()
    assert text.startswith("before\n<!-- step_cost -->\n\n![Time of a step")
    assert text.endswith("between\n<!-- growth -->\nold\n<!-- end -->\nafter\n"), "what has no results stays"
    tables.main(["--results", str(results), "--page", str(page)])
    assert page.read_text() == text


def test_a_page_without_marks_says_so():
    with pytest.raises(SystemExit, match="<!-- growth -->"):
        tables.put("nothing here", "growth", "text")


def test_rows_measured_again_replace_the_old_ones(tmp_path):
    path = tmp_path / "a" / "rows.json"
    assert read_rows(path) == []
    add_rows(path, ROWS)
    add_rows(path, [row("ghost, fused", 9.0), row("plain", 1.0, task="other")])
    found = read_rows(path)
    assert [(r["task"], r["variant"]) for r in found] == [
        ("net, 8 + 8", "plain"), ("net, 8 + 8", "ghost, fused"), ("net, 8 + 8", "higher"), ("other", "plain"),
    ]  # fmt: skip
    assert found[1]["ratio"][1] == 9.0
    assert json.loads(path.read_text()) == found


def test_pictures(tmp_path):
    add_rows(tmp_path / "step_cost.json", ROWS)
    add_rows(tmp_path / "growth.json", GROWTH)
    plots.main(["--results", str(tmp_path), "--images", str(tmp_path / "images")])
    for name in ("step_cost", "growth"):
        picture = (tmp_path / "images" / f"{name}.png").read_bytes()
        assert picture.startswith(b"\x89PNG")
        plots.main(["--results", str(tmp_path), "--images", str(tmp_path / "again")])
        assert (tmp_path / "again" / f"{name}.png").read_bytes() == picture
