"""How far a finished run trusts each example, by whatever it knows: asked by the recipes that count right and wrong ones."""

from typing import NamedTuple

import pyarrow.parquet as pq
import torch
from torch import Tensor

from reweigh.audit.halves import judged_by_halves
from reweigh.run.finished import FinishedRun, data_of
from reweigh.run.folder.run_folder import HALVES, WEIGHTS


class Told(NamedTuple):
    """Of the training examples, in their order.

    Attributes:
        ids: (N,).
        trust: (N,) from 0 to 1: the probability that it is right where that was judged, else w / (1 + w) of its mean weight
            w, which is 1 in plain training.
        right: the share of right ones with its interval, where it was told.
    """

    ids: Tensor
    trust: Tensor
    right: list[float] | None


def told_of(run: FinishedRun) -> Told:
    """By judgements where the run's folder holds any, else by weights."""
    if (run.path / HALVES).exists():
        data = data_of(run)
        judged = judged_by_halves(run, data)
        if judged is not None:
            of_all = judged.of_all
            share = None if of_all.share is None or of_all.interval is None else [of_all.share, *of_all.interval]
            return Told(data.train.ids, torch.from_numpy(judged.right).float(), share)
    weights = pq.read_table(run.path / WEIGHTS, columns=["id", "mean_weight"]).to_pydict()
    mean = torch.tensor([weight or 0.0 for weight in weights["mean_weight"]])
    return Told(torch.tensor(weights["id"]), mean / (1 + mean), None)
