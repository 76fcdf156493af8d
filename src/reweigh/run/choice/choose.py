"""The choice of a rule: candidates are trained for a short while, some times, each time without a part that judges it.

Each time another part of the checked examples and another of the others are held back.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import NamedTuple

import torch
from torch import Tensor

from reweigh.data.sampling import seed_for
from reweigh.data.stored import Inputs
from reweigh.errors import BadInput, ReweighError
from reweigh.rules import registry
from reweigh.run.bench import Bench
from reweigh.run.choice.candidates import Candidates, Way, candidates, shorter
from reweigh.run.choice.decide import Choice, Tried, best_of, hopeless, told
from reweigh.run.choice.heard import NOTHING, Heard, Held, beside
from reweigh.run.halves import is_cheap
from reweigh.run.job.prepare import RunData, joined, with_clean_kept
from reweigh.run.watcher import Watcher
from reweigh.settings import Resolved
from reweigh.tasks import MEASURES, Task
from reweigh.words import counted

FOLDS, CHEAP_FOLDS = 2, 4
"""How often each way is tried; more often where given labels are few and tell less, and a step costs next to nothing."""
LEAST_OF_CLASS, LEAST, LEAST_TAUGHT = 2, 8, 4
HELD, MOST_HELD = 0.25, 2000
"""The share of the given labels that are held back each time, and how many at most."""
SHARE, LEAST_STEPS = 0.2, 600
TRIALS = "choosing a rule"
Train = Callable[[Way, Tensor, Tensor], Tensor]
"""From a way and the rows of given (g,) and checked examples (h,) that are held back to what its model says of these."""


def settled(
    config: Resolved, data: RunData, watcher: Watcher, bench: Bench, *, length_open: bool
) -> tuple[Resolved, Choice | None]:
    """The settings with a rule in the place of `auto`, and how it was chosen; as they are where another rule stands there.

    Candidates are trained on the `bench`, which is of these settings and data. Where the `length_open` is, nobody having
    said how long to train, shorter runs are tried as well.

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
    held = Held(train.y[open_], clean.y, None)
    choice = without_trials(train.task, held, ways)
    if choice is None:
        steps, times = budget(bench.steps), folds(bench.inputs.train.x, len(open_))
        lengths = shorter(steps) if length_open else ()
        trial = Trial(ways, lengths, bench.some_wrong(clean.ids), steps, times, config.student.seed)
        held = held._replace(right=bench.right(clean.ids), borne_out=bench.borne_out(clean.ids))
        number, most = count(1), times * len(trial.ways)
        outputs = _on(
            bench,
            config,
            open_,
            lambda way: watcher.phase(TRIALS, str(way), way.steps or steps, (next(number), most)),
            steps,
        )
        choice = chosen_way(train.task, held, trial, outputs)
    in_full = f"rule {choice.way}: {choice.why}"
    watcher.note(f"rule {choice.way}, by trials: {choice.brief}" if choice.brief else in_full, in_full)
    ruled = config.but(rule=choice.rule)
    if choice.way.steps is None:
        return ruled, choice
    return bench.shortened(ruled, choice.way.steps), replace(choice, usual=bench.steps)


def budget(steps: int) -> int:
    """How many of a run's steps are made with each candidate."""
    return min(steps, max(LEAST_STEPS, round(SHARE * steps)))


def _on(bench: Bench, config: Resolved, open_: Tensor, begun: Callable[[Way], None], steps: int) -> Train:
    def outputs(way: Way, given: Tensor, checked: Tensor) -> Tensor:
        begun(way)
        data, keep = bench.inputs, torch.ones(len(bench.inputs.train), dtype=torch.bool)
        stay, away = torch.ones(len(data.clean), dtype=torch.bool), data.clean.select(checked)
        stay[checked] = False
        keep[open_[given]] = False
        keep &= ~torch.isin(data.train.ids, away.ids)
        asked = joined(data.train.select(open_[given]), away)
        parts = data._replace(train=data.train.select(keep), clean=data.clean.select(stay), test=asked, held=None)
        return bench.outputs(with_clean_kept(config, parts), way.steps or steps, way.rule)

    return outputs


def folds(x: Inputs, given: int) -> int:
    """How often each way is tried on such inputs with so many given labels."""
    return CHEAP_FOLDS if is_cheap(x, given) else FOLDS


