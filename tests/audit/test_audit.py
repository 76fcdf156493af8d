"""The audit of a real run: it finds the wrong labels, says what they should be, and refuses what does not fit."""

import json
import shutil

import numpy as np
import pytest
import torch
from benchmarks.torture.sealing import seal

from reweigh.audit import audit_run
from reweigh.audit.export import columns
from reweigh.audit.quality import capped
from reweigh.cli.guard import run
from reweigh.errors import BadInput
from reweigh.metrics import auroc


def test_the_ranking_finds_the_wrong_labels(audited):
    wrong = audited.corrupted
    assert auroc(torch.tensor(-audited.quality), torch.tensor(wrong)) > 0.95
    assert wrong[audited.order[:13]].all()  # one per cent
    assert wrong[audited.order[: wrong.sum()]].mean() > 0.9


def test_it_says_what_the_label_should_be(audited):
    wrong, truth = audited.corrupted, audited.examples.true_y.numpy()
    issues = audited.issue
    assert (audited.suggested == truth)[wrong & issues].mean() > 0.8
    assert (audited.suggested_probability >= audited.given_probability).all()
    assert wrong[issues].mean() > 0.8
    assert issues[wrong].mean() > 0.9


def test_it_says_how_many_are_wrong_and_of_which_kind(audited):
    wrong, estimate = audited.corrupted, audited.estimate
    assert abs((1 - estimate.share) - wrong.mean()) < 0.08
    assert estimate.interval[0] < estimate.share < estimate.interval[1]
    low, high = estimate.class_interval
    assert (low <= estimate.class_share + 1e-9).all()
    assert (estimate.class_share <= high + 1e-9).all()
    assert estimate.kinds["tempting"] > 0.2
    assert set(audited.judged.kind[audited.issue]) <= {"tempting", "at_random"}
    assert set(audited.judged.kind[audited.suggested == audited.given]) == {""}
    assert "% of the labels look wrong" in audited.sentence()


def test_pairs_are_counted_with_an_interval(audited):
    estimate, wrong = audited.estimate, audited.corrupted
    into = np.bincount(audited.given[wrong], minlength=10).argmax()
    assert estimate.pairs.sum(1).argmax() == into
    low, high = estimate.pair_interval
    assert low.shape == high.shape == (10, 10)
    assert (low <= high).all()


def test_right_and_helpful_are_two_things(audited):
    wrong = audited.corrupted
    assert set(audited.standing) <= {"right", "right, but not needed", "wrong, and used", "wrong, and harmful", ""}
    harmful = audited.standing == "wrong, and harmful"
    assert harmful.sum() > 100
    assert wrong[harmful].mean() > 0.8
    used = audited.mean_weight > 0.1
    assert not used[harmful].any()
    assert used[audited.standing == "right"].all()


def test_its_weights_are_by_rightness(audited):
    weights, wrong = audited.sample_weight, audited.corrupted
    assert weights.mean() == pytest.approx(1)
    assert weights[wrong].mean() < 0.2 * weights[~wrong].mean()


def test_of_right_labels_it_says_so(tmp_path):
    assert run(["train", "--dataset", "digits", "--steps", "180", "--lr", "0.05", "--output", str(tmp_path)]) == 0
    audit = audit_run(tmp_path)
    assert audit.estimate.share > 0.97
    assert audit.issue.mean() < 0.02
    assert audit.noise_rates.max() < 0.06


def test_the_same_run_is_judged_alike_and_generators_stay(finished, audited):
    before = torch.get_rng_state()
    again = audit_run(finished)
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(again.judged.right, audited.judged.right)
    assert np.array_equal(again.order, audited.order)


