"""The page of the CIFAR recipe: its tables between their marks, what was gained seed by seed, and a picture of it."""

import cifar_page
from cifar import Job, Setting
from cifar_page import BASE, BEGIN, BEST, END, bars, by_runs, gaps, picture, ranks, shares, teachers

SETTING = Setting("cifar10", "features", 1_000, 500)


def results(**accuracies):
    """By row and kind, of two seeds: so many points, and one more."""
    found = {}
    for name, each in accuracies.items():
        for kind, points in each.items():
            for seed in (0, 1):
                job = Job("cifar10", "features", kind, name.replace("_", " "), 1_000, 500, seed)
                told = {"right_told": [0.6, 0.55 - seed / 10, 0.65] if name == "judged" and kind != "clean" else None}
                auroc = 0.9 if name in ("judged", "L2RW") and kind != "clean" else None
                wrong = 0.0 if kind == "clean" else 0.4
                found[job] = {
                    **vars(job), **told, "accuracy": points + seed, "auroc": auroc, "wrong": wrong, "processor_seconds": 5.0
                }  # fmt: skip
    return found


SOME = results(
    **{BASE.replace(" ", "_"): {"uniform-40": 80.0, "clean": 87.0}, BEST.replace(" ", "_"): {"uniform-40": 84.0}},
    L2RW={"uniform-40": 79.0, "clean": 86.5},
    judged={"uniform-40": 83.0, "clean": 86.9},
)


def test_the_best_learned_row_is_held_against_plain_training_and_the_filter():
    assert bars(SOME, SETTING)[1:] == [
        ["uniform-40", "judged", "3.00 ± 0.00 (2)", "-1.00 ± 0.00 (2)", "4.00 ± 0.00 (2)", "–"],
        ["clean", "judged", "-0.10 ± 0.00 (2)", "–", "–", "–"],
    ]


def test_a_row_of_one_lucky_seed_is_not_the_best():
    fewer = {job: found for job, found in SOME.items() if not (job.row == "judged" and job.seed == 1)}
    assert [row[1] for row in bars(fewer, SETTING)[1:]] == ["L2RW", "L2RW"]


def test_gaps_are_of_the_same_seeds():
    one = {job: found for job, found in SOME.items() if not (job.row == BASE and job.seed == 1)}
    assert gaps(one, SETTING, "uniform-40", "judged", BASE) == [3.0]
    assert gaps(one, SETTING, "uniform-40", "drawn", BASE) == []


def test_teachers_are_held_against_the_one_that_reads_the_surface():
    found = results(**{f"teacher,_{name}": {"pair-40": points} for name, points in
                       {"surface": 80.0, "internal": 80.5, "interaction": 79.0}.items()})  # fmt: skip
    assert teachers(found, SETTING)[1] == ["pair-40", "0.50 ± 0.00 (2)", "-1.00 ± 0.00 (2)", "–"]


def test_only_rows_that_tell_labels_apart_have_a_rank():
    assert ranks(SOME, SETTING) == [
        ["AUROC in %", "uniform-40"], ["L2RW", "90.00 ± 0.00 (2)"], ["judged", "90.00 ± 0.00 (2)"],
    ]  # fmt: skip


def test_the_share_that_was_told_stands_beside_the_true_one():
    assert shares(SOME, SETTING)[1:] == [
        ["uniform-40", "40.0", "40.00 ± 0.00 (2)", "35.0", "55.0", "not run", "", ""],
        ["clean", "0.0", "no number", "", "", "not run", "", ""],
    ]


def test_what_has_most_runs_comes_first_and_what_has_few_rows_is_for_another_page():
    rows = ("plain", BASE, "judged")
    small = {Job("cifar10", "features", "clean", row, 20, 500, 0): {"accuracy": 1.0} for row in rows}
    assert [one.checked for one in by_runs(small | SOME)] == [1_000, 20]
    one = {Job("cifar10", "features", "clean", "plain", 20, 500, 0): {"accuracy": 1.0}}
    assert [setting.checked for setting in by_runs(one | SOME)] == [1_000]
    assert by_runs({}) == []


def test_each_kind_has_a_panel_and_each_row_a_dot():
    first, second = picture(SOME, SETTING).axes
    assert (first.get_title(), second.get_title()) == ("uniform-40", "clean")
    assert sorted(first.collections[-1].get_offsets()[:, 0]) == [-1, 3, 4]
    assert len(second.collections[-1].get_offsets()) == 2


def test_the_command_writes_all(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n{BEGIN}old{END}\nthe rest\n")
    monkeypatch.setattr(cifar_page, "results_in", lambda folder: SOME)
    cifar_page.main(["--page", str(page), "--picture", str(tmp_path / "p.png")])
    told = page.read_text()
    assert "### cifar10, features, 1,000 checked, 500 steps" in told
    assert "| drawn | not run | not run |  |" in told
    assert "| judged | 83.50 ± 0.71 (2) | 87.40 ± 0.71 (2) | 5 |" in told
    assert "Not run: cifar10 by resnet32, cifar10 by wrn-28-10, cifar10 by fast, cifar100 by features," in told
    assert told.endswith(f"{END}\nthe rest\n")
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"


def test_without_a_run_all_is_named_as_missing(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}{END}")
    said = ["--results", tmp_path / "none", "--page", page, "--picture", tmp_path / "p.png"]
    cifar_page.main(list(map(str, said)))
    assert "Not run: cifar10 by features," in page.read_text()
    assert not (tmp_path / "p.png").exists()
