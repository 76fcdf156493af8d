"""The whole way of pairs of texts, as a user goes it: train, go on after a kill, translate, look at them, hand them on."""

import csv
import json
import signal

import numpy as np
import pyarrow.parquet as pq
import pytest
import sacrebleu
import torch

from made_up_pairs import pairs, three_files
from reweigh.audit import audit_run
from reweigh.cli.guard import run
from reweigh.metrics import auroc
from reweigh.predict import predict_new
from reweigh.run.start import start
from reweigh.settings import Settings

from .conftest import Nobody
from .test_resume_own import finish, results_of


def settings(folder, **more):
    files = {"train": f"{folder}/pairs.tsv", "clean": f"{folder}/checked.tsv", "source": "de", "target": "en"}
    return {**files, "batch_size": 64, **more}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    three_files(folder)
    return folder


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("translation") / "run"
    start(Settings.of(**settings(files, epochs=3)), folder, Nobody())
    return folder


@pytest.mark.slow
def test_a_killed_run_ends_with_the_same_files(files, trained, tmp_path, in_process):
    folder, said = tmp_path / "run", settings(files, epochs=3)
    assert finish(in_process(said, folder, 7)) == -signal.SIGKILL
    assert finish(in_process(said, folder)) == 0
    assert results_of(folder) == results_of(trained)


def test_what_is_usual_for_pairs_and_what_the_summary_says(trained):
    told = json.loads((trained / "config.json").read_text())["settings"]
    usual = {"rule": "drawn", "layers": ["body"], "contrast": "input", "label_smoothing": 0.1, "lr_warm_up": 100,
             "model": "translator-tiny", "task": None}  # fmt: skip
    assert {name: told[name] for name in usual} == usual
    summary = json.loads((trained / "summary.json").read_text())
    assert summary["score"] == "test_bleu"
    assert summary["scored_by"]["test_bleu"].startswith("nrefs:1|case:mixed")
    assert "not chosen yet" in summary["engine"]  # nothing is aligned
    weights = pq.read_table(trained / "weights.parquet")
    assert weights.column("given_label")[0].as_py() == pairs(300, 0, 0.3)[0][0][1]


def test_files_are_translated_and_scored_as_sacrebleu_does(files, trained, tmp_path, capsys):
    for beam, name in (("1", "out.txt"), ("3", "out.csv")):
        command = ["predict", str(trained), str(files / "new.tsv"), "--output", str(tmp_path / name), "--beam", beam]
        assert run(command) == 0
    shown = capsys.readouterr().out
    assert "Against the targets in" in shown
    assert "BLEU: nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp" in shown
    said = (tmp_path / "out.txt").read_text().split("\n")[:-1]
    assert len(said) == 20
    with (tmp_path / "out.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 20
    found = predict_new(trained, files / "new.tsv")
    wanted = [target for _, target in pairs(20, 2)[0]]
    assert found.scores["test_bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, [wanted]).score, abs=1e-6)


def test_pairs_are_looked_at_from_both_sides_and_handed_on(trained, tmp_path, capsys):
    assert run(["audit", str(trained), "--output", str(tmp_path / "audit.csv"), "--top", "3"]) == 0
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.split("\n") if str(tmp_path) not in line) <= 80
    assert "source" in shown
    with (tmp_path / "audit.csv").open() as file:
        rows = list(csv.DictReader(file))
    given = pairs(300, 0, 0.3)[0]
    assert len(rows) >= 280
    assert all((row["source"], row["given_label"]) == given[int(row["id"].removeprefix("row "))] for row in rows)
    assert run(["export", str(trained), str(tmp_path / "corpus"), "--to", "marian"]) == 0
    source, target, weights = ((tmp_path / f"corpus.{end}").read_text().split("\n") for end in ("de", "en", "weights"))
    assert len(source) == len(target) == len(weights) == len(rows) + 1
    assert list(zip(source, target, strict=True))[:-1] == [
        row for row in given if row in set(zip(source, target, strict=True))
    ]
    assert np.mean([float(weight) for weight in weights[:-1]]) == pytest.approx(1, abs=1e-4)
    assert run(["export", str(trained), str(tmp_path / "corpus"), "--to", "marian"]) == 2
    assert "corpus.de exists" in capsys.readouterr().err


ALIGNED = ("l2rw", "smoothed", "meta-weight-net", "deep-interaction")
OTHERS = ("uniform", "checked-only", "fine-tuned", "small-loss")


@pytest.mark.parametrize("rule", [*ALIGNED, *OTHERS, pytest.param("rho-loss", marks=pytest.mark.slow)])
def test_other_rules_weigh_pairs_too(rule, files, tmp_path):
    summary = start(Settings.of(**settings(files, rule=rule, steps=2)), tmp_path / "run", Nobody())
    assert summary["rule"] == rule
    assert ("Ghost" in summary["engine"]) == (rule in ALIGNED)
    assert summary["test_chrf"] >= 0


def test_a_rule_of_classes_is_refused(files, tmp_path, capsys):
    command = ["train", "--output", str(tmp_path / "run"), "--rule", "verifier"]
    options = [word for name, value in settings(files).items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert run([*command, *options]) == 2
    assert "looks at each example's class, and the task is translation" in capsys.readouterr().err


def test_without_checked_pairs_to_judge_by_all_count_alike(files, tmp_path):
    lines = (files / "checked.tsv").read_text().split("\n")
    (tmp_path / "few.tsv").write_text("\n".join(lines[:3]) + "\n")
    said = settings(files, steps=2) | {"clean": str(tmp_path / "few.tsv"), "test": str(files / "new.tsv")}
    assert start(Settings.of(**said), tmp_path / "run", Nobody())["rule"] == "uniform"


def test_what_is_drawn_is_ranked_by_how_it_was_drawn(trained):
    found = audit_run(trained)
    ours = ~torch.isin(found.examples.ids, found.checked.ids).numpy()
    assert found.judged is not None
    assert np.array_equal(found.trust[ours], found.judged.right[ours])
    assert found.mean_weight.mean() == pytest.approx(1)
    assert np.ptp(found.mean_weight) > 0.01


@pytest.mark.slow
def test_translations_are_learnt_though_a_third_of_the_pairs_is_misaligned(files, tmp_path):
    start(Settings.of(**settings(files, steps=600, batch_size=50)), tmp_path / "run", Nobody())
    found = audit_run(tmp_path / "run")
    assert found.run.score > 90
    wrong = torch.tensor(pairs(300, 0, 0.3)[1])[found.examples.ids]
    assert auroc(-torch.from_numpy(found.mean_weight), wrong) > 0.95
    assert auroc(-torch.from_numpy(found.quality), wrong) > 0.85
