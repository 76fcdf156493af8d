import numpy as np
import pyarrow as pa
import pytest

from reweigh.data.own.days import as_days


@pytest.mark.parametrize(
    ("layout", "cell", "days"),
    [
        ("%d/%m/%y", "02/01/70", 1),
        ("%b %d, %Y", "Jan 2, 1970", 1),
        ("%m/%d/%Y %I:%M %p", "01/02/1970 06:00 PM", 1.75),
        ("%Y%m%dT%H%M%S", "19700102T120000", 1.5),
        ("time", "36:00", 1.5),
        ("time", "-06:00:00", -0.25),
        ("duration", "1 day, 12:00:00", 1.5),
        ("duration", "2 days 06:00:00.000", 2.25),
        ("duration", "P1DT12H", 1.5),
    ],
)
def test_layouts(layout, cell, days):
    assert as_days(pa.array([cell, None]), layout).values[0] == pytest.approx(days)


@pytest.mark.parametrize(
    ("layout", "cell"),
    [
        ("%d/%m/%Y", "01/02/20"),
        ("%d/%m/%Y", "31/02/2020"),
        ("%d/%m/%y", "01/02/2020"),
        ("time", "12:60"),
        ("time", "1:2"),
    ],
)
def test_what_the_c_library_would_take(layout, cell):
    found = as_days(pa.array([cell]), layout)
    assert found.strays.tolist() == [True]
    assert np.isnan(found.values[0])


def test_types():
    assert as_days(pa.array([43_200], pa.time32("s")), "iso").values.tolist() == [0.5]
    assert as_days(pa.array([36 * 3600 * 10**9], pa.duration("ns")), "iso").values.tolist() == [1.5]
    chunks = pa.chunked_array([["1970-01-02"], ["1970-01-03"]])
    assert as_days(chunks, "iso").values.tolist() == [1, 2]
