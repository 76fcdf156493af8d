"""The recipe on tiny synthetic pictures, written as the publisher's idx files."""

import gzip
import importlib.util
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import runs

PATH = Path(__file__).parents[2] / "recipes" / "mnist_imbalance.py"


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("mnist_imbalance", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mnist_imbalance"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["mnist_imbalance"]


def write_idx(path: Path, values: np.ndarray) -> None:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(header + values.tobytes())


def write_part(folder: Path, name: str, count: int, random: np.random.Generator) -> None:
    """Dim noise, a bright left half for a 4 and a bright right half for a 9."""
    labels = np.resize(np.array([4, 9, 1], dtype=np.uint8), count)
    images = random.integers(0, 60, (count, 28, 28), dtype=np.uint8)
    images[labels == 4, :, :14] += 180
    images[labels == 9, :, 14:] += 180
    write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
    write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    write_part(folder, "train", 900, random)
    write_part(folder, "t10k", 780, random)
    return root


@pytest.fixture
def one_process(recipe, monkeypatch):
    """Runs in this process, so that the test starts no others."""

    class Inline:
        def __init__(self, workers, context, initializer, initargs):
            initializer(*initargs)

        def __enter__(self):
            return self

        def __exit__(self, *unused):
            return None

        def submit(self, function, *arguments):
            future = runs.Future()
            future.set_result(function(*arguments))
            return future

    threads = torch.get_num_threads()
    monkeypatch.setattr(runs, "ProcessPoolExecutor", Inline)
    yield
    torch.set_num_threads(threads)


def job(recipe, variant="paper", method="l2rw", **changes):
    settings = {"ratio": 200.0, "seed": 0, "steps": 0, "images": 5000, **changes}
    return recipe.Job(variant, method=method, **settings)


def pool(recipe, fours: int = 400, nines: int = 5200):
    labels = torch.tensor([0] * fours + [1] * nines)
    ids = torch.arange(len(labels))
    return recipe.Examples(ids[:, None].float(), labels, ids, ("4", "9"))


def command(root: Path, runs: Path, *more: str) -> list[str]:
    return ["--data-root", str(root), "--runs", str(runs), "--images", "60", "--ratio", "5", "--jobs", "1", *more]


def test_every_method_and_variant_gives_a_cell_and_a_second_run_repeats_nothing(
    recipe, root, one_process, tmp_path, capsys
) -> None:
    arguments = command(root, tmp_path / "runs", "--steps", "2", "--seeds", "1", "--output", str(tmp_path / "t.md"))
    recipe.main(arguments)
    results = tmp_path / "runs" / "results.jsonl"
    first = results.read_text()
    assert len(first.splitlines()) == 2 * len(recipe.METHODS)
    written = (tmp_path / "t.md").read_text()
    assert "paper, 5:1" in written
    assert "released, 5:1" in written
    assert all(f"| {method} |" in written for method in recipe.METHODS)
    assert "–" not in written
    recipe.main(arguments)
    assert results.read_text() == first


def test_an_interrupted_line_is_run_again_and_the_file_stays_readable(recipe, root, one_process, tmp_path) -> None:
    arguments = command(root, tmp_path, "--steps", "1", "--seeds", "2", "--variant", "paper", "--methods", "plain")
    recipe.main(arguments)
    path = tmp_path / "results.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-20])
    recipe.main(arguments)
    results = runs.read_results(path, recipe.Job)
    assert {key.seed for key in results} == {0, 1}


def test_a_run_is_reproducible(recipe, root) -> None:
    threads = torch.get_num_threads()
    recipe.prepare(str(root))
    task = job(recipe, ratio=5.0, images=60, steps=4)
    models = [recipe.train(task, *recipe.lopsided(task, recipe._data.train)) for _ in range(2)]
    torch.set_num_threads(threads)
    first, second = (model.state_dict() for model in models)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_plain_training_learns_the_halves(recipe, root) -> None:
    threads = torch.get_num_threads()
    recipe.prepare(str(root))
    result = recipe.run(job(recipe, "released", "resampling", ratio=3.0, images=200, steps=30))
    torch.set_num_threads(threads)
    assert result["error"] < 5


def test_leaving_out_examples_of_weight_zero_gives_the_whole_gradient(recipe, root) -> None:
    recipe.prepare(str(root))
    for method in sorted(recipe.SPARSE):
        task = job(recipe, method=method, ratio=5.0, images=60)
        train_set, clean = recipe.lopsided(task, recipe._data.train)
        model = recipe.build("lenet", input_shape=(1, 28, 28), classes=1)
        batch = train_set.batch(torch.arange(40))
        for use in ("backward", "sparse_backward"):
            rule = recipe.make_rule(task, train_set.y)
            reweigher = recipe.Reweigher(
                model, recipe.per_example_loss, rule=rule, clean=clean.batch(torch.arange(len(clean)))
            )
            model.zero_grad()
            if use == "backward":
                reweigher.backward(batch)
                whole = [p.grad.clone() for p in model.parameters()]
            else:
                recipe.sparse_backward(reweigher, model, batch)
        for expected, parameter in zip(whole, model.parameters(), strict=True):
            assert torch.allclose(expected, parameter.grad, atol=1e-5, rtol=1e-3), method


@pytest.mark.parametrize(
    ("variant", "method", "ratio", "fours", "nines"),
    [
        ("paper", "l2rw", 200.0, 25, 4975),
        ("paper", "plain", 20.0, 238, 4762),
        ("released", "l2rw", 200.0, 20, 4970),
        ("released", "plain", 200.0, 25, 4975),
        ("released", "random", 20.0, 250, 4750),
    ],
)
def test_the_training_sets_have_the_sizes_of_the_paper_and_of_its_code(
    recipe, variant, method, ratio, fours, nines
) -> None:
    task = job(recipe, variant, method, ratio=ratio)
    train_set, clean = recipe.lopsided(task, pool(recipe))
    assert torch.bincount(train_set.y).tolist() == [fours, nines]
    assert torch.bincount(clean.y).tolist() == [5, 5]
    shared = torch.isin(clean.ids, train_set.ids)
    assert shared.all() if variant == "paper" or method != "l2rw" else not shared.any()


def test_the_released_test_set_has_250_of_each(recipe) -> None:
    test = pool(recipe, 300, 310)
    assert torch.bincount(recipe.tested_on(job(recipe, "released"), test).y).tolist() == [250, 250]
    assert len(recipe.tested_on(job(recipe, "paper"), test)) == 610


def test_steps_and_batches_are_the_variants_own(recipe) -> None:
    assert job(recipe, "paper", "l2rw").steps_to_take == 8000
    assert job(recipe, "released", "l2rw").steps_to_take == 4000
    assert job(recipe, "released", "plain").steps_to_take == 8000
    assert job(recipe, "released", "hard-mining").batch_size == 500
    assert job(recipe, "paper", "hard-mining").batch_size == 100
    assert job(recipe, steps=7).steps_to_take == 7


def test_proportion_sums_to_one_on_average_in_the_paper_and_not_in_the_code(recipe) -> None:
    labels = torch.tensor([0] * 25 + [1] * 4975)
    rule = recipe.make_rule(job(recipe, "paper", "proportion"), labels)
    batches = labels.view(50, 100)
    sums = [
        rule.weigh(recipe.Evidence(100, torch.zeros(()), {"y": y}, look_up=lambda b: b["y"])).sum() for y in batches
    ]
    assert torch.allclose(torch.stack(sums).mean(), torch.tensor(1.0))
    released = recipe.make_rule(job(recipe, "released", "proportion"), labels)
    assert torch.allclose(released._weights, torch.tensor([0.995, 0.005]))


def test_plain_batches_go_through_every_image_once_an_epoch(recipe) -> None:
    labels = torch.zeros(250, dtype=torch.int64)
    batches = recipe.row_batches(job(recipe, method="plain"), recipe.Uniform(), labels)
    rows = torch.cat([next(batches) for _ in range(5)])
    assert torch.bincount(rows).tolist() == [2] * 250


def test_resampled_batches_are_balanced(recipe) -> None:
    labels = torch.tensor([0] * 25 + [1] * 4975)
    batches = recipe.row_batches(job(recipe, method="resampling"), recipe.ClassResampling(), labels)
    drawn = labels[torch.cat([next(batches) for _ in range(50)])]
    assert drawn.double().mean().item() == pytest.approx(0.5, abs=0.04)


def test_missing_data_is_one_sentence_and_exit_code_2(recipe, root, tmp_path, capsys) -> None:
    folder = tmp_path / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for path in (root / "MNIST" / "raw").iterdir():
        (folder / path.name).write_bytes(path.read_bytes()[: 200 if "t10k-images" in path.name else None])
    with pytest.raises(SystemExit) as left:
        recipe.main(command(tmp_path / "data", tmp_path / "runs", "--steps", "1"))
    assert left.value.code == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("error: ")
    assert "cut short" in said
    assert "\n" not in said


@pytest.mark.parametrize("wrong", [["--ratio", "1"], ["--seeds", "0"], ["--variant", "other"], ["--jobs", "0"]])
def test_wrong_options_are_refused(recipe, wrong, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        recipe.main(wrong)
    assert left.value.code == 2
