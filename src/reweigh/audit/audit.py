"""An audit: what a run learnt about each training label, in one table.

Two witnesses are heard. The ledger says how far training trusted an example; the finished model says which label it would
give instead. Where both speak against a label (little trust, another prediction) it counts as an issue, and the share of
issues in a class is the estimate of its noise rate. A model that is often wrong itself contradicts right labels too, so the
estimate is then mostly too high.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reweigh.audit.finished import FinishedRun, ledger_summary, open_run, trained_model
from reweigh.audit.predict import predict
from reweigh.audit.quality import label_quality, most_distrusted_first, trust
from reweigh.data import Examples
from reweigh.errors import BadInput
from reweigh.ledger.visits import Array
from reweigh.training.prepare import prepare

THRESHOLD = 0.5
_EQUAL = 1e-4


@dataclass(frozen=True)
class Audit:
    """One row a training example, in the training set's order: (N,) each; NaN where it was never seen.

    Attributes:
        examples: the training set, `run` the run that it comes from.
        given, suggested: class numbers; where the model agrees with the label the two are the same.
        given_probability, suggested_probability: the finished model's.
        mean_weight, zero_share, mean_alignment, trend: of the ledger; weights are relative, 1 is as in plain training.
        loss: mean over the epochs.
        trust: the share of visits at which it had a weight, ties broken; see `quality.trust`.
        quality: from 0 (bad) to 1, for the label.
        issue: bool; trust below the threshold, and the model says something else.
        order: rows, most distrusted first.
    """

    run: FinishedRun
    examples: Examples
    given: Array
    suggested: Array
    given_probability: Array
    suggested_probability: Array
    mean_weight: Array
    zero_share: Array
    mean_alignment: Array
    trend: Array
    loss: Array
    trust: Array
    quality: Array
    issue: Array
    order: Array

    def __len__(self) -> int:
        """The number of examples, N."""
        return len(self.given)

    @property
    def corrupted(self) -> Array | None:
        """(N,) bool: which labels are wrong; None where none is known to be."""
        wrong: Array = self.examples.corrupted.numpy()
        return wrong if wrong.any() else None

    def per_class(self, values: Array) -> Array:
        """Means of `values` (N,) over the examples of each given class (C,); NaN for a class without any."""
        known = ~np.isnan(values.astype(np.float64))
        classes = len(self.examples.classes)
        sums = np.bincount(self.given[known], values[known].astype(np.float64), classes)
        with np.errstate(invalid="ignore"):
            return sums / np.bincount(self.given[known], minlength=classes)

    @property
    def noise_rates(self) -> Array:
        """The estimated share of wrong labels in each given class, (C,)."""
        return self.per_class(self.issue)

    @property
    def confusion(self) -> Array:
        """(C, C) counts: given label by the finished model's prediction."""
        classes = len(self.examples.classes)
        return np.bincount(self.given * classes + self.suggested, minlength=classes**2).reshape(classes, classes)


def audit_run(path: Path | str, *, data_root: Path | str | None = None, threshold: float = THRESHOLD) -> Audit:
    """Audit the finished run in the folder `path`: reads its ledger, loads its data, and asks its model once.

    Raises:
        BadInput: if the folder holds no finished run, its files are damaged or do not belong together, the data cannot be
            had, or the rule trusted every example alike.
    """
    if not 0 <= threshold <= 1:
        raise BadInput(f"the threshold is {threshold}: give a share from 0 to 1, such as 0.5")
    run = open_run(path, data_root)
    examples = prepare(run.config).train
    summary, rows = ledger_summary(run, examples)
    if np.ptp(summary.mean_weight) < _EQUAL:
        raise BadInput(
            f"the rule {run.config.rule} trusted every example of {run.path} alike: audit a run with --rule l2rw or another "
            "that learns weights"
        )

    def spread(values: Array) -> Array:
        column = np.full(len(examples), np.nan)
        column[rows] = values
        return column

    mean_weight, zero_share = spread(summary.mean_weight), spread(summary.zero_share)
    alignment, visits = spread(summary.mean_alignment), np.nan_to_num(spread(summary.visits)).astype(np.int64)
    trusted, loss = trust(mean_weight, zero_share, alignment, visits), spread(summary.mean_loss)
    quality = label_quality(trusted, loss)
    said = predict(trained_model(run, examples), examples)
    given, suggested = examples.y.numpy(), said.suggested.numpy()
    return Audit(
        run=run,
        examples=examples,
        given=given,
        suggested=suggested,
        given_probability=said.given_probability.numpy(),
        suggested_probability=said.suggested_probability.numpy(),
        mean_weight=mean_weight,
        zero_share=zero_share,
        mean_alignment=alignment,
        trend=spread(summary.trend),
        loss=loss,
        trust=trusted,
        quality=quality,
        issue=(np.nan_to_num(trusted, nan=1.0) < threshold) & (suggested != given),
        order=most_distrusted_first(quality),
    )
