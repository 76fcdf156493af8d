"""The run held against other ways to a model from the same data, as long as usual, the epoch chosen in the same way.

A run whose length was chosen by trials stands beside plain training of the usual length, and of its own: whoever ends early
has that without any rule.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from reweigh.data import Examples
from reweigh.data.own import Sources
from reweigh.data.seeds import stream
from reweigh.ledger.visits import Array
from reweigh.rules import CheckedOnly, registry
from reweigh.run.bench import Bench
from reweigh.run.choice.scoring import score_of
from reweigh.run.job.prepare import RunData, joined
from reweigh.run.objects import NONE, Objects
from reweigh.run.watcher import SILENT, Watcher
from reweigh.settings import Resolved
from reweigh.verdict.interval import LEVEL, differences
from reweigh.verdict.learners import MOST_ROWS, features, learner_for
from reweigh.verdict.verdict import PLAIN, Rival, Verdict

CLEANED = "on the cleaned rows"
COMPARING = "comparing with other ways"


class Cleaned(NamedTuple):
    """What is known of the training labels: weights by rightness (N,), and in words where they look fine."""

    weights: Array
    labels: str | None = None


class _Way(NamedTuple):
    words: str
    outputs: Tensor
    own: bool = False


def compare(
    config: Resolved,
    data: RunData,
    ours: Tensor,
    watcher: Watcher = SILENT,
    *,
    cleaned: Cleaned | None = None,
    usual: int | None = None,
    objects: Objects = NONE,
) -> Verdict:
    """The verdict on a run.

    A run helps where it is better than each of the others; it does not where one of them is better than it, at a level that
    allows for their number.

    Args:
        config: the run's settings, with nothing left open.
        data: its data, the checked examples apart.
        ours: what its model says of the test examples (N, K).
        watcher: told of each rival before it is trained.
        cleaned: what is known of the labels, where right ones can be told from wrong ones.
        usual: how many steps the run would have made, where its choice made them fewer.
        objects: what only Python has of the settings.

    Raises:
        NonFinite: if training of another way stops being finite.
    """
    task, test = data.train.task, data.test
    bench = Bench(config, data, watcher, objects)
    score, others = score_of(task), list(_ways(bench, config, data, watcher, cleaned, usual))
    level, outputs = 1 - (1 - LEVEL) / len(others), [way.outputs for way in others]
    gaps = differences(score, ours, outputs, test.y, level=level, seed=config.student.seed)
    rivals = [Rival(way.words, score(way.outputs, test.y), gap, way.own) for way, gap in zip(others, gaps, strict=True)]
    rivals.sort(key=lambda rival: -rival.score)
    held_back = isinstance(config.data, Sources) and config.data.test is None
    return Verdict(
        task.compared,
        score(ours, test.y),
        tuple(rivals),
        "checked" if held_back else "test",
        None if cleaned is None else cleaned.labels,
        config.weights.rule == registry.PLAIN,
    )


def _ways(
    bench: Bench, config: Resolved, data: RunData, watcher: Watcher, cleaned: Cleaned | None, usual: int | None
) -> Iterator[_Way]:
    """Each other way, but for what the run itself did."""
    inputs, own = bench.inputs, (config.weights.rule, bench.steps)
    every = joined(inputs.train, inputs.clean)
    long = usual or bench.steps
    ways = [
        (registry.PLAIN, long, PLAIN, every),
        *([] if usual is None else [(registry.PLAIN, bench.steps, f"{PLAIN}, as short", every)]),
        (CheckedOnly.name, long, "the checked rows alone", inputs.clean),
    ]
    for rule, steps, words, train in ways:
        if (rule, steps) != own:
            watcher.phase(COMPARING, words, steps)
            yield _Way(words, bench.outputs(inputs._replace(train=train), steps))
    texts = data.encoding is not None and data.encoding.kind == "text"  # whose terms are told by tokens
    yield from _learners(config, data if texts else inputs, watcher, cleaned)


def _learners(config: Resolved, inputs: RunData, watcher: Watcher, cleaned: Cleaned | None) -> Iterator[_Way]:
    """What the trade would take for such data, on all rows as they are, and weighted by rightness."""
    if inputs.encoding is None:
        return
    every = joined(inputs.train, inputs.clean)
    rows = torch.arange(len(every))
    if len(rows) > MOST_ROWS:
        drawn = stream(config.student.seed, "verdict").permutation(len(rows))[:MOST_ROWS]
        rows = torch.from_numpy(drawn)
    x, new = every.batch(rows)["x"], inputs.test.batch(torch.arange(len(inputs.test)))["x"]
    asked, learnt = features(new, inputs.encoding), features(x, inputs.encoding)
    weighted = [] if cleaned is None else [torch.cat([torch.from_numpy(cleaned.weights), _ones(inputs.clean)])[rows]]
    for weights in (None, *weighted):
        found = learner_for(inputs.train.task, inputs.encoding, int(x[0].numel()), config.student.seed)
        if found is None:
            return
        words, learner = found
        words = words if weights is None else f"{words} {CLEANED}"
        watcher.phase(COMPARING, words)
        learner.fit(learnt, every.y[rows], None if weights is None else weights.numpy())
        yield _Way(words, learner.outputs(asked), own=weights is not None)


def _ones(examples: Examples) -> Tensor:
    return torch.ones(len(examples), dtype=torch.double)
