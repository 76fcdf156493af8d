"""The recipe of language models: a mix of which one half misleads, read from files, and weights that help."""

import random
from argparse import Namespace

import pytest
import torch

pytest.importorskip("peft")
pytest.importorskip("transformers")
import finetune_lora as recipe
from finetune_lora import Job, learnt_from, ranked, table
from lora_texts import Encoded, Texts, read
from questions import NAMES, NUMBERS, RULES, make_model, question, questions, written
from reweigh.scoring.model import Named, load

MORE = {"lr": 1e-3, "rank": 4, "batch_size": 16, "device": "cpu"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    rows = {"mix": questions(60, "mix", 0.5), "target": questions(20, "target"), "test": questions(30, "test")}
    return {"model": make_model(folder / "model", 0, steps=2)} | {
        name: written(folder / f"{name}.jsonl", some) for name, some in rows.items()
    }


@pytest.mark.parametrize("wrong", [False, True])
def test_answers_follow_the_rule_of_the_name_or_another(wrong):
    draw = random.Random(0)
    for _ in range(50):
        row = question(draw, wrong=wrong, names=4)
        name, start = row["prompt"].split()[0], int(row["prompt"].split()[2])
        step = (int(row["response"].split()[-1]) - start) % NUMBERS
        assert (RULES[NAMES[name]] == step) == row["right"] == (not wrong)
        assert step in RULES.values()


def test_so_many_mislead_and_the_same_seed_asks_the_same():
    rows = questions(100, "a", 0.5, names=2)
    assert sum(not row["right"] for row in rows) == 50
    assert rows == questions(100, "a", 0.5, names=2) != questions(100, "b", 0.5, names=2)
    assert {row["prompt"].split()[0] for row in rows} == set(list(NAMES)[:2])


def test_files_are_read_as_tokens_of_which_answers_count(files):
    loaded = load(Named(f"hf:{files['model']}"), torch.device("cpu"))
    mix, target = read(files["mix"], loaded), read(files["target"], loaded)
    assert int(mix.right.sum()) == 30
    batch = mix.batch([3, 5])
    assert batch["input_ids"].shape == batch["labels"].shape == (2, 8)
    assert (batch["labels"] != -100).sum(1).tolist() == [4, 4]  # it is 8 <end>
    assert batch["id"].tolist() == [3, 5]
    assert len(learnt_from(recipe.ROWS["right answers alone"], mix, target).rows) == 30
    assert len(learnt_from(recipe.ROWS["plain + checked"], mix, target).rows) == 80
    with pytest.raises(SystemExit, match="nobody says which rows are right"):
        learnt_from(recipe.ROWS["right answers alone"], Texts(mix.rows, None), target)


def test_shorter_rows_are_filled_up_and_fillings_do_not_count():
    rows = [Encoded([4, 5, 6], [False, True, True]), Encoded([7, 8], [False, True])]
    batch = Texts(rows, None).whole
    assert batch["input_ids"].tolist() == [[4, 5, 6], [7, 8, 0]]
    assert batch["labels"].tolist() == [[-100, 5, 6], [-100, 8, -100]]


@pytest.mark.parametrize("row", recipe.ROWS)
def test_every_row_runs(files, row):
    job = Job("made up", "mix", "loop", row, 0, 3)
    found = recipe.run(job, files, Namespace(**MORE))
    assert 0 < found["loss"] < found["before"]
    weighs = ("random", "L2RW", "L2RW, tokens", "smoothed", "smoothed, tokens", "smoothed + checked")
    assert (found["auroc"] is not None) == (row in weighs)
    again = recipe.run(job, files, Namespace(**MORE))
    assert again["loss"] == found["loss"]


def test_rows_that_were_not_seen_are_not_ranked():
    nan = float("nan")
    assert ranked(torch.tensor([0.4, nan, 0.1, nan]), torch.tensor([True, True, False, False])) == 1.0


def test_the_table_says_what_was_not_run():
    job = Job("made up", "1 of the names", "loop", "plain", 0, 3)
    rows = table({job: {"loss": 0.5, "auroc": None, "seconds": 2.0}})
    assert rows[1][3:5] == ["right answers alone", "not run"]
    assert ["made up", "1 of the names", "loop", "plain", "0.50 (1)", "", "2"] in rows


@pytest.mark.slow
def test_weights_help_where_half_of_the_answers_mislead(tmp_path):
    files, loss = recipe.made_up(tmp_path, 0, 1), {}
    for row in ("plain", "random", "L2RW", "smoothed"):
        job = Job("made up", "1 of the names", "loop", row, 0, 200)
        loss[row] = recipe.run(job, files, Namespace(**{**MORE, "rank": 8, "batch_size": 32}))["loss"]
    assert max(loss["L2RW"], loss["smoothed"]) < 0.6 * min(loss["plain"], loss["random"])


@pytest.mark.slow
@pytest.mark.parametrize("row", ["plain", "L2RW", "L2RW, tokens", "smoothed"])
def test_trl_does_the_same(files, row):
    pytest.importorskip("trl")
    job = Job("made up", "mix", "trl", row, 0, 3)
    found = recipe.run(job, files, Namespace(**MORE))
    assert 0 < found["loss"] < found["before"]
    assert found["auroc"] is None
