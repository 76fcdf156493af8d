"""The recipe on tiny synthetic digits: every option trains, and the table sets each beside "exact"."""

import pytest
import torch

import fast_preset as recipe
import runs

from .test_noisy_labels import root as root


@pytest.fixture
def prepared(root):
    threads = torch.get_num_threads()
    recipe.noisy_labels.prepare(str(root))
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("option", recipe.OPTIONS)
def test_every_option_trains(option, prepared):
    result = recipe.run(recipe.Job("mnist-background-40", option, 0, 6, 2))
    assert 0 <= result["error"] <= 100
    assert 0 <= result["auroc"] <= 1
    assert result["warm_up"] == 2


def test_the_table_has_differences_seed_by_seed():
    errors = {("exact", 0): 10.0, ("exact", 1): 6.0, ("fast", 0): 10.5, ("fast", 1): 6.1, ("bfloat16", 0): 9.0}
    results = {recipe.Job("mnist-pair-40", o, s, 400, 50): {"error": e} for (o, s), e in errors.items()}
    rows = recipe.table(list(results), results)
    assert rows[0][1:] == ["mnist-pair-40", "all: difference"]
    assert rows[1] == ["exact", "8.00 ± 2.83 (2)", "–"]
    assert rows[2] == ["fast", "8.30 ± 3.11 (2); +0.30 ± 0.20", "+0.30 ± 0.20"]
    assert rows[3] == ["bfloat16", "9.00 (1)", "–"]


def test_it_prints_what_is_there_and_runs_nothing_twice(tmp_path, capsys, monkeypatch):
    options = ["--tasks", "mnist-pair-40", "--options", "exact", "--warm-up", "0", "--seeds", "1", "--steps", "5"]
    job = recipe.Job("mnist-pair-40", "exact", 0, 5, 0)
    result = {**recipe.asdict(job), "error": 12.5, "auroc": None, "seconds": 1.0}
    runs.add_result(tmp_path / "results.jsonl", result)
    monkeypatch.setattr(recipe.noisy_labels, "prepare", lambda *_: pytest.fail("nothing is missing"))
    recipe.main([*options, "--runs", str(tmp_path), "--output", str(tmp_path / "table.md")])
    assert "After 0 plain steps" in (tmp_path / "table.md").read_text()
    assert "12.50 (1)" in capsys.readouterr().out
