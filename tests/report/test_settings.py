"""Which settings are told: those that would have been others, had nobody set them."""

from dataclasses import replace

import pytest

from own_files import bare, command
from reweigh.audit import audit_run
from reweigh.cli.guard import run
from reweigh.report.settings import made_with, set_ones


def test_of_a_known_data_set(audited):
    assert set_ones(audited) == {"dataset": "digits", "noise": "background:0.4", "steps": "90", "lr": "0.05"}
    assert made_with(audited)["device"] == "cpu"
    assert "python" in made_with(audited)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    assert run(command("table", folder, folder / "run", "--steps", "12", "--batch-size", "50", "--seed", "3")) == 0
    return audit_run(folder / "run")


def test_of_own_data_nothing_that_follows_from_them(own):
    found = set_ones(own)
    assert list(found) == ["train", "clean", "target", "rule", "steps", "batch size", "seed"]
    assert found["batch size"] == "50"
    assert found["train"].endswith("noisy.csv")


def test_a_rule_that_was_chosen_was_not_set(own):
    chosen = replace(own, run=replace(own.run, summary=own.run.summary | {"choice": {"rule": "l2rw"}}))
    assert "rule" not in set_ones(chosen)


def test_what_cannot_be_left_out_was_set(own):
    config = own.run.config.but(rule="meta-weight-net", teacher="teacher.safetensors")
    found = set_ones(replace(own, run=replace(own.run, config=config)))
    assert found["rule"] == "meta-weight-net"  # without it a teacher is refused
    assert bare  # as the others here, from the command line
