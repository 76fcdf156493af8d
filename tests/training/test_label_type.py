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
    run = reweigh.fit(tmp_path / "all.npz", clean=tmp_path / "checked.npz", steps=2, output=tmp_path / "run")
    assert run.summary["steps"] == 2
