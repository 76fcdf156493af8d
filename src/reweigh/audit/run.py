"""From a finished run to its audit: ledger, data, the students' verdict, and the model's where these tell nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from reweigh.audit.audit import Audit
from reweigh.audit.halves import LabelsJudged, judged_by_halves
from reweigh.audit.judge import judge
from reweigh.audit.quality import label_quality, most_distrusted_first, trust
from reweigh.errors import BadInput
from reweigh.ledger.visits import Array
from reweigh.rules import registry
from reweigh.run.finished import FinishedRun, audited_data, ledger_summary, open_run, trained_model
from reweigh.tasks import Task

THRESHOLD = 0.5
_EQUAL = 1e-4


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
            cannot be had, the model is to be named, or the rule trusted every example alike where rightness cannot be told.
    """
    if not 0 <= threshold <= 1:
        raise BadInput(f"the threshold is {threshold}: give a share from 0 to 1, such as 0.5")
    run = open_run(path, data_root, model, task)
    data = audited_data(run)
    examples = data.train
    summary, rows = ledger_summary(run, examples, data.clean.ids.numpy())

    def spread(values: Array) -> Array:
        column = np.full(len(examples), np.nan)
        column[rows] = values
        return column

    mean_weight, zero_share = spread(summary.mean_weight), spread(summary.zero_share)
    alignment, visits = spread(summary.mean_alignment), np.nan_to_num(spread(summary.visits)).astype(np.int64)
    trusted, loss = trust(mean_weight, zero_share, alignment, visits), spread(summary.mean_loss)
    learnt, y = examples.task, examples.y.numpy()
    trained = trained_model(run, tuple(examples.x.shape[1:]), learnt.outputs, data.encoding)
    judged = judged_by_halves(run, data)
    told = None if judged is None or not judged.of_all.evidence.ranks else judged
    drawn_by = judged if _draws(run) else None
    if drawn_by is not None:  # and what is drawn counts alike
        trusted, mean_weight = drawn_by.right, drawn_by.right / drawn_by.right.mean()
    if told is None:
        if drawn_by is None and (not len(rows) or np.ptp(summary.mean_weight) < _EQUAL):
            what = "trusted every example of {} alike" if len(rows) else "trained {} on the checked examples alone"
            raise BadInput(
                f"the rule {run.config.weights.rule} {what.format(run.path)}, and {_why(judged)}: audit a run with "
                "--rule l2rw or another that learns weights"
            )
        said = judge(trained, examples)
        quality = label_quality(trusted, loss)
        given, suggested = (learnt.in_units(labels).numpy() for labels in (examples.y, said.suggested))
        likely = said.given_probability.numpy(), said.suggested_probability.numpy()
        issue = (np.nan_to_num(trusted, nan=1.0) < threshold) & learnt.contradicts(given, suggested)
    else:
        given, suggested = (learnt.in_units(torch.from_numpy(labels)).numpy() for labels in (y, told.suggested))
        quality, likely = told.right, (told.right, told.probability)
        issue = (told.right < threshold) & told.changed
    return Audit(
        run=run,
        examples=examples,
        given=given,
        suggested=suggested,
        given_probability=likely[0],
        suggested_probability=likely[1],
        mean_weight=mean_weight,
        zero_share=zero_share,
        mean_alignment=alignment,
        trend=spread(summary.trend),
        loss=loss,
        trust=trusted,
        quality=quality,
        issue=issue,
        order=most_distrusted_first(quality, trusted),
        checked=data.clean,
        tested=data.test,
        judged=judged,
        names=data.names,
        encoding=data.encoding,
    )


def _draws(run: FinishedRun) -> bool:
    """Whether the run's rule says how likely examples are drawn, in the place of weights."""
    entry = registry.inside(run.config.weights.rule)
    return entry is not None and entry.kind.thins


def _why(judged: LabelsJudged | None) -> str:
    return "right labels cannot be told from wrong ones" if judged else "whether labels are right is not told here"
