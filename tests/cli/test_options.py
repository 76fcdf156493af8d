"""The options of `reweigh train` are the settings: each has its name, its panel and its default, at 80 columns."""

import re

import pytest

from reweigh.cli.app import app
from reweigh.cli.guard import run
from reweigh.cli.options import KINDS, told
from reweigh.settings.settings import by_name


def said(*words):
    """The settings that a command line says."""
    _, bound, _ = app.parse_args(["train", *words], print_error=False, exit_on_error=False)
    return bound.arguments.get("said") or {}


@pytest.fixture
def shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(["train", "--help"]) == 0
    return capsys.readouterr().out


def test_every_setting_is_an_option_and_no_name_is_cut(shown):
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    names = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", shown))
    assert {f"--{name.replace('_', '-')}" for name in by_name()} <= names
    assert {"--no-keep-clean-in-train", "--no-download", "--no-ledger", "--config", "--output"} <= names


def test_the_groups_are_panels_in_their_order(shown):
    places = [shown.index(f"─ {kind.title} ─") for kind in KINDS]
    assert places == sorted(places)


def test_defaults_are_told_from_the_settings():
    known = by_name()
    assert told(known["momentum"]) == "Momentum; for adam its first beta. Default: 0.9."
    assert told(known["engine"]) == "How alignments are computed: auto, ghost, forward, finite, double. Default: auto."
    assert told(known["batch_size"]).endswith("Default: 100; 128 for your own data.")
    assert told(known["ledger"]).endswith("Default: yes.")
    assert "Default" not in told(known["drop"]) + told(known["clean"]) + told(known["train"])
    assert not [name for name, setting in known.items() if "{" in told(setting) or not told(setting).endswith(".")]


def test_what_is_left_out_is_not_there():
    assert said() == {}
    assert said("--output", "x", "--resume") == {}
    assert said("--epochs", "3", "--lr=1e-3") == {"epochs": 3, "lr": 0.001}


def test_flags_may_be_turned_off_and_words_repeated():
    assert said("--no-download", "--ledger", "--no-keep-clean-in-train") == {
        "download": False, "ledger": True, "keep_clean_in_train": False,
    }  # fmt: skip
    assert said("--layers", "a.*", "--layers", "b") == {"layers": ["a.*", "b"]}
    assert said("--epochs", "1", "--epochs", "2") == {"epochs": 2}  # the last one counts
    assert said("--train=--strange name", "--warm-up", "0") == {"train": "--strange name", "warm_up": 0}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("train --epoch 3", "Did you mean --epochs?"),
        ("train --epochs many", '--epochs: unable to convert "many" into a whole number'),
        ("train --lr much", '--lr: unable to convert "much" into a number'),
        ("train --epochs", "--epochs requires an argument"),
        ("train --engine ghst", 'Did you mean "ghost"?'),
        (
            "train mine.csv",
            "there is no place for 'mine.csv': most things have their option before them, as in --train",
        ),
        ("trian", 'Did you mean "train"?'),
        ("audit", "RUN requires an argument"),
        ("demo --quik", "Did you mean --quick?"),
        ("report x --agains y", "Did you mean --against?"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_near_one(words, sentence, capsys):
    assert run(words.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("reweigh: ")
    assert len(captured.err.splitlines()) == 1
    assert sentence in captured.err
