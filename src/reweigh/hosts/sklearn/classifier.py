"""`ReweighClassifier`: a scikit-learn classifier that learns which of its training rows to trust."""

from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.hosts.sklearn.base import ACCEPTED, ReweighEstimator
from reweigh.hosts.sklearn.choice import names_of
from reweigh.hosts.sklearn.clean_rows import named_rows, one_clean_source
from reweigh.tasks import task_of


class ReweighClassifier(ClassifierMixin, ReweighEstimator):  # type: ignore[misc]
    """A neural classifier whose training rows are weighted such that each step lowers the loss on a clean set.

    `fit(X, y, clean=...)`: a boolean mask over the rows of X (N,), row numbers (M,), or labels of the pandas index of X
    or y (M,); or `fit(X, y, X_clean=, y_clean=)`. Cross-validation splits a mask along with the rows, and labels are found
    in each fold; row numbers cannot be followed, so there they are refused.
    Without a clean set a random share of the rows, `clean_fraction` of each class, is held back to stand in for it.
    It is as noisy as the rest, so the weights then only damp what contradicts the majority.

    Args:
        module: a torch module (it is copied), or a class or function from (n_features, n_outputs) to one; it makes logits
            (B, classes) of rows (B, features). Default: an MLP with `hidden` units a layer.
        loss: `(outputs, targets) -> (B,)`; default: cross entropy of logits and class numbers (B,).
        rule: "auto", a rule of `reweigh.rules` (it is copied) or its name: "verifier", "right-and-helpful", "l2rw",
            "meta-weight-net", "class-aware", "deep-interaction", or a baseline: "uniform" (plain training), "random",
            "proportion", "resampling", "hard-mining". "auto" tries some of them for a short while, and held-back clean rows
            choose; without clean rows it is "l2rw".
        learning: `Learning` settings, for rules that learn.
        epochs: how often to go through the rows. None: thirty times; where the rule is "auto" a shorter training is tried
            too, since a network learns wrong labels and odd rows last, and `n_iter_` has the number.
        batch_size: rows a step.
        lr: learning rate.
        optimizer: "adam", "adamw", "sgd", or a class or function, called with the parameters and `lr=`.
        clean_fraction: see above.
        clean_batch_size: M, clean rows a step; default 100, or all where there are fewer.
        train_on_clean: train on the clean rows of X too; by default they only judge the others.
        standardize: columns are brought to mean 0 and standard deviation 1 inside the estimator.
        warm_up: so many first batches count uniformly.
        engine: how alignments are computed; see `Reweigher`.
        device: where to train, such as "cuda".
        random_state: an int makes fits repeatable.
        verbose: print a line an epoch.

    Attributes:
        sample_weight_: (N,), each row's mean relative weight over the second half of the epochs, 1 meaning as in plain
            training; for `sample_weight=` of any other estimator. Rows that were not trained on have 1.
        classes_: (C,), sorted. n_features_in_, feature_names_in_: of X.
        clean_rows_: (M,), numbers of the rows that were the clean set, or None if it was given apart.
        n_iter_: how often it went through the rows.
        choice_: how the rule was chosen: `rule`, `way` (with the number of steps, where they are fewer), `why`, `tried` with
            the scores of each; None if it was named.
        module_, rule_: as trained. history_: a dict of means an epoch. explanation_: which engine, and why.

    Raises:
        BadInput: a ValueError of one sentence, for arguments that cannot be used.
        NonFinite: if training diverges.
    """

    def fit(self, X: Any, y: Any, *, clean: Any = None, X_clean: Any = None, y_clean: Any = None) -> Self:
        """Train on X (N, features), dense or sparse, and labels y (N,) of any kind."""
        one_clean_source(clean, X_clean, y_clean)
        given_X, given_y = X, y
        X, y = validate_data(self, X, y, ensure_min_samples=2, **ACCEPTED)
        check_classification_targets(y)
        self.classes_, codes = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise BadInput(f"y holds one class only, {_some(self.classes_)}: a classifier needs at least two")
        named = None if clean is None else named_rows(clean, len(codes), X=given_X, y=given_y)
        given = None if X_clean is None else self._given(X_clean, y_clean)
        if named is not None or given is not None:
            self._check_classes(codes[named] if given is None else given[1].numpy())
        if named is not None and not self.train_on_clean:
            self._check_left(np.delete(codes, named))
        labels = torch.from_numpy(codes.astype(np.int64))
        counts = labels.bincount(minlength=len(self.classes_))
        task = task_of(labels, names_of(self.classes_))
        loss = self.loss or _cross_entropy
        self._fit(X, labels, named, given, outputs=len(counts), counts=counts, loss=loss, task=task)
        return self

    def decision_function(self, X: Any) -> np.ndarray[Any, Any]:
        """The logits, (N, C); for two classes that of the second less that of the first, (N,)."""
        logits = self._outputs(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray[Any, Any]:
        """The probability of each class, (N, C), in the order of `classes_`."""
        probabilities: np.ndarray[Any, Any] = torch.from_numpy(self._outputs(X)).softmax(1).numpy()
        return probabilities

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """The most probable class of each row, (N,)."""
        # Outputs first: they say it where the estimator is not fitted.
        most_probable = self._outputs(X).argmax(1)
        predicted: np.ndarray[Any, Any] = self.classes_[most_probable]
        return predicted

    def _given(self, X_clean: Any, y_clean: Any) -> tuple[Any, Tensor]:
        X_clean, y_clean = validate_data(self, X_clean, y_clean, reset=False, **ACCEPTED)
        y_clean = column_or_1d(y_clean, warn=True)
        unknown = [label for label in np.unique(y_clean).tolist() if label not in self.classes_]
        if unknown:
            raise BadInput(
                f"y_clean holds the class {unknown[0]!r}, which y has not: the classes of y are {_some(self.classes_)}"
            )
        return X_clean, torch.from_numpy(np.searchsorted(self.classes_, y_clean).astype(np.int64))

    def _check_left(self, codes: np.ndarray[Any, Any]) -> None:
        missing = np.delete(self.classes_, np.unique(codes))
        if len(codes) and len(missing):
            raise BadInput(
                f"every row of class {_some(missing)} is in the clean set, so none is left to train on: leave some out of "
                "clean=, or set train_on_clean=True"
            )

    def _check_classes(self, clean: np.ndarray[Any, Any]) -> None:
        missing = np.delete(self.classes_, np.unique(clean))
        if len(missing):
            raise BadInput(
                f"the clean set has no row of class {_some(missing)}, so the rows of such a class would lose their weight: "
                "check a few rows of each class, better ten"
            )


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels, reduction="none")


def _some(classes: Any) -> str:
    shown = ", ".join(repr(c) for c in classes.tolist()[:5])
    return shown + (", ..." if len(classes) > 5 else "")
