"""Probabilities of new rows: calibrated by the run's temperature, or as the model gives them, and that is said."""

import csv
import json

import numpy as np
import pytest
import torch

from own_files import command
from reweigh.cli.guard import run
from reweigh.predict import predict_new


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A table's run whose 60 checked rows leave 18 for the score, and one with a test set of 100."""
    folder = tmp_path_factory.mktemp("calibration")
    said = command("table", folder / "data", folder / "few", "--steps", "40", "--lr", "0.01")
    assert run(said) == 0
    more = command("table", folder / "data", folder / "many", "--steps", "40", "--lr", "0.01")
    assert run([*more, "--test", str(folder / "data" / "new.csv")]) == 0
    return folder


def predicted(made, name, capsys):
    assert run(["predict", str(made / name), str(made / "data" / "new.csv"), "--probabilities", "--overwrite",
                "--output", str(made / "said.csv")]) == 0  # fmt: skip
    with (made / "said.csv").open(newline="") as file:
        return list(csv.DictReader(file)), " ".join(capsys.readouterr().out.split())


def test_enough_examples_give_a_temperature(made, capsys):
    told = json.loads((made / "many" / "summary.json").read_text())["temperature"]
    assert told["examples"] == 40
    rows, said = predicted(made, "many", capsys)
    assert f"Probabilities are calibrated on 40 held-back examples (temperature {told['value']:.2f})." in said
    found = predict_new(made / "many", made / "data" / "new.csv")
    assert found.temperature.value == told["value"] != 1
    each = np.array([[float(row["probability of no"]), float(row["probability of yes"])] for row in rows])
    assert each == pytest.approx(found.probabilities.numpy(), abs=1e-4)
    assert torch.equal(found.probabilities.argmax(1), found.values)


def test_the_probabilities_are_those_of_outputs_divided_by_it(made):
    from reweigh import load

    found, model = predict_new(made / "many", made / "data" / "new.csv"), load(made / "many").model
    with torch.no_grad():
        outputs = model.module(found.data.x)
    assert torch.allclose((outputs / found.temperature.value).softmax(1), found.probabilities, atol=1e-6)


def test_too_few_are_told(made, capsys):
    assert json.loads((made / "few" / "summary.json").read_text())["temperature"] == {"value": None, "examples": 18}
    _, said = predicted(made, "few", capsys)
    assert "Probabilities are as the model gives them: 18 held-back examples are too few to calibrate." in said


def test_numbers_have_none(tmp_path, capsys):
    assert run(command("regression", tmp_path / "data", tmp_path / "run", "--steps", "3")) == 0
    assert "temperature" not in json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (
        run(["predict", str(tmp_path / "run"), str(tmp_path / "data" / "new.csv"), "--output", str(tmp_path / "x.csv")])
        == 0
    )
    assert "robabilities" not in capsys.readouterr().out
