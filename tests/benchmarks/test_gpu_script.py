"""The script for a GPU, in its small form on a processor; and that it asks for what there is."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from benchmarks.tasks import MODELS
from benchmarks.variants import VARIANTS

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.sh"


def test_its_variants_and_models_are_known():
    text = SCRIPT.read_text()
    assert set(re.findall(r'"((?:ghost|forward), [^"]+)"', text)) <= VARIANTS.keys()
    named = [line.split("--models", 1)[1].split("--")[0].split() for line in text.splitlines() if "--models" in line]
    assert {model for line in named for model in line} <= set(MODELS)


def test_its_limits_leave_it_within_nine_minutes():
    assert sum(map(int, re.findall(r"^measure (\d+) --device", SCRIPT.read_text(), re.M))) + 90 <= 540


@pytest.mark.slow
def test_in_small_it_writes_rows(tmp_path):
    output = tmp_path / "gpu.json"
    done = subprocess.run(["bash", str(SCRIPT), "--small", str(output)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads(output.read_text())
    assert {row["variant"] for row in rows} == {"plain", "ghost, fused", "ghost, replayed"}
    assert all(row["failure"] is None for row in rows)
