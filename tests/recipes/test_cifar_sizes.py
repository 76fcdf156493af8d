"""By how many examples are checked: which settings belong together, the table, and the picture."""

import cifar_sizes
from cifar import Job, Setting
from cifar_sizes import BASE, BEGIN, END, SHOWN, limits, picture, sizes_of, table

LIKE = Setting("cifar10", "features", 0, 500)


def results(rows=(BASE, "judged", "checked only"), sizes=(20, 100, 1_000), seeds=(0, 1)):
    """Plain training has 70, and what is learnt from checked examples more the more there are."""
    found = {}
    for row in rows:
        for size in sizes:
            for seed in seeds:
                points = 70.0 if row == BASE else 60.0 + 5 * sizes.index(size) + 10 * (row == "judged")
                found[Job("cifar10", "features", "pair-40", row, size, 500, seed)] = {"accuracy": points + seed}
    return found


def test_settings_that_differ_in_more_than_the_checked_examples_are_others():
    others = {
        Job("cifar100", "features", "pair-40", BASE, 20, 500, 0): {"accuracy": 1.0},
        Job("cifar10", "fast", "pair-40", BASE, 20, 500, 0): {"accuracy": 1.0},
        Job("cifar10", "features", "pair-40", BASE, 20, 100, 0): {"accuracy": 1.0},
    }
    assert list(sizes_of(results() | others, LIKE)) == [20, 100, 1_000]


def test_a_line_a_row_and_a_column_a_size():
    found = results() | results(("L2RW",), (20,), (0,))
    assert table(found, sizes_of(found, LIKE), "pair-40") == [
        ["pair-40, accuracy in %", "20 checked", "100 checked", "1,000 checked"],
        [BASE, *["70.50 ± 0.71 (2)"] * 3],
        ["checked only", "60.50 ± 0.71 (2)", "65.50 ± 0.71 (2)", "70.50 ± 0.71 (2)"],
        ["L2RW", "60.00 (1)", "not run", "not run"],
        ["judged", "70.50 ± 0.71 (2)", "75.50 ± 0.71 (2)", "80.50 ± 0.71 (2)"],
    ]


def test_rows_of_enough_sizes_are_drawn_and_what_is_far_below_is_cut():
    found = results() | results(("L2RW",), (20,), (0,))
    sizes = sizes_of(found, LIKE)
    axes = picture(found, sizes, ["pair-40"]).axes[0]
    assert [line.get_label() for line in axes.get_lines()] == [
        row for row in SHOWN if row in (BASE, "judged", "checked only")
    ]
    assert limits(found, sizes, "pair-40") == (64.0, 82.0 - 0.5)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["20", "100", "1,000"]


def test_the_command_writes_both(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n{BEGIN}old{END}\nthe rest\n")
    monkeypatch.setattr(cifar_sizes, "results_in", lambda folder: results())
    cifar_sizes.main(["--page", str(page), "--picture", str(tmp_path / "p.png")])
    assert "| judged | 70.50 ± 0.71 (2) |" in page.read_text()
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"


def test_without_a_run_there_is_no_picture(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}{END}")
    monkeypatch.setattr(cifar_sizes, "results_in", lambda folder: {})
    cifar_sizes.main(["--page", str(page), "--picture", str(tmp_path / "p.png")])
    assert not (tmp_path / "p.png").exists()
