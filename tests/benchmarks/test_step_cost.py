"""The benchmark command runs, measures the plain step as one, and writes its rows whole."""

import json

import pytest
import torch
from benchmarks.tasks import Task

from benchmarks import growth, step_cost

ONCE = ["--models", "lenet", "--rounds", "1", "--threads", "1", "--no-memory"]


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_one_model_is_measured_and_written(tmp_path, capsys):
    output = tmp_path / "new" / "cost.json"
    names = ["forward, fused", "by hand (create_graph)"]
    step_cost.main([*ONCE, "--variants", *names, "--output", str(output)])
    rows = json.loads(output.read_text())
    assert [row["variant"] for row in rows] == ["plain", *names]
    assert {row["task"] for row in rows} == {"lenet, 100 + 100"}
    assert rows[0]["ratio"] == [1.0, 1.0, 1.0]
    assert min(row["cosine"] for row in rows[1:]) > 0.9999
    assert rows[1]["flops"] / rows[0]["flops"] == pytest.approx(rows[1]["floor"], rel=0.05)
    assert rows[1]["floor"] == pytest.approx(8 / 3)
    assert rows[0]["circumstances"]["packages"]["torch"] == torch.__version__
    assert "| forward, fused |" in capsys.readouterr().out


@pytest.mark.slow
def test_bfloat16_is_a_task_of_its_own(tmp_path):
    output = tmp_path / "cost.json"
    step_cost.main([*ONCE, "--dtype", "bf16", "--variants", "ghost, fused", "--output", str(output)])
    (_, ghost) = json.loads(output.read_text())
    assert ghost["task"] == "lenet, 100 + 100, cpu, bf16"
    assert 0.98 < ghost["cosine"] < 1 - 1e-9


def test_a_variant_that_cannot_is_a_row(tmp_path):
    output = tmp_path / "cost.json"
    task = Task("resnet32", 4, 2)
    options = step_cost.parse(["--rounds", "1", "--no-memory"])
    rows = step_cost.measure_task(task, ["plain", "ghost, fused", "vmap (per-example gradients)"], options)
    assert [row["failure"] is None for row in rows] == [True, False, False]
    assert "cannot go through" in rows[1]["failure"]
    assert not output.exists()


@pytest.mark.slow
def test_growth(tmp_path, monkeypatch, capsys):
    axis = {n: Task("lenet", n, 2) for n in (4, 8)}
    monkeypatch.setattr(growth, "AXES", {"batch": axis})
    output = tmp_path / "growth.json"
    growth.main(["--rounds", "1", "--threads", "1", "--variants", "ghost, fused", "--output", str(output)])
    rows = json.loads(output.read_text())
    assert [(row["axis"], row["size"], row["variant"]) for row in rows] == [
        ("batch", size, name) for size in (4, 8) for name in ("plain", "ghost, fused")
    ]
    assert "| batch | plain, ms | ghost, fused |" in capsys.readouterr().out


@pytest.mark.parametrize("command", [step_cost, growth])
def test_bad_arguments(command, capsys):
    with pytest.raises(SystemExit) as left:
        command.main(["--rounds", "0"])
    assert left.value.code == 2
    assert "at least 1" in capsys.readouterr().err
