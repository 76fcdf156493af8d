"""What is usual for data sets known by name, and how settings are closed: nothing is left open."""

from collections.abc import Mapping
from typing import Any

import torch

from reweigh.data.own import Sources
from reweigh.rules import registry
from reweigh.settings.settings import Resolved, Settings

USUAL_MODEL = {
    "digits": "mlp",
    "mnist": "lenet",
    "fashion-mnist": "lenet",
    "cifar10": "resnet32",
    "cifar100": "resnet32",
}
USUAL_LR = {"sgd": 0.01, "adam": 0.001, "adamw": 0.001, "reversible-sgd": 0.01}
USUAL: Mapping[str, Any] = {
    "clean_per_class": 10,
    "keep_clean_in_train": False,
    "rule": registry.DEFAULT,
    "warm_up": 0,
    "epochs": 20,
    "batch_size": 100,
    "optimizer": "sgd",
    "weight_decay": 0.0,
    "schedule": "step",
    "augment": "none",
}


def resolved(settings: Settings) -> Resolved:
    """The settings of a run on a known data set with the usual ones where they are open."""
    assert not isinstance(settings.data, Sources), "what is usual for own data depends on them"
    dataset = settings.data.dataset
    # A network for 8x8 pixels loses more than it gains by sharing its work between threads.
    threads = 1 if dataset == "digits" else torch.get_num_threads()
    return closed(settings, {**USUAL, "model": USUAL_MODEL[dataset], "threads": threads})


def closed(settings: Settings, usual: Mapping[str, Any]) -> Resolved:
    """What is open is as is `usual`; the learning rate is the optimizer's, clean batches are as large as the others.

    Raises:
        BadInput: if something is left open.
    """
    flat = settings.flat()
    length = {} if flat["steps"] is None else {"epochs": None}
    flat |= {name: value for name, value in {**usual, **length}.items() if flat[name] is None}
    flat["lr"] = flat["lr"] or USUAL_LR[flat["optimizer"]]
    flat["clean_batch_size"] = flat["clean_batch_size"] or flat["batch_size"]
    return Resolved.of(**flat)
