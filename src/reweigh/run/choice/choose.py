"""The choice of a rule: candidates are trained for a short while, twice, each time without a part that judges them.

Each time another half of the checked examples and another part of the others are held back.
"""

from collections.abc import Callable
from itertools import count

import torch
from torch import Tensor

from reweigh.data.sampling import seed_for
from reweigh.errors import BadInput, ReweighError
from reweigh.rules import registry
from reweigh.run.bench import Bench
from reweigh.run.choice.candidates import Candidates, candidates
from reweigh.run.choice.decide import Choice, Tried, best_of, hopeless, told
from reweigh.run.choice.heard import NOTHING, Heard, beside
from reweigh.run.job.prepare import RunData, joined, with_clean_kept
from reweigh.run.watcher import Watcher
from reweigh.settings import Resolved
from reweigh.tasks import MEASURES, Task
from reweigh.words import counted

FOLDS, LEAST_OF_CLASS, LEAST, LEAST_TAUGHT = 2, 4, 8, 4
HELD, MOST_HELD = 0.25, 2000
"""The share of the given labels that are held back each time, and how many at most."""
SHARE, LEAST_STEPS = 0.2, 600
TRIALS = "choosing a rule"
Train = Callable[[str, Tensor, Tensor], Tensor]
"""From a rule and the rows of given (g,) and checked examples (h,) that are held back to what its model says of these."""


def settled(config: Resolved, data: RunData, watcher: Watcher, bench: Bench) -> tuple[Resolved, Choice | None]:
    """The settings with a rule in the place of `auto`, and how it was chosen; as they are where another rule stands there.

    Candidates are trained on the `bench`, which is of these settings and data.

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
    labels = Heard(train.y[open_], clean.y)
    choice = without_trials(train.task, labels, ways)
    if choice is None:
        steps = budget(bench.steps)
        most = FOLDS * len(ways.names)
        trial = count(1)
        outputs = _on(bench, config, open_, steps, lambda rule: watcher.phase(TRIALS, rule, steps, (next(trial), most)))
        choice = chosen_rule(train.task, labels, ways, outputs, config.student.seed, steps)
    watcher.note(
        f"rule {choice.rule}, by trials: {choice.brief}" if choice.brief else f"rule {choice.rule}: {choice.why}",
        f"rule {choice.rule}: {choice.why}",
    )
    return config.but(rule=choice.rule), choice


def budget(steps: int) -> int:
    """How many of a run's steps are made with each candidate."""
    return min(steps, max(LEAST_STEPS, round(SHARE * steps)))


def _on(bench: Bench, config: Resolved, open_: Tensor, steps: int, begun: Callable[[str], None]) -> Train:
    def outputs(rule: str, given: Tensor, checked: Tensor) -> Tensor:
        begun(rule)
        data, keep = bench.inputs, torch.ones(len(bench.inputs.train), dtype=torch.bool)
        stay, away = torch.ones(len(data.clean), dtype=torch.bool), data.clean.select(checked)
        stay[checked] = False
        keep[open_[given]] = False
        keep &= ~torch.isin(data.train.ids, away.ids)
        asked = joined(data.train.select(open_[given]), away)
        parts = data._replace(train=data.train.select(keep), clean=data.clean.select(stay), test=asked, held=None)
        return bench.outputs(with_clean_kept(config, parts), steps, rule)

    return outputs


def without_trials(task: Task, labels: Heard, ways: Candidates) -> Choice | None:
    """What is taken where nothing can be held back, and why; None where something can."""
    said = _too_few(task, labels)
    if said is None:
        return None
    return Choice(ways.safe if len(labels.checked) >= LEAST_TAUGHT else registry.PLAIN, said, {})


def _too_few(task: Task, labels: Heard) -> str | None:
    """Why nothing can be held back, if that is so."""
    if len(labels.given) < LEAST:
        return f"there are {counted(len(labels.given), 'example')} that are not checked, too few to try rules on"
    if labels.checked.ndim == 1 and not labels.checked.is_floating_point():
        fewest = int(labels.checked.unique(return_counts=True)[1].min()) if len(labels.checked) else 0
        if fewest < LEAST_OF_CLASS:
            return f"a class has {counted(fewest, 'checked example')}, too few to hold some back and try rules"
    if len(labels.checked) < LEAST:
        return f"there are {counted(len(labels.checked), 'checked example')}, too few to hold some back and try rules"
    return None


def chosen_rule(task: Task, labels: Heard, ways: Candidates, train: Train, seed: int, steps: int) -> Choice:
    """Try the candidates and choose.

    Raises:
        NonFinite: if training of every candidate stops being finite.
    """
    generator = torch.Generator().manual_seed(seed_for(seed, "auto"))
    given, checked = _held_back(task, labels, generator)
    names, said, left, made = list(ways.names), dict[str, Heard](), dict[str, Tried](), 0
    for turn, (g, h) in enumerate(zip(given, checked, strict=True)):
        for name in tuple(names):
            try:
                outputs = train(name, g, h).split([len(g), len(h)])
                said[name] = said.get(name, NOTHING) + Heard(*outputs)
                made += steps
            except ReweighError:  # a model without logits has no verifier, a rate may be too high for one of them
                names.remove(name)
                if not names:
                    raise
        safe = ways.safe if ways.safe in names else names[-1]
        judged = [torch.cat(part[: turn + 1]) for part in (given, checked)]
        by = Heard(labels.given[judged[0]], labels.checked[judged[1]])
        tried = beside(task, {name: said[name] for name in names}, by, safe, seed)
        if turn + 1 < FOLDS:
            left = hopeless(tried, safe)
            names = [name for name in names if name not in left]
    rule = best_of(tried, safe)
    brief, scores = told(tried, left, rule, safe, task.compared, len(labels.checked))
    return Choice(rule, f"{brief} ({scores})", {**tried, **left}, made, f"{brief} ({MEASURES[task.compared].words})")


def _held_back(task: Task, labels: Heard, generator: torch.Generator) -> tuple[list[Tensor], list[Tensor]]:
    """Rows of given and of checked examples for each time; each class gives as many of its checked ones each time."""
    count = len(labels.given)
    each = min(MOST_HELD, max(1, round(HELD * count)))
    given = list(torch.randperm(count, generator=generator)[: FOLDS * each].split(each))
    order = torch.randperm(len(labels.checked), generator=generator)
    if labels.checked.ndim == 1 and not labels.checked.is_floating_point():
        order = order[labels.checked[order].argsort(stable=True)]
    return given, [order[k::FOLDS] for k in range(FOLDS)]
