"""A million rows: memory holds the text of the columns and the numbers, and no copies of them."""

import subprocess
import sys

import numpy as np
import pytest

MEASURED = """
import resource, sys, torch
import pyarrow.compute, pyarrow.csv, pyarrow.parquet
from reweigh.data.own import Sources, read_own
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
own = read_own(Sources(train=sys.argv[1], target="label", clean_column="ok"), seed=0)
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(len(own.train), own.train.x.shape[1], grown // 1024)
"""


@pytest.mark.slow
def test_a_million_rows_in_bounded_memory(desk):
    pa, arrow_csv = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.csv")
    random, rows = np.random.default_rng(0), 1_000_000
    columns = {f"number {place}": random.normal(size=rows).round(4) for place in range(9)}
    columns |= {f"word {place}": random.choice([f"value {word}" for word in range(50)], rows) for place in range(3)}
    columns |= {"name": [f"person {row:07d}" for row in range(rows)], "label": random.choice(["yes", "no"], rows)}
    arrow_csv.write_csv(pa.table(columns | {"ok": np.arange(rows) % 1000 == 0}), desk.path("train.csv"))
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, desk.path("train.csv")], capture_output=True, text=True, check=True
    )
    train, width, grown = (int(number) for number in ran.stdout.split())
    assert (train, width) == (999_000, 12)
    assert grown < 600, f"{grown} MiB more than before reading"
