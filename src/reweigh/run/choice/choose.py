"""The choice of a rule for a run: candidates are trained for a short while, twice, each time without a part that judges them.

Each time another half of the checked examples and another part of the others are held back. How likely the given labels of
these are right is told by a verifier (`reweigh.rightness`) with two witnesses that have not seen them: what the candidates
say together, and what a model says that was trained by checked examples alone.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from reweigh.data.sampling import seed_for
from reweigh.errors import BadInput, ReweighError
from reweigh.rightness import View
from reweigh.rightness.judging import rightness_of
from reweigh.rightness.verifier import USUAL_KINDS
from reweigh.rules import registry
from reweigh.rules.baselines import CheckedOnly
from reweigh.run.choice.bench import Bench, Note
from reweigh.run.choice.candidates import Candidates, candidates
from reweigh.run.choice.decide import Choice, Tried, best_of, compared, hopeless, told
from reweigh.run.choice.scoring import macro_f1, of_task
from reweigh.run.job.prepare import RunData, joined, with_clean_kept
from reweigh.run.objects import NONE, Objects
from reweigh.run.world import World
from reweigh.settings import Resolved
from reweigh.tasks import Task
from reweigh.words import counted

FOLDS, LEAST_OF_CLASS, LEAST = 2, 4, 8
HELD, MOST_HELD = 0.25, 2000
"""The share of the given labels that are held back each time, and how many at most."""
SHARE, LEAST_STEPS = 0.2, 600
Train = Callable[[str, Tensor, Tensor], Tensor]
"""From a rule and the rows of given (g,) and checked examples (h,) that are held back to what its model says of these."""


class Labels(NamedTuple):
    """Of the examples that are not checked, (N, ...), as given; and of the checked ones, (m, ...)."""

    given: Tensor
    checked: Tensor


def settled(
    config: Resolved, data: RunData, note: Note, objects: Objects = NONE, world: World | None = None
) -> tuple[Resolved, Choice | None]:
    """The settings with a rule in the place of `auto`, and how it was chosen; as they are where another rule stands there.

    Raises:
        BadInput: if there are options of a rule, which nobody can know.
        NonFinite: if training of every candidate stops being finite.
    """
    if config.weights.rule != registry.AUTO:
        return config, None
    if config.weights.rule_option:
        raise BadInput("a rule's own options are given, and no rule that has them: name it with --rule")
    train, clean = data.train, data.clean
    open_ = (~torch.isin(train.ids, clean.ids)).nonzero().flatten()
    ways = candidates(train.task, checked_kept=config.weights.keep_clean_in_train)
    labels = Labels(train.y[open_], clean.y)
    bench = None if (said := _too_few(train.task, labels)) else Bench(config, data, note, objects, world)
    if bench is None:
        choice = Choice(ways.safe, f"{said}: {ways.safe} is safe", {})
    else:
        steps = budget(bench.steps)
        note(
            f"choosing a rule: {len(ways.names)} are tried {FOLDS} times each for {steps} steps, beside {bench.steps} of "
            "the run (--rule names one instead)"
        )
        choice = chosen_rule(train.task, labels, ways, _on(bench, config, open_, steps), config.student.seed, steps)
    note(f"rule {choice.rule}: {choice.why}")
    return config.but(rule=choice.rule), choice


def budget(steps: int) -> int:
    """How many of a run's steps are made with each candidate."""
    return min(steps, max(LEAST_STEPS, round(SHARE * steps)))


def _on(bench: Bench, config: Resolved, open_: Tensor, steps: int) -> Train:
    def outputs(rule: str, given: Tensor, checked: Tensor) -> Tensor:
        data, keep = bench.inputs, torch.ones(len(bench.inputs.train), dtype=torch.bool)
        stay, away = torch.ones(len(data.clean), dtype=torch.bool), data.clean.select(checked)
        stay[checked] = False
        keep[open_[given]] = False
        keep &= ~torch.isin(data.train.ids, away.ids)
        asked = joined(data.train.select(open_[given]), away)
        parts = data._replace(train=data.train.select(keep), clean=data.clean.select(stay), test=asked, held=None)
        return bench.outputs(with_clean_kept(config, parts), steps, rule)

    return outputs


def _too_few(task: Task, labels: Labels) -> str | None:
    """Why nothing can be held back, if that is so."""
    if len(labels.given) < LEAST:
        return f"there are {counted(len(labels.given), 'example')} that are not checked, too few to try rules on"
    if task.has_classes and labels.checked.ndim == 1:
        fewest = int(labels.checked.unique(return_counts=True)[1].min()) if len(labels.checked) else 0
        if fewest < LEAST_OF_CLASS:
            return f"a class has {counted(fewest, 'checked example')}, too few to hold some back and try rules"
    if len(labels.checked) < LEAST:
        return f"there are {counted(len(labels.checked), 'checked example')}, too few to hold some back and try rules"
    return None


