"""The recipe on tiny synthetic data in the publishers' layouts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import noisy_labels as recipe
import runs

from .test_mnist_imbalance import write_idx

LABELS = ("Africa", "Health", "Nigeria", "Politics", "World")


def write_mnist(folder: Path, name: str, count: int, random: np.random.Generator) -> None:
    """Dim noise with a bright row that tells the digit."""
    labels = np.resize(np.arange(10, dtype=np.uint8), count)
    images = random.integers(0, 60, (count, 28, 28), dtype=np.uint8)
    for digit in range(10):
        images[labels == digit, 2 * digit : 2 * digit + 4] += 180
    write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
    write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels)


def write_titles(path: Path, count: int, numbered: bool, wrong: int = 0) -> None:
    rows = [("news_title", "label")]
    for i in range(count):
        label = LABELS[(i + 1) % 5] if i < wrong else LABELS[i % 5]
        rows.append((f'labarin {LABELS[i % 5].lower()} "na {i}', label))
    path.write_text("\n".join("\t".join(row if not numbered else (str(k), *row)) for k, row in enumerate(rows)))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    (root / "MNIST" / "raw").mkdir(parents=True)
    write_mnist(root / "MNIST" / "raw", "train", 700, random)
    write_mnist(root / "MNIST" / "raw", "t10k", 100, random)
    news = root / "hausa-news"
    news.mkdir()
    write_titles(news / "train_clean.tsv", 60, numbered=False)
    write_titles(news / "train_clean_noisy_labels.tsv", 60, numbered=True, wrong=12)
    write_titles(news / "train_noisy.tsv", 50, numbered=True)
    write_titles(news / "dev.tsv", 150, numbered=False)
    write_titles(news / "test.tsv", 40, numbered=False)
    return root


@pytest.fixture
def prepared(root):
    threads = torch.get_num_threads()
    recipe.prepare(str(root))
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("method", recipe.METHODS + recipe.REMEDIES)
def test_every_method_trains(method, prepared):
    result = recipe.run(recipe.Job("mnist-background-40", method, 0, 6, 0.003))
    assert 0 <= result["error"] <= 100
    if method in ("oracle", "l2rw", "teacher, K = 5"):
        assert result["auroc"] == (1.0 if method == "oracle" else pytest.approx(result["auroc"]))


@pytest.mark.parametrize("task", ["mnist-uniform-60", "mnist-pair-40", "mnist-clean", "hausa"])
def test_the_tasks_are_what_they_say(task, root):
    job = recipe.Job(task, "plain", 3, 5, 0.003)
    data = recipe.titles_of(job, str(root)) if task == "hausa" else recipe.images_of(job, str(root))
    assert data.clean.y.bincount().tolist() == ([20] * 5 if task == "hausa" else [10] * 10)
    assert (data.wrong is None) == (task == "mnist-clean")
    share = {"mnist-uniform-60": 0.54, "mnist-pair-40": 0.4, "hausa": 0.2}.get(task)
    if share is not None:
        assert data.wrong.double().mean() == pytest.approx(share, abs=0.04)
    if task != "hausa":
        assert data.train.x.shape[1:] == (1, 14, 14)
        assert not set(data.train.ids.tolist()) & set(data.clean.ids.tolist())


def test_four_against_nine(prepared, monkeypatch):
    monkeypatch.setattr(recipe, "NINES", 40)
    monkeypatch.setattr(recipe, "FOURS", 8)
    job = recipe.Job("mnist-4-9-200", "teacher, K = 5", 0, 6, 0.003)
    data = recipe.images_of(job, recipe._root)
    assert data.train.y.bincount().tolist() == [3, 35]
    assert data.clean.y.bincount().tolist() == [5, 5]
    assert set(data.test.y.tolist()) == {0, 1}
    assert 0 <= recipe.run(job)["error"] <= 100


def test_results_and_tables(root, tmp_path, monkeypatch, capsys):
    class Inline(runs.ProcessPoolExecutor):
        def __init__(self, workers, context, initializer, initargs): ...
        def __exit__(self, *unused): ...
        def submit(self, function, *arguments):
            future = runs.Future()
            future.set_result(function(*arguments))
            return future

    threads = torch.get_num_threads()
    monkeypatch.setattr(runs, "ProcessPoolExecutor", Inline)
    command = ["--tasks", "hausa", "--methods", "plain", "oracle", "--seeds", "2", "--steps", "3", "--jobs", "1"]
    command += ["--data-root", str(root), "--runs", str(tmp_path), "--output", str(tmp_path / "table.md")]
    recipe.main(command)
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert len(lines) == 4
    assert json.loads(lines[0])["task"] == "hausa"
    assert "(2)" in (tmp_path / "table.md").read_text()
    recipe.main(command)
    assert (tmp_path / "results.jsonl").read_text().splitlines() == lines
    assert "hausa" in capsys.readouterr().out
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--tasks", "mnist-pair-4"], "did you mean 'mnist-pair-40'"),
        (["--methods", "techer"], "did you mean 'teacher'"),
        (["--seeds", "0"], "must be at least 1"),
        (["--tasks", "hausa", "--data-root", "/nowhere"], "put the publisher's files there"),
    ],
)
def test_bad_arguments(arguments, sentence, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        recipe.main([*arguments, "--runs", str(tmp_path)])
    assert left.value.code == 2
    assert sentence in capsys.readouterr().err
