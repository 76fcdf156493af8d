import pytest

from reweigh.report.words import about_baselines, about_direction, about_sample_size, about_zeros, column


def test_columns_have_none_for_what_was_not_measured():
    assert column([{"a": 1}, {"a": None}, {}, {"a": float("nan")}], "a") == [1.0, None, None, None]


@pytest.mark.parametrize(
    ("found", "warns", "said"),
    [
        (about_direction([None]), False, "does not look at the clean set"),
        (about_direction([2.0, 1.0]), False, "50% of its highest"),
        (about_direction([1.0, 0.009]), True, "Train for fewer epochs, or check more examples."),
        (about_direction([1.0, 0.009], images=True), True, "augment the clean images (--augment), or"),
        (about_sample_size([50.0], 100), False, "counted as 50"),
        (about_sample_size([5.0], 100), True, "larger batches"),
        (about_sample_size([99.0], 100), True, "nearly equal"),
        (about_sample_size([None], 100), False, "not measured"),
        (about_zeros([0.5]), False, "50% of the weights"),
        (about_zeros([0.95]), True, "clean set"),
        (about_zeros([0.0]), False, "0% of the weights were zero."),
        (about_baselines(0.9, []), True, "--rule uniform"),
        (about_baselines(0.9, [0.8, 0.85]), False, "5.0 points above"),
        (about_baselines(0.8, [0.85]), True, "5.0 points better"),
    ],
)
def test_findings(found, warns, said):
    assert found.warns is warns
    assert said in found.text
