"""Tables of one's own with targets of which a fifth is wrong, trained on through the command line."""

import numpy as np
from sklearn.datasets import make_regression

from reweigh.cli.guard import run
from several_labels import several_labels

ROWS, CHECKED, NAMES = 800, 150, ("red", "green", "blue", "grey")


def trained(folder, header, columns, *more):
    """A run on such a table, of which the first rows are checked."""
    ok = (np.arange(ROWS) < CHECKED).astype(int)
    rows = [",".join(map(str, row)) for row in zip(*columns, ok, strict=True)]
    (folder / "mine.csv").write_text("\n".join([",".join([*header, "ok"]), *rows]) + "\n")
    said = ["--train", str(folder / "mine.csv"), "--clean-column", "ok", "--steps", "400", "--lr", "0.01"]
    said += ["--rule", "l2rw", "--quick"]  # by itself another may be chosen, such as the checked rows alone
    assert run(["train", *said, *more, "--output", str(folder / "run")]) == 0
    return folder / "run"


def of_numbers(folder, noise=20.0):
    """A regression whose targets were exchanged; the run, and which of the unchecked ones are wrong."""
    x, y = make_regression(ROWS, 6, n_informative=6, noise=noise, random_state=0)
    g = np.random.default_rng(0)
    wrong = (g.random(ROWS) < 0.2) & (np.arange(ROWS) >= CHECKED)
    given = np.where(wrong, g.permutation(y), y)
    columns = [[f"{v:.3f}" for v in column] for column in (*x.T, given)]
    return trained(folder, [*"abcdef", "y"], columns, "--target", "y", "--task", "regression"), wrong[CHECKED:]


def of_labels(folder):
    """Several labels an example, a tenth of each flipped; the run, and which entries are wrong."""
    x, y = several_labels(ROWS, 20, 4, seed=1)
    g = np.random.default_rng(0)
    wrong = (g.random(y.shape) < 0.1) & (np.arange(ROWS) >= CHECKED)[:, None]
    given = np.where(wrong, 1 - y, y)
    header = [f"x{i}" for i in range(20)] + list(NAMES)
    return trained(folder, header, [*x.T, *given.T], "--target", ",".join(NAMES)), wrong[CHECKED:]
