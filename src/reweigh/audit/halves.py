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
from reweigh.rightness import Rightness, View
from reweigh.rightness.judging import rightness_of
from reweigh.rightness.nearness import ClassMeans
from reweigh.rightness.verifier import USUAL_KINDS
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
        suggested: the most likely label, (N,): the given one where that is it.
        probability: of that one, (N,).
        kind: the most likely kind of wrongness, (N,); empty where the suggested label is the given one.
        of_all: what is known of all labels together, and whether to believe it.
    """

    right: Array
    suggested: Array
    probability: Array
    kind: Array
    of_all: Rightness


def judged_by_halves(run: FinishedRun, data: RunData) -> LabelsJudged | None:
    """Rightness by two students of the run's settings; None where the task has no classes, or hardly anything is checked."""
    task = data.train.task
    if not task.has_classes or task.outputs < 2 or len(data.clean) < _LEAST_CHECKED:
        return None
    unchecked = torch.nonzero(~torch.isin(data.train.ids, data.clean.ids)).flatten()
    if len(unchecked) < 2:
        return None
    with kept():
        view = _judged(run, data, unchecked)
    labels, m = torch.cat([data.clean.y, data.train.y[unchecked]]), len(data.clean)
    classes = np.arange(task.outputs)
    found = rightness_of(view, labels, torch.arange(m), classes, kinds=USUAL_KINDS, seed=run.config.student.seed)
    return _spread(found, data.train.y.numpy(), unchecked.numpy(), m)


def _spread(found: Rightness, given: Array, rows: Array, checked: int) -> LabelsJudged:
    """From the checked and the `rows` that are not, to all training examples."""
    right, probability = np.ones(len(given)), np.ones(len(given))
    suggested, kind = given.copy(), np.full(len(given), "", dtype=object)
    right[rows] = found.right[checked:]
    other = (1 - found.right[checked:]) * found.likely[checked:]
    changed = other > found.right[checked:]
    probability[rows] = np.where(changed, other, found.right[checked:])
    suggested[rows[changed]] = found.suggested[checked:][changed]
    kind[rows[changed]] = found.kind[checked:][changed]
    return LabelsJudged(right, suggested, probability, kind, found)


def _judged(run: FinishedRun, data: RunData, unchecked: Tensor) -> View:
    """The view of the checked examples and then of the rows `unchecked`, each by a student that has not seen it."""
    settings, given = run.config.student, None if isinstance(run.given, str) else run.given
    student = build_student(settings, data.train, data.encoding, given)
    fresh, inputs = learnt_from(student, data, "none", _CPU, lambda _: None)
    generator = torch.Generator().manual_seed(seed_for(settings.seed, "halves"))
    half = torch.zeros(len(unchecked), dtype=torch.bool)
    half[torch.randperm(len(unchecked), generator=generator)[: len(unchecked) // 2]] = True
    turn = torch.empty(len(data.clean), dtype=torch.bool)  # class by class, one student's and the other's
    turn[data.clean.y.argsort(stable=True)] = torch.arange(len(data.clean)) % 2 == 0
    examples = torch.cat([turn, half])
    said = torch.empty(len(examples), data.train.task.outputs, dtype=torch.double)
    near = torch.empty_like(said)
    for which in (True, False):
        torch.manual_seed(seed_for(settings.seed, "halves", int(which)))
        student = copy.deepcopy(fresh)
        _train(student, settings, inputs.train, unchecked[half == which], generator)
        seen = _views(student, inputs, unchecked[half != which])
        for part, whole in zip(seen, (said, near), strict=True):
            whole[: len(turn)][turn == which] = part[: len(turn)][turn == which]
            whole[len(turn) :][half != which] = part[len(turn) :]
    return View(said, near)


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


def _views(student: nn.Module, inputs: RunData, rows: Tensor) -> tuple[Tensor, Tensor]:
    """What the student says of the checked examples and then of these rows, and how near they lie to the checked ones."""
    try:
        places = usual_places(student)[-1:]
    except BadInput:
        places = []  # a model of somebody's own, without a layer that we know: it is heard, and nearness is not
    y, count = inputs.clean.y, inputs.train.task.outputs
    checked_said, checked_states = _looked(student, inputs.clean, torch.arange(len(y)), places)
    said, states = _looked(student, inputs.train, rows, places)
    means = ClassMeans.of(checked_states, y, count)
    near = torch.cat([means.near_without(checked_states, y), means.near(states)])
    return torch.cat([checked_said, said]), near


def _looked(student: nn.Module, examples: Examples, rows: Tensor, places: list[str]) -> tuple[Tensor, Tensor]:
    """Log-probabilities (n, K) and states (n, D), in eval mode; the logits are the state where no other is known."""
    student.eval()
    said, states = list[Tensor](), list[Tensor]()
    for part in rows.split(_AT_ONCE):
        with watching(student, places) as seen, torch.no_grad():
            logits = finite(student(examples.batch(part)["x"])).double()
        said.append(logits.log_softmax(1))
        states.append(torch.cat([seen.states[place].double() for place in places], 1) if places else logits)
    return torch.cat(said), torch.cat(states)
