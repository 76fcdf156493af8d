"""The rule of an estimator where nobody names one: tried on part of the rows, as `reweigh train` does it."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reweigh import rng
from reweigh.hosts.sklearn.judges import Judges, Train, targets_of
from reweigh.hosts.sklearn.rows import Rows
from reweigh.hosts.sklearn.training import Parts
from reweigh.rules import registry
from reweigh.run.choice.candidates import Way, candidates, shorter
from reweigh.run.choice.choose import Trial, budget, chosen_way, folds, without_trials
from reweigh.run.choice.decide import Choice
from reweigh.run.choice.heard import Held
from reweigh.tasks import Task


def chosen(
    module: nn.Module,
    task: Task,
    parts: Parts,
    trained_on: Tensor,
    train: Train,
    judges: Judges | None,
    *,
    steps: int,
    length_open: bool,
) -> Choice:
    """The choice, and why; the module stays as it is, and so do the random number generators.

    Args:
        module: as it is before its first step.
        task: what is learnt.
        parts: all rows, and the clean ones, whose ids say which of them they are.
        trained_on: rows that are trained on, (n,); the clean ones may be among them.
        train: see there.
        judges: who says how likely a label is right; None where nobody does.
        steps: of the whole training, as long as usual.
        length_open: whether shorter ones are tried as well.

    Raises:
        NonFinite: if training by every rule stops being finite.
    """
    rows, clean, seed = parts.rows, parts.clean, parts.seed
    is_clean = torch.isin(trained_on, clean.ids)
    open_ = trained_on[~is_clean]
    ways = candidates(task, checked_kept=bool(is_clean.any()))
    held = Held(targets_of(task, rows.y[open_]), targets_of(task, clean.y), None)
    found = without_trials(task, held, ways)
    if found is not None:
        return found
    held = held._replace(right=None if judges is None else judges.right(clean.ids))
    device, tried = next(module.parameters()).device, budget(steps)

    def outputs(way: Way, given: Tensor, checked: Tensor) -> Tensor:
        stay = torch.ones(len(clean), dtype=torch.bool)
        stay[checked] = False
        away = torch.cat([open_[given], clean.ids[checked]])
        with rng.kept([device]):
            rng.seed(seed, [device])
            copied = copy.deepcopy(module)
            left = clean.select(stay.nonzero().flatten().numpy())
            train(copied, way.rule, left, trained_on[~torch.isin(trained_on, away)], way.steps or tried)
            return torch.cat([_asked(copied, rows, open_[given], device), _asked(copied, clean, checked, device)])

    some_wrong = None if judges is None else judges.some_wrong(clean.ids)
    lengths = shorter(tried) if length_open else ()
    trial = Trial(ways, lengths, some_wrong, tried, folds(rows.first, len(open_)), seed)
    found = chosen_way(task, held, trial, outputs)
    return found if found.way.steps is None else replace(found, usual=steps)


def not_comparable(rule: str, why: str) -> Choice:
    """What is done where there is nothing to choose by."""
    return Choice(Way(rule), f"{why}, so rules cannot be compared", {})


def default_for(rule: Any) -> bool:
    """Whether the rule is to be chosen."""
    return isinstance(rule, str) and rule == registry.AUTO


def _asked(module: nn.Module, rows: Rows, which: Tensor, device: torch.device) -> Tensor:
    """What the module makes of these rows, (n, outputs)."""
    module.eval()
    with torch.no_grad():
        made = [module(rows.batch(part)["x"].to(device)).cpu().float() for part in which.split(1000)]
    return torch.cat(made).reshape(len(which), -1)


def names_of(classes: np.ndarray[Any, Any]) -> tuple[str, ...]:
    """The classes as a task wants them."""
    return tuple(map(str, classes.tolist()))
