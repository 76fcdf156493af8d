import pyarrow as pa
import pytest

from reweigh.data.own.other_file import numbers_like


@pytest.mark.parametrize(
    ("cells", "style", "mean", "values"),
    [
        (["1.5", "2"], ".", 2.0, [1.5, 2]),
        (["1,5", "2"], ".", 2.0, [1.5, 2]),
        (["1.234", "2.345"], ".", 2000.0, [1234, 2345]),
        (["1.234", "2.345"], ".", 2.0, [1.234, 2.345]),
        (["1,234", "2,345"], ",", 2000.0, [1234, 2345]),
        (["1,234", "2,345"], "1,000", 2.0, [1.234, 2.345]),
        (["true", "false"], ".", 0.5, [1, 0]),
    ],
)
def test_the_training_file_says_what_is_meant(cells, style, mean, values):
    found, _ = numbers_like(pa.array(cells), style, "", mean, 0.3 * mean)
    assert found.values.tolist() == values
    assert not found.strays.any()
