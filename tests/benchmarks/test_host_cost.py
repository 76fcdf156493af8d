"""The benchmark of Python's and dispatch's own cost: what it counts, and that it prints a row a way."""

import pytest
import torch
from benchmarks.host_cost import MODELS, WAYS, calls, made, main, measured, warm


def test_operations_and_python_calls_are_counted():
    x = torch.ones(2)

    def step():
        torch.add(x, x)
        helper()

    def helper():
        torch.mul(x, x)

    assert calls(step) == (2, 2)


def test_a_way_takes_a_whole_step():
    for way in ("plain", "auto, optimizer"):
        step = made("transformer", way)
        optimizer = next(
            cell.cell_contents for cell in step.__closure__ if isinstance(cell.cell_contents, torch.optim.SGD)
        )
        params = optimizer.param_groups[0]["params"]
        before = [p.detach().clone() for p in params]
        step()
        assert any(not torch.equal(p, q) for p, q in zip(params, before, strict=True))


def test_weights_cost_more_than_none():
    plain, weighed = (calls(warm("transformer", way)) for way in ("plain", "forward"))
    assert weighed[0] > plain[0]
    assert weighed[1] > 2 * plain[1]


def test_an_engine_that_cannot_do_a_model_has_no_row(capsys):
    found = measured("resnet32", ["plain", "ghost"], 1)
    assert list(found) == ["plain"]
    assert "engine 'ghost' cannot go through stem_norm" in capsys.readouterr().err


def test_the_table(capsys):
    main(["--models", "transformer", "--ways", "finite", "--rounds", "3"])
    rows = capsys.readouterr().out.strip().splitlines()
    assert [row.split(" | ")[0].strip("| ") for row in rows] == [
        "transformer, 4 + 2",
        "---|---|---|---|---|---",
        "plain",
        "finite",
    ]


def test_where_the_time_goes(capsys):
    main(["--models", "transformer", "--ways", "plain", "--profile", "3"])
    assert "run_backward" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_every_model_by_every_way(model, capsys):
    main(["--models", model, "--rounds", "2"])
    assert capsys.readouterr().out.count("\n| ") >= len(WAYS) - 1
