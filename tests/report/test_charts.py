import re

import pytest

from reweigh.report.charts import MOST_POINTS, Line, area_chart, decades, line_chart, nice, number


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.5, 1]), (0.13, 0.92, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (7, 7, [6, 8]), (-3, 12, [-5, 0, 5, 10, 15])],
)
def test_ticks_are_round_and_enclose_the_range(low, high, ticks):
    found = nice(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 8
    if low != high:
        assert found == pytest.approx(ticks) or all(abs(t / (found[1] - found[0])) % 1 < 1e-6 for t in found)


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30, -5.0, 3.3333])
def test_ticks_of_any_single_value(value):
    found = nice(value, value)
    assert found[0] <= value <= found[-1]
    assert found[0] < found[-1]


def test_decades():
    assert decades(0.002, 3) == pytest.approx([0.001, 0.01, 0.1, 1, 10])
    assert len(decades(1e-20, 1e10)) <= 8


def test_numbers_as_people_write_them():
    assert [number(v) for v in (0, 0.5, 123.4, 12345, 1e-5, 2e7)] == ["0", "0.5", "123", "12345", "1.0e-05", "2.0e+07"]
    assert number(0.9775, percent=True) == "97.8 %"


def points(path):
    return [tuple(map(float, pair)) for pair in re.findall(r"[ML]?(-?[\d.]+) (-?[\d.]+)", path)]


def test_a_line_goes_up_where_values_do_and_stays_inside():
    chart = line_chart("accuracy", [Line("a", [0.1, 0.5, 0.9], 1)], percent=True)
    (x0, y0), (x1, y1), (x2, y2) = points(chart.drawn[0].path)
    assert chart.left == x0 < x1 < x2 == chart.width - chart.right
    assert y0 > y1 > y2 >= chart.top
    assert chart.drawn[0].end == pytest.approx((x2, y2), abs=0.06)
    assert chart.drawn[0].last == "90 %"
    assert chart.description == "accuracy over 3 epochs. a: from 10 % to 90 %."
    assert [tick.label for tick in chart.x_ticks] == ["1", "2", "3"]


def test_gaps_and_unknown_lines():
    chart = line_chart("x", [Line("a", [1.0, None, 2.0, float("nan")], 1), Line("none", [None] * 4, 2)])
    assert chart.drawn[0].path.count("M") == 2
    assert len(chart.drawn) == 1
    assert "none: not measured" in chart.description
    assert line_chart("x", [Line("a", [None], 1)]) is None


def test_a_single_epoch_is_a_dot():
    chart = line_chart("x", [Line("a", [3.0], 1)])
    assert chart.drawn[0].end is not None
    assert [tick.label for tick in chart.x_ticks] == ["1"]


def test_a_thousand_epochs_are_few_points():
    chart = line_chart("x", [Line("a", [float(n) for n in range(5000)], 1)])
    assert len(points(chart.drawn[0].path)) <= MOST_POINTS
    assert chart.drawn[0].last == "4999"
    assert points(chart.drawn[0].path)[-1] == pytest.approx(chart.drawn[0].end, abs=0.06)
    assert chart.drawn[0].end[1] < line_chart("x", [Line("a", [*map(float, range(4999)), 4990.0], 1)]).drawn[0].end[1]
    assert len(chart.x_ticks) <= 8


def test_a_logarithmic_axis_where_values_span_decades():
    steep = line_chart("x", [Line("a", [1.0, 0.1, 0.001], 1)], log=True)
    ys = [y for _, y in points(steep.drawn[0].path)]
    assert ys[2] - ys[1] == pytest.approx(2 * (ys[1] - ys[0]), abs=0.2)
    assert line_chart("x", [Line("a", [1.0, 0.5], 1)], log=True).y_ticks[0].label == "0.4"
    assert line_chart("x", [Line("a", [0.0, 1000.0], 1)], log=True).y_ticks[0].label == "0"


def test_areas_are_stacked_to_the_top():
    chart = area_chart("cat", [[0.5, 0.25, 0.25], [0.2, 0.3, 0.5]], ("zero", "some", "much"))
    top, bottom = chart.top, chart.height - chart.bottom
    lowest, highest = points(chart.drawn[0].path), points(chart.drawn[-1].path)
    assert [y for _, y in lowest] == pytest.approx(
        [bottom - 0.5 * (bottom - top), bottom - 0.2 * (bottom - top), bottom, bottom], abs=0.06
    )
    assert [y for _, y in highest[:2]] == pytest.approx([top, top])
    assert (
        chart.description
        == "cat: zero: 50% at first, 20% at last; some: 25% at first, 30% at last; much: 25% at first, 50% at last."
    )


@pytest.mark.parametrize("epochs", [1, 2, 1000])
def test_areas_of_any_number_of_epochs(epochs):
    chart = area_chart("cat", [[0.5, 0.5]] * epochs, ("a", "b"))
    assert 4 <= len(points(chart.drawn[0].path)) <= 2 * MOST_POINTS


def test_what_is_said_is_where_the_line_begins_and_ends():
    values = [None, *(float(n) for n in range(400)), None]
    chart = line_chart("x", [Line("a", values, 1), Line("b", [0.0] * 402, 2)])
    path = points(chart.drawn[0].path)
    low, high = chart.y_ticks[0], chart.y_ticks[-1]

    def value(y):
        return float(low.label) + (float(high.label) - float(low.label)) * (low.at - y) / (low.at - high.at)

    assert "a: from 0 to 399, epochs 2 to 401." in chart.description
    assert (value(path[0][1]), value(path[-1][1])) == pytest.approx((0, 399), abs=1)
    assert path[-1][0] < points(chart.drawn[1].path)[-1][0]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 123456.0])
def test_labels_of_an_axis_are_whole(scale):
    chart = line_chart("x", [Line("a", [scale, 2 * scale], 1)], percent=scale > 1e5)
    assert all(chart.left - 5 - 6.9 * len(tick.label) > 0 for tick in chart.y_ticks)
    assert points(chart.drawn[0].path)[0][0] == pytest.approx(chart.left, abs=0.06)
