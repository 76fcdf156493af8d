import numpy as np
import pyarrow as pa
import pytest

from reweigh.data.own.days import DATES, as_days, layout_of


@pytest.mark.parametrize(
    ("layout", "cell", "days"),
    [
        ("%d/%m/%y", "02/01/70", 1),
        ("%b %d, %Y", "Jan 2, 1970", 1),
        ("%m/%d/%Y %I:%M %p", "01/02/1970 06:00 PM", 1.75),
        ("%m/%d/%Y %I:%M:%S %p", "1/2/1970 12:00:00 AM", 1),
        ("%m/%d/%y %H:%M", "1/2/70 6:00", 1.25),
        ("%d.%m.%y %H:%M:%S", "02.01.70 12:00:00", 1.5),
        ("%Y/%m/%d %H:%M", "1970/01/02 18:00", 1.75),
        ("%Y%m%dT%H%M%S", "19700102T120000", 1.5),
        ("time", "6:00 PM", 0.75),
        ("time", "12:30:00 am", 0.5 / 24),
        ("time", "12:30 pm", 12.5 / 24),
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
        ("time", "13:00 PM"),
        ("%m/%d/%Y %I:%M:%S %p", "1/2/1970 13:00:00 PM"),
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


def test_every_layout_is_there_once_and_month_comes_before_day():
    assert len(set(DATES)) == len(DATES)
    either = [(one, one.replace("%d/%m", "%m/%d").replace("%d-%m", "%m-%d")) for one in DATES]
    assert sum(one != other for one, other in either) == 15  # three ways to write a day, each with five clocks
    assert all(DATES.index(other) <= DATES.index(one) for one, other in either)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (pa.timestamp("ms"), "1970-01-02 12:00:00"),
        (pa.timestamp("ns", "Europe/Berlin"), "1970-01-02 13:00:00+01:00"),
        (pa.date32(), "1970-01-02"),
        (pa.time64("us"), "12:00:00"),
        (pa.duration("s"), "1 days 12:00:00"),
    ],
)
def test_a_column_with_a_type_says_how_texts_say_the_same(kind, text):
    ticks = {"date32[day]": 1, "time64[us]": 43_200 * 10**6}.get(
        str(kind), 129_600 * {"s": 1, "ms": 10**3, "ns": 10**9}.get(getattr(kind, "unit", ""), 1)
    )
    typed = pa.array([ticks]).cast(pa.int32() if kind == pa.date32() else pa.int64()).cast(kind)
    layout = layout_of(typed)
    assert as_days(pa.array([text]), layout).values.tolist() == as_days(typed, layout).values.tolist()
