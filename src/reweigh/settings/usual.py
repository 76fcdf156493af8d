"""What is usual for data sets known by name, and how settings are closed: nothing is left open."""

from collections.abc import Mapping
from typing import Any, Literal

import torch

from reweigh.data.own import Sources
from reweigh.settings.settings import Resolved, Settings, by_name

USUAL_MODEL = {
    "digits": "mlp",
    "mnist": "lenet",
    "fashion-mnist": "lenet",
    "cifar10": "resnet32",
    "cifar100": "resnet32",
}
USUAL_LR = {"sgd": 0.01, "adam": 0.001, "adamw": 0.001, "reversible-sgd": 0.01}


def usual(data: Literal["known", "own"]) -> dict[str, Any]:
    """What is taken of the settings that are open, for such data."""
    values = {name: getattr(setting.option, data) for name, setting in by_name().items()}
    return {name: value for name, value in values.items() if value is not None}


def resolved(settings: Settings) -> Resolved:
    """The settings of a run on a known data set with the usual ones where they are open."""
    assert not isinstance(settings.data, Sources), "what is usual for own data depends on them"
    dataset = settings.data.dataset
    # A network for 8x8 pixels loses more than it gains by sharing its work between threads.
    threads = 1 if dataset == "digits" else torch.get_num_threads()
    return closed(settings, {**usual("known"), "model": USUAL_MODEL[dataset], "threads": threads})


def closed(settings: Settings, taken: Mapping[str, Any]) -> Resolved:
    """What is open is `taken`; the learning rate is the optimizer's, clean batches are as large as the others.

    Raises:
        BadInput: if something is left open.
    """
    flat = settings.flat()
    length = {} if flat["steps"] is None else {"epochs": None}
    flat |= {name: value for name, value in {**taken, **length}.items() if flat[name] is None}
    flat["lr"] = flat["lr"] or USUAL_LR[flat["optimizer"]]
    flat["clean_batch_size"] = flat["clean_batch_size"] or flat["batch_size"]
    return Resolved.of(**flat)
