"""The CIFAR recipe's parts: how labels are made wrong, features that are asked for once, every row on made-up examples."""

import numpy as np
import pytest
import torch

import cifar
import cifar_data
from cifar import NOT_RUN, ROWS, Job, results_in, run, settings_of, table
from cifar_data import KINDS, images, parts_of, principal, said
from cifar_networks import NETWORKS, FastNet, fast, whitening_of
from reweigh.data import Examples, Splits
from reweigh.errors import BadInput
from reweigh.run.finished import trained_model
from runs import add_result
from told import told_of

COUNT, CHECKED = 1_500, 100


def made(count, first, seed):
    """Ten classes that lie well apart."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % 10
    x = 3 * torch.eye(10, 16)[y] + torch.randn(count, 16, generator=generator)
    return Examples(x, y, torch.arange(first, first + count), tuple("abcdefghij"))


@pytest.fixture(scope="module")
def whole():
    return Splits(made(COUNT, 0, 0), made(200, COUNT, 1))


def share(parts):
    return float(parts.given.corrupted.double().mean())


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [("clean", 0), ("uniform-20", 0.2), ("uniform-40", 0.4), ("uniform-60", 0.6), ("uniform-80", 0.8), ("pair-40", 0.4),
     ("background-40", 0.36), ("tail-100", 0)],
)  # fmt: skip
def test_so_many_labels_are_wrong_and_none_of_the_checked(kind, wrong, whole, tmp_path):
    parts = parts_of(whole, kind, CHECKED, 3, tmp_path)
    assert abs(share(parts) - wrong) < 0.05
    assert parts.checked.y.bincount().tolist() == [10] * 10
    assert torch.equal(parts.checked.y, whole.train.y[parts.checked.ids])
    assert not bool(torch.isin(parts.given.ids, parts.checked.ids).any())
    assert torch.equal(parts.given.true_y, whole.train.y[parts.given.ids])


@pytest.mark.parametrize("kind", ["uniform-40", "pair-40", "background-40", "tail-100"])
def test_a_seed_makes_the_same_labels_wrong(kind, whole, tmp_path):
    one, again, other = (parts_of(whole, kind, CHECKED, seed, tmp_path).given for seed in (1, 1, 2))
    assert torch.equal(one.y, again.y)
    assert torch.equal(one.ids, again.ids)
    assert one.ids.shape != other.ids.shape or not torch.equal(one.y, other.y)


def test_the_kinds_are_what_they_are_called(whole, tmp_path):
    pair, background, tail = (
        parts_of(whole, kind, CHECKED, 0, tmp_path).given for kind in ("pair-40", "background-40", "tail-100")
    )
    assert bool(((pair.y - pair.true_y)[pair.corrupted] % 10 == 1).all())
    assert len(background.y[background.corrupted].unique()) == 1
    sizes = tail.y.bincount()
    assert sizes[0] == 140
    assert sizes[9] == 1 == sizes.min()


def test_labels_of_people_are_those_of_the_ids(whole, tmp_path):
    (tmp_path / "cifar-10n").mkdir()
    labels = np.arange(50_000) % 7
    np.save(tmp_path / "cifar-10n" / "human_random1.npy", labels)
    given = parts_of(whole, "10n-random1", CHECKED, 0, tmp_path).given
    assert given.y.tolist() == labels[given.ids].tolist()
    assert 0.5 < share(parts_of(whole, "10n-random1", CHECKED, 0, tmp_path)) < 1
    with pytest.raises(BadInput, match=r"human_worst\.npy: put one of them there"):
        parts_of(whole, "10n-worst", CHECKED, 0, tmp_path)


@pytest.mark.parametrize("kind", ["uniform-40", "background-40", "tail-100"])
def test_it_is_known_what_checked_images_would_have_been_called(kind, whole, tmp_path):
    parts = parts_of(whole, kind, CHECKED, 3, tmp_path)
    assert torch.equal(parts.called.ids, parts.checked.ids)
    wrong = float((parts.called.y != parts.checked.y).double().mean())
    assert abs(wrong - share(parts)) < 0.12
    if kind == "background-40":
        moved = parts.called.y != parts.checked.y
        assert parts.called.y[moved].unique().tolist() == parts.given.y[parts.given.corrupted].unique().tolist()


def test_features_are_asked_for_once(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar_data, "AT_ONCE", 4)
    asked = []

    def body(x):
        asked.append(len(x))
        return x.flatten(1)[:, :3]

    x = torch.rand(10, 3, 2, 2)
    found = said(body, x, tmp_path / "deep" / "part.npy")
    assert asked == [4, 4, 2]
    assert torch.equal(found, x.flatten(1)[:, :3].half())
    assert torch.equal(said(body, x, tmp_path / "deep" / "part.npy"), found)
    assert len(asked) == 3
    with pytest.raises(BadInput, match="has features of 10 images, and 9 are wanted"):
        said(body, x[:9], tmp_path / "deep" / "part.npy")


def test_all_images_are_shown_in_files_of_their_own(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(cifar_data, "A_PART", 600)
    monkeypatch.setattr(cifar_data, "load", lambda data, root: whole)
    monkeypatch.setattr(cifar_data, "_Body", lambda: lambda x: x)
    found = cifar_data.features("cifar10", tmp_path, tmp_path / "cache")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "cifar10-test-00000.npy", "cifar10-train-00000.npy", "cifar10-train-00600.npy", "cifar10-train-01200.npy",
    ]  # fmt: skip
    wanted = principal(whole.train.x.half().float(), whole.test.x.half().float())
    assert torch.equal(found.train.x, wanted[0])
    assert torch.equal(found.test.x, wanted[1])
    assert torch.equal(found.test.y, whole.test.y)


def test_components_keep_all_distances_where_they_are_all(whole):
    train, test = principal(whole.train.x, whole.test.x)
    size = train.square().mean().sqrt()
    assert abs(float(size) - 1) < 1e-4
    assert train.mean(0).abs().max() < 1e-4
    scale = torch.pdist(whole.train.x[:20]) / torch.pdist(train[:20])
    assert scale.std() < 1e-4 * scale.mean()
    between = torch.cdist(whole.test.x[:5], whole.train.x[:5]) / torch.cdist(test[:5], train[:5])
    assert torch.allclose(between, scale.mean().expand(5, 5), rtol=1e-3)
    assert bool((train.var(0).diff() < 1e-5).all())


def test_images_take_a_byte_a_pixel(monkeypatch, tmp_path):
    pixels = torch.randint(256, (20, 3, 4, 4), dtype=torch.uint8)
    part = Examples(pixels / 255, torch.arange(20) % 2, torch.arange(20), ("a", "b"))
    monkeypatch.setattr(cifar_data, "load", lambda data, root: Splits(part, part))
    assert torch.equal(images("cifar10", tmp_path).train.x, pixels)


# ---- networks


def pictures(count):
    return (255 * torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))).to(torch.uint8)


def test_patches_are_white_behind_the_first_layer():
    x = torch.rand(200, 3, 32, 32).cumsum(3) / 32
    seen = torch.nn.functional.conv2d(x, whitening_of(x)[:12]).transpose(0, 1).flatten(1)
    covariance = seen.cov()
    assert (covariance - covariance.diag().diag()).abs().max() < 0.02
    assert covariance.diag().max() < 1.1


def test_the_fast_network_is_the_seeds_and_does_not_learn_its_first_layer():
    x = pictures(50)
    one, again, other = (fast(x, 10, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(one.last.weight, other.last.weight)
    assert isinstance(one, FastNet)
    assert not one.first.weight.requires_grad
    assert one(x[:4] / 255).shape == (4, 10)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["resnet32", "fast", "wrn-28-10"])
def test_networks_of_images_train(network, tmp_path):
    y = torch.arange(120) % 10
    part = Examples(pictures(120), y, torch.arange(120), tuple("abcdefghij"))
    test = Examples(pictures(20), y[:20], torch.arange(120, 140), part.classes)
    small = 2 if network == "wrn-28-10" else 8
    NETWORKS[network].settings["batch_size"], before = small, NETWORKS[network].settings["batch_size"]
    try:
        job = Job("cifar10", network, "uniform-40", "plain + checked", 20, 2, 0)
        assert 0 <= run(job, parts_of(Splits(part, test), job.kind, 20, 0, tmp_path), 1)["accuracy"] <= 100
    finally:
        NETWORKS[network].settings["batch_size"] = before


# ---- rows


def job(row, kind="uniform-40", steps=60, seed=0):
    return Job("cifar10", "features", kind, row, CHECKED, steps, seed)


def result_of(row, whole, tmp_path, **more):
    one = job(row, **more)
    return run(one, parts_of(whole, one.kind, CHECKED, one.seed, tmp_path), 1)


def test_a_row_is_a_run_and_a_line(whole, tmp_path):
    result = result_of("L2RW", whole, tmp_path)
    assert result["accuracy"] > 50
    assert result["auroc"] > 0.6
    assert result["wrong"] == pytest.approx(0.4, abs=0.05)
    assert result["right_told"] is None
    add_result(tmp_path / "features.jsonl", result)
    add_result(tmp_path / "features.jsonl", {**result, "seed": 1, "accuracy": result["accuracy"] + 2})
    results = results_in(tmp_path)
    (setting,) = settings_of(results)
    assert str(setting) == "cifar10, features, 100 checked, 60 steps"
    assert table(results, setting, ("plain", "L2RW"))[:2] == [
        ["accuracy in %", "uniform-40", "seconds"], ["plain", NOT_RUN, ""],
    ]  # fmt: skip
    assert table(results, setting, ("L2RW",))[1][1] == f"{result['accuracy'] + 1:.2f} ± 1.41 (2)"


@pytest.mark.slow
def test_what_is_judged_is_told_and_counted(whole, tmp_path):
    result = result_of("judged", whole, tmp_path, steps=150)
    assert result["auroc"] > 0.9
    assert result["right_told"][1] - 0.05 < 0.6 < result["right_told"][2] + 0.05


def test_plain_training_trusts_all_alike(whole, tmp_path):
    found = {row: result_of(row, whole, tmp_path) for row in ("plain", "oracle filter", "checked only")}
    assert [one["auroc"] for one in found.values()] == [None] * 3
    assert found["oracle filter"]["accuracy"] > found["plain"]["accuracy"]


def test_cleanlab_leaves_out_what_it_finds_by_folds(whole, tmp_path, monkeypatch):
    pytest.importorskip("cleanlab")
    seen, fit = [], cifar.reweigh.fit
    monkeypatch.setattr(cifar.reweigh, "fit", lambda given, **more: seen.append(given) or fit(given, **more))
    result = result_of("cleanlab, pruned", whole, tmp_path)
    assert [len(given) for given in seen[:3]] == pytest.approx([2 * (COUNT - CHECKED) / 3] * 3, abs=1)
    assert 0.5 * (COUNT - CHECKED) < len(seen[3]) < 0.8 * (COUNT - CHECKED)
    assert float(seen[3].corrupted.double().mean()) < 0.15
    assert result["auroc"] > 0.9
    assert result["right_told"] is None


def test_a_linear_layer_has_nothing_hidden(whole, tmp_path, monkeypatch):
    names = []

    def noted(run):
        names.extend(trained_model(run, (16,), 10, None).state_dict())
        return told_of(run)

    monkeypatch.setattr(cifar, "told_of", noted)
    assert result_of("linear, checked only", whole, tmp_path, steps=200)["accuracy"] > 50
    assert names == ["layers.1.weight", "layers.1.bias"]


def test_small_loss_is_told_the_share(whole, tmp_path, monkeypatch):
    seen = {}
    fit = cifar.reweigh.fit
    monkeypatch.setattr(cifar.reweigh, "fit", lambda *data, **more: seen.update(more) or fit(*data, **more))
    wrong = result_of("small-loss", whole, tmp_path, steps=4)["wrong"]
    assert seen["rule_option"] == (f"share={wrong}",)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pair-40", "clean", "tail-100"])
@pytest.mark.parametrize("row", list(ROWS))
def test_every_row_runs(row, kind, whole, tmp_path):
    assert result_of(row, whole, tmp_path, kind=kind, steps=20)["accuracy"] > 10


def test_kinds_are_run_before_the_next_seed_and_none_twice(whole, tmp_path, monkeypatch, capsys):
    path, ran = tmp_path / "results", []

    def quick(one, parts, threads):
        ran.append((one.seed, one.kind, one.row))
        return {
            **vars(one), "accuracy": 90.0, "auroc": None, "wrong": 0.4, "right_told": None, "seconds": 1.0,
            "processor_seconds": 1.0,
        }  # fmt: skip

    monkeypatch.setattr(cifar, "run", quick)
    monkeypatch.setattr(cifar, "read", lambda *said: whole)
    monkeypatch.setattr(cifar, "one_thread", lambda: None)
    words = ["cifar.py", str(tmp_path), "--results", str(path), "--checked", "100", "--seeds", "0", "1"]
    monkeypatch.setattr("sys.argv", [*words, "--kinds", "clean", "pair-40", "--rows", "plain", "drawn"])
    cifar.main()
    assert ran == [(s, k, r) for s in (0, 1) for k in ("clean", "pair-40") for r in ("plain", "drawn")]
    cifar.main()
    assert len(ran) == 8
    monkeypatch.setattr("sys.argv", [*words, "--minutes", "0"])
    cifar.main()
    assert len(ran) == 8
    assert "the time is over: the same command goes on from here" in capsys.readouterr().out
    assert len(results_in(path)) == 8
    assert list(path.iterdir()) == [path / "features.jsonl"]
    assert set(KINDS) > {"clean", "pair-40"}


def test_a_mistake_is_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "cifar-10-batches-bin").mkdir()
    for name in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"):
        (tmp_path / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(b"short")
    monkeypatch.setattr("sys.argv", ["cifar.py", str(tmp_path), "--results", str(tmp_path / "r"), "--network", "fast"])
    with pytest.raises(SystemExit):
        cifar.main()
    assert capsys.readouterr().err.startswith("error: ")
    monkeypatch.setattr("sys.argv", ["cifar.py"])
    with pytest.raises(SystemExit):
        cifar.main()
    assert "say where the publishers' folders lie, or --table" in capsys.readouterr().err
