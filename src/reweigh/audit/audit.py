"""An audit: what a run learnt about each training label, in one table.

Two witnesses are heard. The ledger says how far training trusted an example; the finished model says which label it would
give instead. Where both speak against a label (little trust, another prediction) it counts as an issue, and the share of
issues in a class is the estimate of its noise rate. A model that is often wrong itself contradicts right labels too, so the
estimate is then mostly too high. Of a regression the model says otherwise where its value is further from the given one than
three times the usual distance. Examples of own data that were named as checked are not audited.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.audit.judge import judge
from reweigh.audit.quality import label_quality, most_distrusted_first, trust
from reweigh.data import Examples
from reweigh.data.own import Encoding, Names
from reweigh.errors import BadInput
from reweigh.ledger.visits import Array
from reweigh.run.finished import FinishedRun, audited_data, ledger_summary, open_run, trained_model
from reweigh.tasks import Groups, Task

THRESHOLD = 0.5
_EQUAL = 1e-4


@dataclass(frozen=True)
class Audit:
    """One row a training example, in the training set's order: (N,) each; NaN where it was never seen.

    Attributes:
        examples: the training set, `run` the run that it comes from.
        given, suggested: class numbers; where the model agrees with the label the two are the same. Of a regression values
            in the target's units, of several labels (N, L) zeros and ones.
        given_probability, suggested_probability: the finished model's; NaN of a regression.
        mean_weight, zero_share, mean_alignment, trend: of the ledger; weights are relative, 1 is as in plain training.
        loss: mean over the epochs.
        trust: the share of visits at which it had a weight, ties broken; see `quality.trust`.
        quality: from 0 (bad) to 1, for the label.
        issue: bool; trust below the threshold, and the model says something else.
        order: rows, most distrusted first.
        names, encoding: what the user calls the examples, and how they became numbers; None for a known data set.
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
    names: Names | None = None
    encoding: Encoding | None = None

    def __len__(self) -> int:
        """The number of examples, N."""
        return len(self.given)

    @property
    def corrupted(self) -> Array | None:
        """(N,) bool: which labels are wrong; None where none is known to be."""
        wrong: Array = self.examples.corrupted.numpy()
        return wrong if wrong.any() else None

    @property
    def task(self) -> Task:
        """What was learnt."""
        return self.examples.task

    @cached_property
    def groups(self) -> Groups:
        """The classes, the labels, or ranges of a regression's target."""
        return self.task.groups(self.given, self.suggested)

    def name(self, row: int) -> str:
        """What the user calls the example: a name of their own, or the id."""
        identity = int(self.examples.ids[row])
        return str(identity) if self.names is None else self.names[identity]

    def told(self, label: Any) -> str:
        """A given or suggested label in words."""
        return self.task.told(label)

    @property
    def contradicted(self) -> Array:
        """(N,) bool: where the finished model says something else than the label."""
        return self.task.contradicts(self.given, self.suggested)

    def per_class(self, values: Array) -> Array:
        """Means of `values` (N,) over the examples of each given class (C,) or other group; NaN for one without any."""
        return self.groups.mean(values)

    @property
    def noise_rates(self) -> Array:
        """The estimated share of wrong labels in each given class, (C,), or other group."""
        return self.per_class(self.issue)

    @property
    def confusion(self) -> Array:
        """(C, C) counts: given label by the finished model's prediction."""
        return self.groups.confusion


def audit_run(
    path: Path | str,
    *,
    data_root: Path | str | None = None,
    threshold: float = THRESHOLD,
    model: Any = None,
    task: str | type[Task] | None = None,
) -> Audit:
    """Audit the finished run in the folder `path`: reads its ledger, loads its data, and asks its model once.

    A model of one's own ("module:function") or of Hugging Face ("hf:NAME") has to be named again by `model`, and a task of
    one's own ("module:Class") by `task`; what was an object in Python is given again.

    Raises:
        BadInput: if the folder holds no finished run, its files are damaged, were edited or do not belong together, the data
            cannot be had, the model is to be named, or the rule trusted every example alike.
    """
    if not 0 <= threshold <= 1:
        raise BadInput(f"the threshold is {threshold}: give a share from 0 to 1, such as 0.5")
    run = open_run(path, data_root, model, task)
    data = audited_data(run)
    examples = data.train
    summary, rows = ledger_summary(run, examples, data.clean.ids.numpy())
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
    learnt = examples.task
    trained = trained_model(run, tuple(examples.x.shape[1:]), learnt.outputs, data.encoding)
    said = judge(trained, examples)
    given, suggested = (learnt.in_units(y).numpy() for y in (examples.y, said.suggested))
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
        issue=(np.nan_to_num(trusted, nan=1.0) < threshold) & learnt.contradicts(given, suggested),
        order=most_distrusted_first(quality),
        names=data.names,
        encoding=data.encoding,
    )
