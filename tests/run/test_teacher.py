"""Rules that learn in a run: every kind trains, saves its teacher, resumes, and may serve another student."""

import random

import pytest

from reweigh.errors import BadInput
from reweigh.rules import DeepInteraction, read_rule
from reweigh.run.start import Interrupted, resume, start
from reweigh.settings import Settings

from .conftest import Nobody
from .test_resume import SETTINGS, StopsAt, finish, results_of, written

LEARNED = {
    "meta-weight-net": {"rule": "meta-weight-net"},
    "published": {"rule": "meta-weight-net", "look_ahead": "virtual-sgd", "normalise": "mean"},
    "class-aware": {"rule": "class-aware", "teacher_optimizer": "sgd", "teacher_lr": 0.1},
    "teacher": {"rule": "deep-interaction"},
    "horizon": {"rule": "deep-interaction", "horizon": 4, "teacher_every": 2, "optimizer": "sgd"},
    "reverse": {"rule": "meta-weight-net", "horizon": 4, "memory": "reverse", "optimizer": "reversible-sgd"},
    "surface only": {"rule": "deep-interaction", "teacher_reads": ("surface",)},
    "one state": {"rule": "deep-interaction", "teacher_states": ("layers.5:input",)},
}


@pytest.mark.parametrize("kind", LEARNED)
def test_stopped_and_resumed_it_ends_the_same(kind, tmp_path):
    config = Settings.of(**{**SETTINGS, **LEARNED[kind]})
    start(config, tmp_path / "whole", Nobody())
    with pytest.raises(Interrupted, match="epochs 1 to 2 of 3 saved"):
        start(config, tmp_path / "run", StopsAt(22))
    resume(tmp_path / "run", {}, Nobody())
    assert results_of(tmp_path / "run") == results_of(tmp_path / "whole")
    one, other = (read_rule(tmp_path / run / "teacher.safetensors") for run in ("run", "whole"))
    assert one[0] == config.weights.rule
    assert all(bool((one[2][key] == other[2][key]).all()) for key in other[2])


@pytest.mark.slow
def test_killed_ten_times_at_random_moments(tmp_path, in_process):
    settings = {**SETTINGS, **LEARNED["horizon"], "epochs": 12}
    assert finish(in_process(settings, tmp_path / "whole")) == 0
    folder, moments, kills = tmp_path / "run", random.Random(0), 0
    for _ in range(10):
        before, process = written(folder), in_process(settings, folder)
        while written(folder) == before and process.exitcode is None:
            process.join(0.005)
        process.join(moments.uniform(0, 0.1))
        process.kill()
        kills += finish(process) < 0
    assert kills >= 8
    assert finish(in_process(settings, folder)) == 0
    assert results_of(folder) == results_of(tmp_path / "whole")


def test_a_trained_teacher_serves_another_student_frozen(tmp_path):
    reads = ("surface", "interaction")
    settings = {**SETTINGS, "rule": "deep-interaction", "teacher_reads": reads}
    start(Settings.of(**{**settings, "teacher_states": ("layers.5:input",)}), tmp_path / "one", Nobody())
    path = str(tmp_path / "one" / "teacher.safetensors")
    other = {**settings, "teacher": path, "model": "lenet", "seed": 1, "teacher_states": ("output:input",)}
    start(Settings.of(**other), tmp_path / "other", Nobody())
    assert not (tmp_path / "other" / "teacher.safetensors").exists()
    assert DeepInteraction.load(path).frozen


def test_teachers_that_do_not_fit(tmp_path):
    start(Settings.of(**{**SETTINGS, "rule": "meta-weight-net", "epochs": 1}), tmp_path / "one", Nobody())
    path = str(tmp_path / "one" / "teacher.safetensors")
    with pytest.raises(BadInput, match="holds a meta-weight-net rule: add --rule meta-weight-net"):
        start(Settings.of(**{**SETTINGS, "rule": "class-aware", "teacher": path}), tmp_path / "two", Nobody())
    with pytest.raises(BadInput, match="cannot be read"):
        start(Settings.of(**{**SETTINGS, "rule": "class-aware", "teacher": "nowhere"}), tmp_path / "two", Nobody())
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rule": "l2rw", "teacher": "x"}, "a teacher is given, but the rule is 'l2rw'"),
        ({"rule": "meta-weight-net", "horizon": 2, "look_ahead": "virtual"}, "looks one step ahead"),
        ({"rule": "meta-weight-net", "memory": "reverse"}, "--optimizer reversible-sgd"),
        ({"rule": "meta-weight-net", "optimizer": "reversible-sgd"}, "--memory reverse"),
        ({"teacher_lr": 0.0}, "learning rate above 0"),
        ({"teacher_reads": ("depths",)}, "one or more of surface, internal, interaction"),
        ({"teacher_reads": ()}, "one or more of surface, internal, interaction"),
        ({"look_ahead": "far"}, "choose one of real, virtual, virtual-sgd"),
        ({"normalise": "max"}, "choose one of sum, mean"),
        ({"horizon": 0}, "at least 1"),
        ({"rule": "deep-interactoin"}, "did you mean 'deep-interaction'"),
    ],
)
def test_settings_that_cannot_be_used(settings, sentence):
    with pytest.raises(BadInput, match=sentence):
        Settings.of(dataset="digits", **settings)
