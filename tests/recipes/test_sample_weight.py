"""The recipe of weights for other learners, in the small: what it spoils, its ways, its tables."""

import numpy as np
import pytest

import sample_weight as recipe


def test_what_is_spoilt():
    job = recipe.Job("apart", "one too high, 12 %", 0)
    x, y = recipe.examples(job)
    given = recipe.spoilt(y, job)
    assert x.shape == (2000, 8)
    assert 0.09 < (given != y).mean() < 0.15
    assert ((given - y)[given != y] % 3 == 1).all()
    other = recipe.spoilt(y, recipe.Job("apart", "any other, 25 %", 0))
    assert 0.22 < (other != y).mean() < 0.28
    assert set(((other - y)[other != y] % 3).tolist()) == {1, 2}


def test_the_tables_say_what_was_found():
    def result(data, told, gain):
        found = {"data": data, "noise": "any other, 5 %", "seed": 0, "told": told}
        each = {f"{name}, {way}": 80.0 + gain * k for name in recipe.LEARNERS for k, way in enumerate(recipe.WAYS)}
        return (
            found
            | each
            | {
                f"{what} {sure}": 10 if what == "decided" else 1
                for what in ("decided", "wrongly")
                for sure in recipe.SURE
            }
        )

    pages = recipe.tables(
        [result("near", True, 1.0), result("far", True, -1.0), {"data": "far", "noise": "x", "told": False}]
    )
    assert pages[0][1][:3] == ["boosted trees", "80.00 ± 0.00 (2)", "80.00 ± 1.41 (2)"]
    assert pages[-2][1][:2] == ["boosted trees", "+0.00, 1 of 2"]
    assert pages[-1][-1] == ["all sets", *["2 of 20 wrongly (90.0 % right)"] * 3]


@pytest.mark.slow
def test_a_line_of_the_results(monkeypatch):
    monkeypatch.setattr(recipe, "LEARNERS", {"logistic regression": recipe.LEARNERS["logistic regression"]})
    found = recipe.run(recipe.Job("far", "any other, 25 %", 0))
    assert found["told"]
    assert found["logistic regression, sample_weight"] > found["logistic regression, as given"] - 0.5
    assert found["decided 0.95"] > 50
    assert found["wrongly 0.95"] <= 0.1 * found["decided 0.95"]
    assert np.isfinite([value for value in found.values() if isinstance(value, float)]).all()
