"""Settings: groups inside, single names to people; nothing is open once they are resolved."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from reweigh.data.own import Sources
from reweigh.errors import BadInput
from reweigh.options import LeftOpen, settings_of
from reweigh.run.folder.stored import FREE, config_from, differences
from reweigh.settings import Resolved, Settings
from reweigh.settings.known import KnownData
from reweigh.settings.settings import by_name, groups
from reweigh.settings.student import StudentSettings
from reweigh.settings.usual import closed, resolved, usual


def test_json_and_back_gives_the_same_settings():
    for named in ({"dataset": "mnist", "layers": ("hidden", "output"), "lr": 0.1}, {"train": "x.csv", "drop": ("a",)}):
        settings = Settings.of(**named)
        assert config_from(settings.flat(), "here") == settings
        assert {name: settings.flat()[name] for name in named} == named


def test_names_lead_to_their_groups():
    settings = Settings.of(dataset="mnist", epochs=3, rule="uniform", horizon=2, noise="pair:0.1", workers=2)
    assert isinstance(settings.data, KnownData)
    assert (settings.student.epochs, settings.weights.rule, settings.learning.horizon) == (3, "uniform", 2)
    assert (settings.injected.noise, settings.run.workers) == ("pair:0.1", 2)
    assert Settings.of(train="x.csv").data == Sources(train="x.csv")
    assert settings == Settings.of(**settings.flat()) == settings.but()
    assert settings.but(epochs=None, steps=5).student == StudentSettings(steps=5)


def test_a_name_stands_in_one_group():
    names = [name for kinds in groups().values() for kind in kinds for name in settings_of(kind)]
    assert sorted(names) == sorted(set(names)) == sorted(by_name())
    assert set(Settings.of(dataset="digits").flat()) == set(names)


def test_all_is_frozen():
    settings = Settings.of(dataset="digits")
    for holder in (settings, *(getattr(settings, name) for name in groups())):
        with pytest.raises(dataclasses.FrozenInstanceError):
            holder.anything = 1


def test_lists_and_single_words_make_tuples():
    settings = Settings.of(dataset="mnist", layers=["a", "b"], rule_option="share=1")
    assert (settings.weights.layers, settings.weights.rule_option) == (("a", "b"), ("share=1",))
    said = Settings.of(train=Path("x.csv"), epochs=np.int64(3), drop={"a"})
    assert (said.data.train, said.data.drop, said.student.epochs) == ("x.csv", ("a",), 3)


def test_resolved_leaves_nothing_open():
    config = resolved(Settings.of(dataset="cifar10", optimizer="adam"))
    student = config.student
    assert (student.model, student.epochs, student.lr, config.weights.clean_batch_size) == ("resnet32", 20, 0.001, 100)
    assert resolved(config) == config
    assert resolved(Settings.of(dataset="digits", steps=7)).student.epochs is None
    assert resolved(Settings.of(dataset="digits")).run.threads == 1


def test_what_may_be_none_in_a_run_says_that_there_is_none():
    kinds = [kind for group in groups(Resolved).values() for kind in group if kind is not Sources]
    open_ones = {name for kind in kinds for name, setting in settings_of(kind).items() if setting.is_open}
    assert open_ones == {
        "data_root",
        "layers",
        "teacher",
        "teacher_every",
        "teacher_states",
        "epochs",
        "steps",
        "patience",
        "average",
        "accumulate_tokens",
    }


@pytest.mark.parametrize("name", ["model", "rule", "threads", "clean_per_class", "epochs"])
def test_a_setting_that_is_left_open_is_named(name):
    flat = resolved(Settings.of(dataset="digits")).flat()
    with pytest.raises(LeftOpen) as refused:
        Resolved.of(**{**flat, name: None})
    assert refused.value.name == name


def test_closing_fills_what_is_open_and_nothing_else():
    taken = {**usual("own"), "model": "mlp", "threads": 1, "epochs": 9, "optimizer": "adamw", "warm_up": 0}
    found = closed(Settings.of(train="x.csv", steps=4, batch_size=3), taken)
    assert (found.student.steps, found.student.epochs, found.student.batch_size) == (4, None, 3)
    assert (found.student.lr, found.weights.clean_batch_size, found.student.model) == (0.001, 3, "mlp")
    assert found.student.steps_in_all(100) == 4
    assert closed(Settings.of(train="x.csv"), taken).student.steps_in_all(10) == 90


def test_what_is_usual_is_said_beside_each_setting():
    known, own = usual("known"), usual("own")
    assert (known["batch_size"], own["batch_size"]) == (100, 128)
    assert (known["keep_clean_in_train"], own["keep_clean_in_train"]) == (False, True)
    assert known["clean_per_class"] == 10
    assert "clean_per_class" not in own


def test_differences_leave_out_what_does_not_change_the_outcome():
    config = Settings.of(dataset="mnist")
    assert differences(config, Settings.of(dataset="mnist", data_root="/data", checkpoint_every=7, workers=3)) == []
    assert differences(config, Settings.of(dataset="mnist", seed=1, lr=0.5)) == ["lr", "seed"]
    assert set(config.flat()) >= FREE


@pytest.mark.parametrize("settings", [{}, {"dataset": "mnist", "colour": "red"}, {"dataset": "mnist", "download": 1}])
def test_settings_from_a_file_are_held_to_their_kinds(settings):
    with pytest.raises(BadInput, match="there: "):
        config_from(settings, "there")


def test_a_whole_number_will_do_for_a_real_one_but_not_the_other_way_round():
    assert Settings.of(dataset="mnist", lr=1).student.lr == 1
    with pytest.raises(BadInput, match="epochs"):
        Settings.of(dataset="mnist", epochs=1.5)
    with pytest.raises(BadInput, match="batch_size"):
        Settings.of(dataset="mnist", batch_size=True)


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"epoch": 3}, r"there is no setting 'epoch' \(did you mean 'epochs'\?\)"),
        ({"dataset": "mnist", "train": "x.csv"}, "both --dataset mnist and --train x.csv"),
        ({"dataset": "mnist", "clean_ids": "x"}, "--clean-ids is about your own data"),
        ({"dataset": "mnist", "test_share": 0.5}, "--test-share is about your own data"),
        ({"train": "x.csv", "clean_per_class": 3}, "clean_per_class takes clean images out of a known data set"),
        ({"train": "x.csv", "test_share": 1}, "between 0 and 1"),
        ({"dataset": "mnist", "epochs": 1, "steps": 1}, "both epochs and steps"),
        ({"dataset": "mnist", "lr": 0}, "lr is 0: give a learning rate above 0"),
        ({"dataset": "mnist", "momentum": 1}, "momentum is 1: give a number from 0 to below 1"),
        ({"dataset": "mnist", "rule": "l2rv"}, r"rule 'l2rv' is not known \(did you mean 'l2rw'\?\)"),
        ({"dataset": "mnist", "model": "hf:"}, "model 'hf:' is not known"),
        ({"train": "x.csv", "task": "clasification"}, "did you mean 'classification'"),
        ({"dataset": "mnist", "layers": ("",)}, "layers holds an empty pattern"),
        ({"dataset": "mnist", "teacher": "x"}, "a teacher is given, but the rule is None"),
        ({"dataset": "mnist", "rule": "class-aware", "horizon": 2, "look_ahead": "virtual"}, "looks one step ahead"),
        ({"dataset": "mnist", "rule": "class-aware", "memory": "reverse"}, "stepping back exactly takes both"),
        ({"dataset": "mnist", "teacher_reads": ("x",)}, "teacher_reads is"),
        ({"dataset": "mnist", "teacher_lr": 0}, "teacher_lr is 0"),
        ({"dataset": "mnist", "imbalance": "tail:2"}, "long-tail:FACTOR"),
        ({"dataset": "mnist", "noise": "nothing"}, "the noise 'nothing' is not known"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(named, sentence):
    with pytest.raises(BadInput, match=sentence):
        Settings.of(**named)
