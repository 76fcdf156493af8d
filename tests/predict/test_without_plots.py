"""Predicting needs none of the libraries that draw: neither matplotlib nor jinja2, nor pillow for a table."""

import subprocess
import sys

import numpy as np

import reweigh

BLOCKED = ("matplotlib", "jinja2", "PIL")
CODE = f"""
import sys
sys.modules.update(dict.fromkeys({BLOCKED!r}))
from reweigh.cli import main
main()
"""


def test_predict_does_not_need_matplotlib(tmp_path):
    draw = np.random.default_rng(0)
    size = draw.normal(size=200)
    columns = {"size": size, "label": np.where(size > 0, "up", "down")}
    reweigh.fit(columns, clean=range(60), target="label", epochs=2, rule="l2rw", quick=True, verbose=False).save(
        tmp_path / "run"
    )
    (tmp_path / "new.csv").write_text("size\n-3\n3\n")
    asked = ["predict", tmp_path / "run", tmp_path / "new.csv", "--output", tmp_path / "found.csv"]
    done = subprocess.run([sys.executable, "-c", CODE, *map(str, asked)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "found.csv").read_text().splitlines()
    assert [line.split(",")[-2] for line in lines] == ["prediction", "down", "up"]
