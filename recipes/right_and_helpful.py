"""Right and helpful: how well a student learns when its examples are weighted by how likely their labels are right.

    python recipes/right_and_helpful.py                      # all sets, three seeds: some twenty minutes on two cores
    python recipes/right_and_helpful.py --sets rare --seeds 1

The sets ship with scikit-learn: the digits with four kinds of labels, and four made classes of 86, 9, 3 and 2 %. Ten
examples a class are checked. The student is a perceptron of 64 and 64, Adam at 1e-3, 1,500 steps of 128; what counts
is the last step: accuracy, and macro F1 where classes are rare. AUROC is that of right against wrong labels, by the
mean weight of L2RW and by the verifier; beside it stand the estimated share of right labels, with one share and by
pair, and the true one. docs/rightness.md has the result.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits, make_classification
from sklearn.metrics import f1_score
from torch import Tensor, nn

from reweigh import Reweigher
from reweigh.metrics import auroc
from reweigh.rules import L2RW, Oracle, RightAndHelpful, RightnessRule, Rule, Uniform

STEPS, BATCH, CHECKED = 1500, 128, 10
FIRST, LATE = STEPS // 10, 7 * STEPS // 10


@dataclass(frozen=True)
class Task:
    """Inputs and given labels to train on, which of these are wrong and which checked, and a test set."""

    x: Tensor
    given: Tensor
    wrong: Tensor
    checked: Tensor
    test_x: Tensor
    test_y: Tensor
    macro: bool

    @property
    def classes(self) -> int:
        return int(self.test_y.max()) + 1


@dataclass(frozen=True)
class Result:
    """Score in percent, AUROC and the estimated share of right labels, NaN where there is none."""

    score: float
    auroc: float
    share: float


def digits(seed: int) -> tuple[Tensor, Tensor, int]:
    data = load_digits()
    return torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target), 1200


def rare(seed: int) -> tuple[Tensor, Tensor, int]:
    x, y = make_classification(
        6000,
        20,
        n_informative=8,
        n_redundant=2,
        n_classes=4,
        n_clusters_per_class=1,
        weights=[0.86, 0.09, 0.03, 0.02],
        flip_y=0,
        class_sep=0.9,
        random_state=seed,
    )
    return torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32), torch.tensor(y), 4000


Noise = Callable[[Tensor, int, torch.Generator], Tensor]
NOISES: dict[str, Noise] = {
    "uniform": lambda y, k, g: torch.randint(k, y.shape, generator=g),
    "pair": lambda y, k, g: (y + 1) % k,
    "one class": lambda y, k, g: torch.full_like(y, 3),
}
SETS = {
    "digits": (digits, [("clean", "uniform", 0.0), ("uniform 40 %", "uniform", 0.4), ("pair 40 %", "pair", 0.4),
                        ("one class 40 %", "one class", 0.4)]),
    "rare": (rare, [("clean", "uniform", 0.0), ("uniform 10 %", "uniform", 0.1)]),
}  # fmt: skip


def task(name: str, noise: str, share: float, seed: int) -> Task:
    generator = torch.Generator().manual_seed(seed)
    x, y, count = SETS[name][0](seed)
    order = torch.randperm(len(y), generator=generator)
    x, y, classes = x[order], y[order], int(y.max()) + 1
    truth = y[:count]
    checked = torch.cat([torch.nonzero(truth == c)[:CHECKED, 0] for c in range(classes)])
    moved = torch.rand(count, generator=generator) < share
    given = torch.where(moved, NOISES[noise](truth, classes, generator), truth)
    given[checked] = truth[checked]
    return Task(x[:count], given, given != truth, checked, x[count:], y[count:], macro=name == "rare")


RULES: dict[str, Callable[[Task, int], Rule]] = {
    "plain": lambda found, seed: Uniform(),
    "L2RW": lambda found, seed: L2RW(),
    "verifier": lambda found, seed: RightnessRule(first=FIRST, late=LATE, seed=seed),
    "by pair": lambda found, seed: RightnessRule(first=FIRST, late=LATE, by_pair=True, seed=seed),
    "both": lambda found, seed: RightAndHelpful(first=FIRST, late=LATE, seed=seed),
    "right only": lambda found, seed: Oracle(lambda batch: found.wrong[batch["id"]]),
}


def loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def run(found: Task, rule: Rule, seed: int, steps: int = STEPS) -> Result:
    """Train, and look at the last step."""
    torch.manual_seed(seed)
    width = found.x.shape[1]
    model = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, found.classes))
    optimizer, generator = torch.optim.Adam(model.parameters(), 1e-3), torch.Generator().manual_seed(seed)
    clean = {"x": found.x[found.checked], "y": found.given[found.checked], "id": found.checked}
    reweigher = Reweigher(model, loss, rule=rule, clean=clean, seed=seed)
    total, visits, done = torch.zeros(len(found.x)), torch.zeros(len(found.x)), 0
    while done < steps:
        for rows in torch.randperm(len(found.x), generator=generator).split(BATCH)[: steps - done]:
            optimizer.zero_grad()
            _, weights = reweigher.backward({"x": found.x[rows], "y": found.given[rows], "id": rows})
            optimizer.step()
            done += 1
            if done > steps // 3:
                total[rows] += weights * len(rows)
                visits[rows] += 1
    return result(found, model, rule, total / visits)


def result(found: Task, model: nn.Module, rule: Rule, mean_weight: Tensor) -> Result:
    with torch.no_grad():
        predicted = model(found.test_x).argmax(1)
    accuracy = float((predicted == found.test_y).double().mean())
    score = f1_score(found.test_y.numpy(), predicted.numpy(), average="macro") if found.macro else accuracy
    nan, ids = float("nan"), torch.ones(len(found.x), dtype=torch.bool)
    ids[found.checked] = False
    said, share = mean_weight[ids], nan
    if isinstance(rule, RightnessRule) and (judged := rule.judged()) is not None:
        ids, said, share = judged[0], judged[1], float(judged[1].mean())
    wrong = found.wrong[ids]
    tells = rule.tells_apart and bool(wrong.any()) and not isinstance(rule, Oracle)
    return Result(100 * float(score), auroc(said, ~wrong) if tells else nan, share)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def row(name: str, noise: tuple[str, str, float], seeds: int) -> str:
    """One row of the table: mean over seeds, and of the scores the largest deviation from it."""
    found: dict[str, list[Result]] = {rule: [] for rule in RULES}
    true = []
    for seed in range(seeds):
        made = task(name, noise[1], noise[2], seed)
        unchecked = torch.ones(len(made.x), dtype=torch.bool)
        unchecked[made.checked] = False
        true.append(float((~made.wrong[unchecked]).double().mean()))
        for rule, make in RULES.items():
            found[rule].append(run(made, make(made, seed), seed))
    scores = [[one.score for one in found[rule]] for rule in RULES]
    cells = [f"{mean(s):.1f} ± {max(abs(v - mean(s)) for v in s):.1f}" for s in scores]
    aurocs = [mean([one.auroc for one in found[rule]]) for rule in ("L2RW", "verifier", "by pair")]
    told = [f"{mean([one.share for one in found[rule]]):.2f}" for rule in ("verifier", "by pair")]
    ranks = ["" if value != value else f"{value:.2f}" for value in aurocs]
    return f"| {name}, {noise[0]} | " + " | ".join([*cells, *ranks, *told, f"{mean(true):.2f}"]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seeds", type=int, default=3)
    said = parser.parse_args()
    columns = ["data", *RULES, *(f"AUROC {name}" for name in ("L2RW", "verifier", "by pair"))]
    columns += ["right, told", "by pair", "right, true"]
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for name in said.sets:
        for noise in SETS[name][1]:
            print(row(name, noise, said.seeds), flush=True)


if __name__ == "__main__":
    main()
