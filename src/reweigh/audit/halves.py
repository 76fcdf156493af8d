"""Is each label of a finished run right? By what two students said of each other's half, read or asked for."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch

from reweigh.errors import ReweighError
from reweigh.ledger.visits import Array
from reweigh.rightness import Rightness
from reweigh.rightness.witness import Witness
from reweigh.run.bench import Bench
from reweigh.run.finished import FinishedRun
from reweigh.run.folder.kept_halves import read_halves, write_halves
from reweigh.run.folder.run_folder import RunFolder
from reweigh.run.halves import Targets, rightness_of
from reweigh.run.job.prepare import RunData
from reweigh.run.job.unchecked import unchecked
from reweigh.run.objects import Objects
from reweigh.run.watcher import SILENT, Watcher


@dataclass(frozen=True)
class LabelsJudged:
    """Of the N training examples, in their order.

    Attributes:
        right: P(label right), (N,); 1 of checked ones.
        suggested: the most likely label, (N, ...), as y has it: the given one where that is it.
        probability: of that one, (N,); NaN of numbers.
        changed: where the suggested label is another than the given one, (N,).
        kind: the most likely kind of wrongness, (N,); empty where nothing is changed.
        of_all: what is known of all labels together, and whether to believe it.
    """

    right: Array
    suggested: Array
    probability: Array
    changed: Array
    kind: Array
    of_all: Rightness


def judged_by_halves(run: FinishedRun, data: RunData, watcher: Watcher = SILENT) -> LabelsJudged | None:
    """Rightness by two students of the run's settings; None where the task is not judged, or hardly anything is checked."""
    rows = unchecked(data)
    if rows is None:
        return None
    clean, others = Targets.of(data.clean), Targets.of(data.train).select(rows)
    folder = RunFolder(run.path)
    view = read_halves(folder, run.digests, clean, others)
    if view is None:
        view = _asked(run, data, watcher)
    found = rightness_of(view, clean, others, run.config.student.seed, data.before)
    judged = torch.cat([data.clean.y, others.y]).numpy()
    return _spread(found, judged, data.train.y.numpy(), rows.numpy())


def _asked(run: FinishedRun, data: RunData, watcher: Watcher) -> Witness:
    """The students trained now, and what they said kept where the folder can be written to."""
    objects = Objects(model=None if isinstance(run.given, str) else run.given)
    halves = Bench(run.config, data, watcher, objects).halves
    assert halves is not None
    with suppress(ReweighError):  # a folder that cannot be written to is asked about anew each time
        run.keep(lambda folder, digests: write_halves(folder, digests, halves))
    return halves.witness(torch.arange(len(data.clean)))


def _spread(found: Rightness, judged: Array, given: Array, rows: Array) -> LabelsJudged:
    """From the checked and the `rows` that are not, whose labels were `judged` in that order, to all training examples."""
    best, ours = found.likeliest(judged), ~found.checked
    right, probability = np.ones(len(given)), np.ones(len(given))
    changed, suggested = np.zeros(len(given), dtype=bool), given.copy()
    kind = np.full(len(given), "", dtype=object)
    right[rows], probability[rows], changed[rows] = found.right[ours], best.probability[ours], best.changed[ours]
    suggested[rows] = best.labels[ours]
    kind[rows] = np.where(best.changed, found.kind, "")[ours]
    return LabelsJudged(right, suggested, probability, changed, kind, found)
