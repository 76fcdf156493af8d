"""Examples with several labels each, as scikit-learn makes them, in a hundredth of the time."""

import numpy as np

WORDS = 50


def several_labels(count, features, classes, seed):
    """Counts of words (N, D) drawn from the words of an example's labels, and these, (N, K) of 0 and 1, one at least."""
    g = np.random.default_rng(seed)
    words = g.dirichlet(np.ones(features), classes)
    y = (g.random((count, classes)) < 2 / classes).astype(int)
    y[np.arange(count), g.integers(classes, size=count)] |= y.sum(1) == 0
    p = y @ words / y.sum(1, keepdims=True)
    return g.multinomial(WORDS, p), y