def test_where_right_cannot_be_told_from_wrong_there_is_no_number(tmp_path, capsys):
    """Labels that have nothing to do with the inputs: what training trusted ranks them, and a sentence stands there."""
    g, rows = np.random.default_rng(2), ["p,q,y,ok"]
    for i in range(300):
        p, q = g.normal(size=2)
        rows.append(f"{p:.3f},{q:.3f},{'ab'[g.integers(2)]},{int(i < 20)}")
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    said = ["--train", str(tmp_path / "mine.csv"), "--target", "y", "--clean-column", "ok", "--steps", "60"]
    assert run(["train", *said, "--rule", "l2rw", "--quick", "--output", str(tmp_path / "run")]) == 0
    audit = audit_run(tmp_path / "run")
    assert audit.estimate is None
    assert audit.judged is not None
    assert np.isnan(audit.noise_rates).all()
    assert "checked examples cannot tell right labels from wrong ones here" in audit.sentence()
    capsys.readouterr()
    assert run(["audit", str(tmp_path / "run"), "--output", str(tmp_path / "audit.csv")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "checked examples cannot tell right labels" in shown
    assert "Issues (trusted less than 50%" in shown


def test_a_regression_says_how_many_targets_are_wrong_and_suggests_what_students_foretell(numbers_audited):
    audit, wrong = numbers_audited
    low, high = (1 - end for end in reversed(audit.estimate.interval))
    assert low <= wrong.mean() <= high
    assert abs((1 - audit.estimate.share) - wrong.mean()) < 0.06
    assert auroc(torch.tensor(-audit.quality), torch.tensor(wrong)) > 0.75
    assert "of the targets look wrong" in audit.sentence()
    assert list(audit.estimate.kinds) == ["exchanged"]
    assert len(audit.noise_rates) == len(audit.groups.names) == 5
    assert (
        audit.noise_rates[[0, -1]].min() > audit.noise_rates[1:-1].max()
    )  # where exchanged ones are far from the truth
    truth = np.abs(audit.suggested - audit.given)[audit.issue]
    assert (truth > 0).all()  # in the target's own units
    assert truth.mean() > audit.given.std() / 2
    assert np.array_equal(audit.suggested[~audit.issue], audit.given[~audit.issue])
    assert audit.sample_weight[wrong].mean() < 0.7 * audit.sample_weight[~wrong].mean()


def test_of_several_labels_it_says_which_are_wrong(labels_audited):
    audit, wrong = labels_audited
    of_all, any_wrong = audit.judged.of_all, wrong.any(1)
    each = of_all.each[~of_all.checked]
    assert np.allclose(audit.judged.right, each.prod(1))
    assert auroc(torch.tensor(1 - each.ravel()), torch.tensor(wrong.ravel())) > 0.8
    assert auroc(torch.tensor(-audit.quality), torch.tensor(any_wrong)) > 0.75
    assert abs((1 - audit.estimate.share) - any_wrong.mean()) < 0.08
    assert abs((1 - each).mean() - wrong.mean()) < 0.04
    changed = audit.suggested != audit.given
    assert np.array_equal(changed.any(1), audit.issue)
    assert wrong[changed].mean() > 5 * wrong[~changed].mean()
    assert set(audit.judged.kind) == {"", "missing", "too_many", "missing, too_many"}
    assert np.allclose(audit.noise_rates, (1 - each).mean(0))
    assert "of the examples look wrong in some label" in audit.sentence()


def test_what_is_told_of_labels_and_numbers_is_exported(numbers_audited, labels_audited):
    for audit, _ in (numbers_audited, labels_audited):
        table = columns(audit)
        assert np.array_equal(table["label_quality"], audit.judged.right[audit.order])
        assert set(table["standing"]) <= {"right", "right, but not needed", "wrong, and used", "wrong, and harmful", ""}
        kinds = np.asarray(table["kind_of_wrongness"])
        assert np.array_equal(kinds != "", audit.issue[audit.order])
    table = columns(labels_audited[0])
    assert table["suggested_label"][0] != table["given_label"][0]


def test_a_regression_that_nobody_can_foretell_has_no_number(unforeseen_audited):
    audit = unforeseen_audited
    assert audit.judged is not None
    assert audit.estimate is None
    assert "checked examples cannot tell right labels from wrong ones here (exchanged: AUROC" in audit.sentence()
    assert np.isnan(audit.noise_rates).all()
    assert np.array_equal(audit.sample_weight, capped(np.nan_to_num(audit.mean_weight)))


def test_noise_rates_of_the_classes_are_near_the_known_ones(audited):
    known = audited.per_class(audited.corrupted)
    assert np.abs(audited.noise_rates - known).max() < 0.15
    assert known.max() > 0.7


def test_the_confusion_counts_every_example_once(audited):
    assert audited.confusion.sum() == len(audited) == 1342
    assert audited.confusion.sum(1).tolist() == np.bincount(audited.given, minlength=10).tolist()
    assert audited.confusion.trace() == (audited.given == audited.suggested).sum()


def test_columns_are_the_ledgers_by_id(audited, finished):
    from reweigh import Ledger

    summary = Ledger.read(finished / "ledger").summary()
    by_id = dict(zip(summary.id.tolist(), summary.mean_weight.tolist(), strict=True))
    ids = audited.examples.ids.tolist()
    assert len(by_id) == len(ids)
    assert audited.mean_weight.tolist() == [by_id[name] for name in ids]


def test_examples_that_were_never_seen_in_training_are_judged_all_the_same(tmp_path):
    assert (
        run(["train", "--dataset", "digits", "--noise", "background:0.4", "--steps", "4", "--output", str(tmp_path)])
        == 0
    )
    audit = audit_run(tmp_path)
    unseen = np.isnan(audit.mean_weight)
    assert 900 < unseen.sum() < 1000  # four batches of about 100 of the 1,342
    assert not np.isnan(audit.quality).any() or audit.estimate is None
    assert set(audit.standing[unseen]) == {""}


def test_thresholds(finished):
    with pytest.raises(BadInput, match="from 0 to 1"):
        audit_run(finished, threshold=1.5)
    assert audit_run(finished, threshold=0).issue.sum() == 0


def test_a_run_that_trusts_everybody_alike_says_which_labels_are_right(tmp_path):
    said = ["--dataset", "digits", "--noise", "background:0.4", "--rule", "uniform", "--steps", "180", "--lr", "0.05"]
    assert run(["train", *said, "--output", str(tmp_path)]) == 0
    audit = audit_run(tmp_path)
    assert auroc(torch.tensor(-audit.quality), torch.tensor(audit.corrupted)) > 0.95
    assert set(audit.standing) == {"right", "wrong, and used"}


def test_where_nothing_tells_it_says_what_would(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(2, 200))  # which have nothing to do with each other
    rows = ["p,y,ok", *(f"{a:.3f},{b:.3f},{int(i < 40)}" for i, (a, b) in enumerate(zip(x, y, strict=True)))]
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    said = ["--train", str(tmp_path / "mine.csv"), "--target", "y", "--clean-column", "ok", "--steps", "20"]
    assert run(["train", *said, "--task", "regression", "--rule", "uniform", "--output", str(tmp_path / "run")]) == 0
    with pytest.raises(
        BadInput, match=r"the rule uniform trusted every example of .* alike, and right labels cannot be told"
    ):
        audit_run(tmp_path / "run")


def rewrite(path, **changes):
    content = json.loads(path.read_text())
    for name, value in changes.items():
        content = content | {name: value(content[name]) if callable(value) else value}
    path.write_text(json.dumps(content))


def swap_ledger(folder, tmp_path):
    other = tmp_path / "other"
    arguments = ["--dataset", "digits", "--noise", "background:0.4", "--steps", "180", "--seed", "1"]
    assert run(["train", *arguments, "--output", str(other)]) == 0
    shutil.rmtree(folder / "ledger")
    shutil.copytree(other / "ledger", folder / "ledger")


def other_labels(folder, tmp_path):
    """The settings changed by hand, and the ledger's mark with them: only the data can tell."""
    from reweigh.ledger.parts import read_part, write_part
    from reweigh.run.folder.run_folder import run_mark

    rewrite(folder / "config.json", settings=lambda settings: settings | {"noise": "background:0.2"})
    mark = run_mark(json.loads((folder / "config.json").read_text())["settings"])
    for epoch in range(1, 1 + len(list((folder / "ledger").iterdir()))):
        write_part(folder / "ledger", epoch, read_part(folder / "ledger", epoch)[0], mark)
    seal(folder)


def cut(name):
    def damage(folder, _):
        (folder / name).write_bytes((folder / name).read_bytes()[:100])

    return damage


def remove(name):
    return lambda folder, _: (folder / name).unlink()


DAMAGES = {
    "no config": (remove("config.json"), "there is no run in"),
    "config is no JSON": (cut("config.json"), "cannot be read as JSON"),
    "config without settings": (lambda f, _: rewrite(f / "config.json", settings=None), "has no 'settings'"),
    "an unknown setting": (
        lambda f, _: rewrite(f / "config.json", settings={"dataset": "digits", "x": 1}),
        "no setting 'x'",
    ),
    "unfinished": (remove("summary.json"), "is not finished: go on with"),
    "summary without accuracy": (lambda f, _: rewrite(f / "summary.json", test_accuracy="high"), "'test_accuracy'"),
    "too few metrics": (cut("metrics.jsonl"), "metrics.jsonl"),
    "no model": (remove("model.safetensors"), "model.safetensors is missing"),
    "half a model": (cut("model.safetensors"), "model.safetensors is damaged"),
    "no ledger": (lambda f, _: shutil.rmtree(f / "ledger"), "there is no ledger in"),
    "half a part": (cut("ledger/epoch-00003.parquet"), "epoch-00003.parquet is damaged"),
    "a part missing": (remove("ledger/epoch-00003.parquet"), "epoch-00003.parquet is missing"),
    "the last part missing": (remove("ledger/epoch-00013.parquet"), "has 12 epochs but the run has 13"),
    "ledger of another run": (swap_ledger, "is of another run"),
    "data that have changed": (other_labels, "do not agree on the example with id"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_run_that_does_not_fit_together_is_one_sentence(name, damaged, tmp_path, capsys):
    damage, said = DAMAGES[name]
    damage(damaged, tmp_path)
    capsys.readouterr()
    assert run(["audit", str(damaged), "--output", str(tmp_path / "audit.csv")]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1
    assert "Traceback" not in captured.err
    assert not (tmp_path / "audit.csv").exists()


def test_the_warm_up_says_nothing_of_anybody(tmp_path):
    said = ["--dataset", "digits", "--noise", "background:0.4", "--steps", "168", "--lr", "0.05", "--warm-up", "140"]
    assert run(["train", *said, "--output", str(tmp_path)]) == 0
    audit = audit_run(tmp_path)  # 14 steps an epoch: 10 epochs of warm-up, 2 of weights
    assert set(np.unique(audit.zero_share)) == {0.0, 0.5, 1.0}
    assert audit.corrupted[audit.order[:50]].mean() > 0.9
    assert audit.issue.any()


def test_a_run_on_the_checked_rows_alone_is_audited_by_rightness(tmp_path, capsys):
    """The rule that is chosen by itself may be this one, and whoever takes the default wants the suspects all the same."""
    g = np.random.default_rng(0)
    x = g.normal(size=(600, 4)).round(3)
    truth, ok = (x[:, 0] + x[:, 1] > 0).astype(int), (np.arange(600) < 80).astype(int)
    wrong = (g.random(600) < 0.2) & (ok == 0)
    rows = zip(*x.T, np.where(wrong, 1 - truth, truth), ok, strict=True)
    (tmp_path / "mine.csv").write_text("a,b,c,d,label,ok\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    said = ["--train", str(tmp_path / "mine.csv"), "--target", "label", "--clean-column", "ok", "--steps", "100"]
    folder = tmp_path / "run"
    assert run(["train", *said, "--rule", "checked-only", "--quick", "--output", str(folder)]) == 0
    audit = audit_run(folder)
    assert audit.estimate is not None
    assert np.isnan(audit.mean_weight).all()
    assert auroc(torch.tensor(-audit.quality), torch.tensor(wrong[ok == 0])) > 0.9
    assert set(audit.standing) == {""}
    capsys.readouterr()
    assert run(["audit", str(folder), "--top", "3"]) == 0
    shown = capsys.readouterr().out
    assert "nan" not in shown
    assert "By label and use" not in shown
    assert run(["report", str(folder), "--output", str(tmp_path / "page.html")]) == 0
    assert ">nan" not in (tmp_path / "page.html").read_text()
