"""The run held against other ways to a model from the same data, with as many steps and the same choice of the epoch."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from reweigh.data.own import Sources
from reweigh.data.sampling import steps_an_epoch
from reweigh.data.seeds import stream
from reweigh.rules import registry
from reweigh.run.job.evaluate import outputs_on
from reweigh.run.job.job import Job, assemble
from reweigh.run.job.loop import Notes, train
from reweigh.run.job.prepare import RunData, joined
from reweigh.settings import Resolved
from reweigh.tasks import Task
from reweigh.verdict.interval import LEVEL, difference
from reweigh.verdict.learners import MOST_ROWS, features, learner_for
from reweigh.verdict.verdict import Rival, Verdict

Note = Callable[[str], None]


def compare(config: Resolved, data: RunData, ours: Tensor, note: Note = lambda sentence: None) -> Verdict:
    """The verdict on a run.

    A run helps where it is better than each of the others; it does not where one of them is better than it, at a level that
    allows for their number.

    Args:
        config: the run's settings, with nothing left open.
        data: its data, the checked examples apart.
        ours: what its model says of the test examples (N, K).
        note: told of each rival before it is trained.

    Raises:
        NonFinite: if training of another way stops being finite.
    """
    task, test = data.train.task, data.test
    score, others = _score(task), list(_outputs(config, data, note))
    level = 1 - (1 - LEVEL) / len(others)
    rivals = [
        Rival(
            words,
            score(outputs, test.y),
            difference(score, ours, outputs, test.y, level=level, seed=config.student.seed),
        )
        for words, outputs in others
    ]
    rivals.sort(key=lambda rival: -rival.score)
    held_back = isinstance(config.data, Sources) and config.data.test is None
    return Verdict(task.compared, score(ours, test.y), tuple(rivals), "checked" if held_back else "test")


def _outputs(config: Resolved, data: RunData, note: Note) -> Iterator[tuple[str, Tensor]]:
    """What people call each other way, and what its model says of the test examples."""
    every = data._replace(train=joined(data.train, data.clean))
    student, seed = config.student, config.student.seed
    steps = student.steps or (student.epochs or 0) * steps_an_epoch(len(every.train), student.batch_size)
    plain = config.but(rule=registry.PLAIN, teacher=None, rule_option=(), steps=steps, epochs=None)
    ways = [("the checked rows alone", data._replace(train=data.clean)), ("plain training on all rows", every)]
    for words, parts in ways:
        note(f"comparing with {words}")
        job = assemble(plain, parts, note)
        yield words, _trained(job)
    if data.encoding is None:
        return
    inputs = job.inputs  # what a frozen body says, where there is one
    rows = torch.arange(len(every.train))
    if len(rows) > MOST_ROWS:
        rows = rows[torch.from_numpy(stream(seed, "verdict").permutation(len(rows))[:MOST_ROWS])]
    x, new = inputs.train.batch(rows)["x"], inputs.test.batch(torch.arange(len(inputs.test)))["x"]
    found = learner_for(data.train.task, data.encoding, int(x[0].numel()), seed)
    if found is not None:
        words, learner = found
        note(f"comparing with {words}")
        learner.fit(features(x, data.encoding), every.train.y[rows])
        yield words, learner.outputs(features(new, data.encoding))


def _trained(job: Job) -> Tensor:
    with torch.random.fork_rng(devices=[job.device] if job.device.type == "cuda" else []):
        train(job, Notes(job, test=False), [job.early] if job.early else [])
    return outputs_on(job.student, job.inputs.test, job.device)


def _score(task: Task) -> Callable[[Tensor, Tensor], float]:
    return lambda outputs, y: task.scores(outputs, y)[task.compared]
