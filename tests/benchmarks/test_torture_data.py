"""A few files of each kind of `make torture`: each reads to what it means, or ends in a sentence."""

import pytest
from benchmarks.torture import image_files, npz_files, parquet_files, tables


@pytest.mark.parametrize("part", [tables, parquet_files, image_files, npz_files])
def test_generated_files_are_right_or_refused(part, capfd):
    totals = part.run(seed=7, count=20)
    assert totals["wrong"] == []
    assert totals["tried"] == totals["right"] + totals["sentences"] == 20
    assert capfd.readouterr() == ("", "")
