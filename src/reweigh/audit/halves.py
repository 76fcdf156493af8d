"""Is each label right? Two students that judge each other's half, and neither has seen a checked example.

What a finished model says of labels that it was trained on is worth little: it has learnt many of them by heart. So two
students like the run's own are trained afresh, for a short while, each on one half of the training set without the checked
examples, and each judges the other half. The verifier is taught by the checked ones, which are out of fold as well.
"""

import copy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from reweigh.data import Examples
from reweigh.data.sampling import batches, seed_for, steps_an_epoch
from reweigh.errors import BadInput
from reweigh.ledger.visits import Array
from reweigh.rightness import Rightness
from reweigh.rightness.witness import Witness
from reweigh.rng import kept
from reweigh.run.finished import FinishedRun
from reweigh.run.job.evaluate import finite
from reweigh.run.job.features import learnt_from
from reweigh.run.job.job import build_optimizer, loss_on
from reweigh.run.job.prepare import RunData
from reweigh.run.job.student import build_student
from reweigh.settings.student import ResolvedStudent
from reweigh.states import usual_places, watching

LEAST_STEPS, SHARE = 300, 0.2
_LEAST_CHECKED, _AT_ONCE = 4, 1000
_CPU = torch.device("cpu")


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


def judged_by_halves(run: FinishedRun, data: RunData) -> LabelsJudged | None:
    """Rightness by two students of the run's settings; None where the task is not judged, or hardly anything is checked."""
    task = data.train.task
    judging = task.judging
    if judging is None or len(data.clean) < _LEAST_CHECKED:
        return None
    unchecked = torch.nonzero(~torch.isin(data.train.ids, data.clean.ids)).flatten()
    if len(unchecked) < 2:
        return None
    with kept():
        view = _judged(run, data, unchecked, judging.witness)
    labels, checked = torch.cat([data.clean.y, data.train.y[unchecked]]), torch.arange(len(data.clean))
    found = task.judged(view, labels, checked, run.config.student.seed)
    return _spread(found, labels.numpy(), data.train.y.numpy(), unchecked.numpy())


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


def _judged(run: FinishedRun, data: RunData, unchecked: Tensor, witness: type[Witness]) -> Witness:
    """What is known of the checked examples and then of the rows `unchecked`, each by a student that has not seen it."""
    settings, given = run.config.student, None if isinstance(run.given, str) else run.given
    student = build_student(settings, data.train, data.encoding, given)
    fresh, inputs = learnt_from(student, data, "none", _CPU, lambda _: None)
    generator = torch.Generator().manual_seed(seed_for(settings.seed, "halves"))
    half = torch.zeros(len(unchecked), dtype=torch.bool)
    half[torch.randperm(len(unchecked), generator=generator)[: len(unchecked) // 2]] = True
    turn = _turns(data.clean.y)
    parts, places, m = [], [], len(turn)
    for which in (True, False):
        torch.manual_seed(seed_for(settings.seed, "halves", int(which)))
        student = copy.deepcopy(fresh)
        _train(student, settings, inputs.train, unchecked[half == which], generator)
        others = torch.nonzero(half != which).flatten()
        seen = _seen(student, inputs, unchecked[others], witness)
        mine = torch.nonzero(turn == which).flatten()
        parts.append(seen[torch.cat([mine, m + torch.arange(len(others))])])
        places.append(torch.cat([mine, m + others]))
    return witness.joined(parts)[torch.cat(places).argsort()]


def _turns(y: Tensor) -> Tensor:
    """Of which student a checked example is asked, (m,) bool: one's and the other's in turn, label by label."""
    _, like = y.unique(dim=0, return_inverse=True)
    turn = torch.empty(len(y), dtype=torch.bool)
    turn[like.argsort(stable=True)] = torch.arange(len(y)) % 2 == 0
    return turn


def _train(
    student: nn.Module, settings: ResolvedStudent, examples: Examples, rows: Tensor, draw: torch.Generator
) -> None:
    """Plainly, on these rows, for a fifth of the run's steps, or some hundreds where it had as many."""
    size = settings.batch_size
    whole = settings.steps_in_all(steps_an_epoch(len(examples), size))
    left = min(whole, max(LEAST_STEPS, round(SHARE * whole)))
    optimizer, loss = build_optimizer(settings, student), loss_on(_CPU, examples.task)
    student.train()
    while left > 0:
        order = rows[torch.randperm(len(rows), generator=draw)]
        for chosen in batches(order, size)[:left]:
            optimizer.zero_grad()
            with torch.enable_grad():
                loss(student, examples.batch(chosen)).mean().backward()
            optimizer.step()
            left -= 1


def _seen(student: nn.Module, inputs: RunData, rows: Tensor, witness: type[Witness]) -> Witness:
    """What is known of the checked examples and then of these rows, by this student."""
    known = inputs.train.task.seen(student.eval(), inputs.clean, inputs.train, rows)
    if known is not None:
        return known
    try:
        places = usual_places(student)[-1:]
    except BadInput:
        places = []  # a model of somebody's own, without a layer that we know: it is heard, and nearness is in what it says
    clean, train = inputs.clean, inputs.train
    looked = [_looked(student, clean, torch.arange(len(clean)), places), _looked(student, train, rows, places)]
    outputs, states = (torch.cat(part) for part in zip(*looked, strict=True))
    return witness.seen(outputs, states, torch.cat([clean.y, train.y[rows]]), torch.arange(len(clean)))


def _looked(student: nn.Module, examples: Examples, rows: Tensor, places: list[str]) -> tuple[Tensor, Tensor]:
    """Outputs (n, K) and states (n, D), in eval mode; the outputs are the state where no other is known."""
    student.eval()
    said, states = list[Tensor](), list[Tensor]()
    for part in rows.split(_AT_ONCE):
        with watching(student, places) as seen, torch.no_grad():
            outputs = finite(student(examples.batch(part)["x"])).double()
        said.append(outputs)
        states.append(torch.cat([seen.states[place].double() for place in places], 1) if places else outputs)
    return torch.cat(said), torch.cat(states)