def without_trials(task: Task, held: Held, ways: Candidates) -> Choice | None:
    """What is taken where nothing can be held back, and why; None where something can."""
    said = _too_few(task, held)
    if said is None:
        return None
    return Choice(Way(ways.safe if len(held.checked) >= LEAST_TAUGHT else registry.PLAIN), said, {})


def _too_few(task: Task, held: Held) -> str | None:
    """Why nothing can be held back, if that is so."""
    if len(held.given) < LEAST:
        return f"there are {counted(len(held.given), 'example')} that are not checked, too few to try rules on"
    if held.checked.ndim == 1 and not held.checked.is_floating_point():
        fewest = int(held.checked.unique(return_counts=True)[1].min()) if len(held.checked) else 0
        if fewest < LEAST_OF_CLASS:
            return f"a class has {counted(fewest, 'checked example')}, too few to hold some back and try rules"
    if len(held.checked) < LEAST:
        return f"there are {counted(len(held.checked), 'checked example')}, too few to hold some back and try rules"
    return None


class Trial(NamedTuple):
    """What is tried.

    Attributes:
        rules: the rules, each for as long as the run and for these shorter `lengths`.
        some_wrong: whether some labels are wrong for sure; None where nobody can tell.
        steps: how many are made with those that are as long as the run.
        folds: how often each is tried.
        seed: of all that is drawn.
    """

    rules: Candidates
    lengths: tuple[int, ...]
    some_wrong: bool | None
    steps: int
    folds: int
    seed: int

    @property
    def ways(self) -> tuple[Way, ...]:
        """Each rule for each length."""
        return self.rules.ways(self.lengths)

    @property
    def safe(self) -> str:
        """The rule that is taken where they cannot be told apart."""
        return self.rules.safe_where(self.some_wrong)

    @property
    def fine(self) -> bool:
        """Whether no label is wrong for sure, or hardly one."""
        return self.some_wrong is False


def chosen_way(task: Task, held: Held, trial: Trial, train: Train) -> Choice:
    """Try the ways and choose.

    Raises:
        NonFinite: if training of every way stops being finite.
    """
    generator = torch.Generator().manual_seed(seed_for(trial.seed, "auto"))
    given, checked = _held_back(held, trial.folds, generator)
    ways, said, left, made = list(trial.ways), dict[Way, Heard](), dict[Way, Tried](), 0
    for turn, (g, h) in enumerate(zip(given, checked, strict=True)):
        for way in tuple(ways):
            try:
                outputs = train(way, g, h).split([len(g), len(h)])
                said[way] = said.get(way, NOTHING) + Heard(*outputs)
                made += way.steps or trial.steps
            except ReweighError:  # a model without logits has no verifier, a rate may be too high for one of them
                ways.remove(way)
                if not ways:
                    raise
        safe = Way(trial.safe) if Way(trial.safe) in ways else ways[-1]
        judged = [torch.cat(part[: turn + 1]) for part in (given, checked)]
        tried = beside(task, {way: said[way] for way in ways}, held.select(*judged), safe, trial.seed)
        if turn + 1 < trial.folds:
            left |= hopeless(tried, safe)
            ways = [way for way in ways if way not in left]
    way = best_of(tried, safe, fine=trial.fine)
    brief, scores = told(tried, left, way, safe, task.compared, len(held.checked))
    all_tried = {str(one): found for one, found in {**tried, **left}.items()}
    return Choice(way, f"{brief} ({scores})", all_tried, made, brief=f"{brief} ({MEASURES[task.compared].words})")


def _held_back(held: Held, times: int, generator: torch.Generator) -> tuple[list[Tensor], list[Tensor]]:
    """Rows of given and of checked examples for each time; each class gives as many of its checked ones each time."""
    count = len(held.given)
    each = min(MOST_HELD, max(1, math.floor(HELD * count)))
    given = list(torch.randperm(count, generator=generator)[: times * each].split(each))
    order = torch.randperm(len(held.checked), generator=generator)
    if held.checked.ndim == 1 and not held.checked.is_floating_point():
        order = order[held.checked[order].argsort(stable=True)]
    return given, [order[k::times] for k in range(times)]
