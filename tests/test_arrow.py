"""Arrow is imported when something of it is asked for, and its absence is said in a sentence."""

import subprocess
import sys

import pytest

from reweigh.arrow import compute, kinds, pa, parquet
from reweigh.errors import MissingExtra


def test_the_parts_are_pyarrows():
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet
    import pyarrow.types

    assert pa.array is pyarrow.array
    assert compute.equal is pyarrow.compute.equal
    assert kinds.is_string is pyarrow.types.is_string
    assert parquet.ParquetFile is pyarrow.parquet.ParquetFile
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = pa.no_such_thing


def test_nothing_is_imported_before():
    code = "import sys; from reweigh.arrow import pa; before = 'pyarrow' in sys.modules; pa.array; print(before)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_without_it_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pyarrow is not installed: run `pip install 'reweigh\[cli\]'`"):
        _ = pa.array