def chosen_rule(task: Task, labels: Labels, ways: Candidates, train: Train, seed: int, steps: int) -> Choice:
    """Try the candidates and choose.

    Raises:
        NonFinite: if training of every candidate stops being finite.
    """
    generator = torch.Generator().manual_seed(seed_for(seed, "auto"))
    given, checked = _held_back(task, labels, generator)
    names, said, left, made = list(ways.names), dict[str, list[Tensor]](), dict[str, Tried](), 0
    for turn, (g, h) in enumerate(zip(given, checked, strict=True)):
        for name in tuple(names):
            try:
                said.setdefault(name, []).append(train(name, g, h))
                made += steps
            except ReweighError:  # a model without logits has no verifier, a rate may be too high for one of them
                names.remove(name)
                if not names:
                    raise
        safe = ways.safe if ways.safe in names else names[-1]
        tried = _compared(task, {name: said[name] for name in names}, safe, labels, given, checked, seed)
        if turn + 1 < FOLDS:
            left = hopeless(tried, safe)
            names = [name for name in names if name not in left]
    rule = best_of(tried, safe)
    return Choice(rule, told(tried, left, rule, safe, task.compared, len(labels.checked)), {**tried, **left}, made)


def _held_back(task: Task, labels: Labels, generator: torch.Generator) -> tuple[list[Tensor], list[Tensor]]:
    """Rows of given and of checked examples for each time; each class gives as many of its checked ones each time."""
    count = len(labels.given)
    each = min(MOST_HELD, max(1, round(HELD * count)))
    given = list(torch.randperm(count, generator=generator)[: FOLDS * each].split(each))
    order = torch.randperm(len(labels.checked), generator=generator)
    if task.has_classes and labels.checked.ndim == 1:
        order = order[labels.checked[order].argsort(stable=True)]
    return given, [order[k::FOLDS] for k in range(FOLDS)]


def _compared(
    task: Task,
    said: dict[str, list[Tensor]],
    safe: str,
    labels: Labels,
    given: list[Tensor],
    checked: list[Tensor],
    seed: int,
) -> dict[str, Tried]:
    """Each way beside the safe one, by what they said of the parts that were held back so far."""
    generator, turns = torch.Generator().manual_seed(seed_for(seed, "auto", "resamples")), len(said[safe])
    wanted, ours = (labels.checked[torch.cat(checked[:turns])], labels.given[torch.cat(given[:turns])])
    parts = {name: [one.split([len(g), len(h)]) for one, g, h in zip(every, given, checked, strict=False)] for name, every in said.items()}
    of_checked = {name: torch.cat([part[1] for part in every]) for name, every in parts.items()}
    if not task.has_classes or wanted.ndim > 1 or task.outputs < 2:
        scores = of_task(task, list(of_checked.values()), wanted, generator)
        return compared(list(said), safe, scores, None, len(wanted))
    of_given = {name: torch.cat([part[0] for part in every]) for name, every in parts.items()}
    right = _right(of_given, of_checked, ours, wanted, seed)
    shares = torch.zeros(task.outputs, dtype=torch.double).index_add_(0, ours, right)
    stands = (shares / torch.bincount(wanted, minlength=task.outputs).clamp_min(1))[wanted]
    scores = macro_f1(list(of_checked.values()), wanted, stands, generator)
    beside = macro_f1(list(of_given.values()), ours, right, generator)
    return compared(list(said), safe, scores, beside, len(wanted))


def _right(
    of_given: dict[str, Tensor], of_checked: dict[str, Tensor], given: Tensor, checked: Tensor, seed: int
) -> Tensor:
    """How likely each of the given labels (g,) is right, taught by the checked ones (h,)."""
    sure = {name: torch.cat([of_given[name], of_checked[name]]).double().log_softmax(1) for name in of_given}
    alone = sure.pop(CheckedOnly.name, None) if len(sure) > 1 else None
    view = View(torch.stack(list(sure.values())).mean(0).log_softmax(1), alone)
    y, which = torch.cat([given, checked]), torch.arange(len(given), len(given) + len(checked))
    classes = np.arange(view.classes)
    found = rightness_of(view, y, which, classes, kinds=USUAL_KINDS, seed=seed_for(seed, "auto") % 2**31)
    return torch.from_numpy(found.right[: len(given)])
