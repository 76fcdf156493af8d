"""Labels of arrays keep the type that they had, in whatever shape and type NumPy has them."""

import numpy as np
import pytest

import reweigh


@pytest.mark.parametrize(
    "made",
    [
        lambda y: y[:, None],
        lambda y: y.astype("u1"),
        lambda y: y.astype(">i4"),
        lambda y: y.astype("f2"),
        lambda y: y.astype(np.longdouble),
        lambda y: y.astype(bool),
        lambda y: np.array(["no", "yes"])[y],
        lambda y: np.array([b"no", b"yes"])[y],
    ],
    ids=["a column", "bytes", "big endian", "half", "long double", "truth", "text", "bytes of text"],
)
def test_arrays_of_labels_of_every_kind_are_learnt_from(tmp_path, made):
    x = np.random.default_rng(0).normal(size=(60, 5)).astype("f4")
    y = made((x[:, 0] > 0).astype(int))
    np.savez(tmp_path / "all.npz", x=x, y=y)
    np.savez(tmp_path / "checked.npz", x=x[:20], y=y[:20])
    run = reweigh.fit(
        tmp_path / "all.npz", clean=tmp_path / "checked.npz", steps=2, rule="l2rw", quick=True, output=tmp_path / "run"
    )
    assert run.summary["steps"] == 2


@pytest.mark.parametrize(
    "names",
    [
        *(("False", "True"), (" a ", "b")),
        *(pytest.param(names, marks=pytest.mark.slow) for names in (("1.0", "2.0"), ("01", "02"), ("None", "b"))),
    ],
    ids=lambda names: names[0],
)
def test_texts_come_back_as_they_were_written(tmp_path, names):
    x = np.random.default_rng(0).normal(size=(120, 3)).astype("f4")
    y = np.array(names)[(x[:, 0] > 0).astype(int)]
    run = reweigh.fit((x, y), clean=range(40), steps=60, rule="l2rw", quick=True, verbose=False)
    assert set(run.predict(x).values) == set(names)
    assert (run.predict(x).values == y).mean() > 0.7
    assert set(run.audit().to_pandas()["given_label"]) == set(names)
    kept = run.save(tmp_path / "kept")
    assert set(reweigh.load(kept.path).predict(x).values) == set(names)


def test_a_class_that_was_written_in_several_ways_has_the_name_that_it_has_here():
    x = np.random.default_rng(0).normal(size=(120, 3)).astype("f4")
    y = np.array(["no", "yes"])[(x[:, 0] > 0).astype(int)].astype(object)
    y[::2] = [f" {name}" for name in y[::2]]
    run = reweigh.fit((x, y), clean=range(40), steps=5, rule="l2rw", quick=True, verbose=False)
    assert set(run.predict(x).values) <= {"no", "yes"}
