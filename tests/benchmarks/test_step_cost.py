"""The benchmark command runs, measures the plain step as one, and writes its table whole."""

from benchmarks import step_cost


def test_one_model_is_measured_and_written(tmp_path, capsys):
    output = tmp_path / "new" / "cost.md"
    names = ["forward, fused", "by hand (create_graph)"]
    step_cost.main(["--models", "lenet", "--rounds", "1", "--no-memory", "--variants", *names, "--output", str(output)])
    rows = [line for line in output.read_text().splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == ["variant", "plain", *names]
    assert "| 1.00 " in rows[1]
    cosines = [float(row.split(" | ")[-2]) for row in rows[2:]]
    assert min(cosines) > 0.9999
    assert str(output.read_text().splitlines()[0])[:20] in capsys.readouterr().out
