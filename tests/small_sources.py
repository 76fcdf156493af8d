"""Sources of examples for tests, and models of them."""

import math
import os
import signal
from pathlib import Path

import torch

from reweigh.models.translator import Translator
from reweigh.tasks import LanguageModel


class Texts:
    """Map-style: token sequences of different lengths, one at a time."""

    def __init__(self):
        self.texts = [torch.arange(1, 2 + length) for length in (3, 1, 2)]
        self.ids, self.y = torch.tensor([10, 20, 30]), torch.zeros(3, dtype=torch.int64)
        self.task = LanguageModel(vocabulary=9)

    def __len__(self):
        return len(self.texts)

    def __getitem__(self, row):
        return {"x": self.texts[row], "y": self.texts[row]}


class _Sentences:
    """Equally long sentences of which each word foretells the next, with ids of their own."""

    first, count = 0, 0

    def __init__(self):
        draw = torch.Generator().manual_seed(self.first)
        start = torch.randint(1, 9, (self.count, 1), generator=draw)
        self.x = (start + torch.arange(6)) % 8 + 1
        spoilt = torch.rand(self.x.shape, generator=draw) < self.wrong
        self.x = torch.where(spoilt, torch.randint(1, 9, self.x.shape, generator=draw), self.x)
        self.ids, self.y = self.first + torch.arange(self.count), self.x
        self.task = LanguageModel(classes=tuple("_abcdefgh"), vocabulary=9)

    def __len__(self):
        return self.count

    def __getitem__(self, row):
        return {"x": self.x[row], "y": self.x[row]}


class Sentences(_Sentences):
    first, count, wrong = 0, 75, 0.3


class CheckedSentences(_Sentences):
    first, count, wrong = 1000, 20, 0.0


class NewSentences(_Sentences):
    first, count, wrong = 2000, 20, 0.0


def next_word(input_shape, classes, **_):
    """A model of a source's sentences."""
    return torch.nn.Sequential(torch.nn.Embedding(9, 8), torch.nn.Tanh(), torch.nn.Linear(8, 9))


class FailsOnTheSecond(torch.nn.Linear):
    """A user's model that breaks in one process of several, in its seventh pass that trains."""

    passes = 0

    def forward(self, x):
        FailsOnTheSecond.passes += torch.is_grad_enabled()
        if os.environ.get("RANK") == "1" and FailsOnTheSecond.passes > 7:
            raise KeyError("the second one breaks")
        return super().forward(x.flatten(1))


def fails_on_the_second(input_shape, classes, **_):
    return FailsOnTheSecond(math.prod(input_shape), classes)


class KilledOnce(torch.nn.Linear):
    """Its second process kills itself in a pass that trains, once; a file says that it was so."""

    passes = 0

    def forward(self, x):
        KilledOnce.passes += self.training
        told = os.environ["KILLED_ONCE"]
        if os.environ["RANK"] == "1" and KilledOnce.passes > 60 and told != "nowhere" and not Path(told).exists():
            Path(told).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x.flatten(1))


def killed_once(input_shape, classes, **_):
    return KilledOnce(math.prod(input_shape), classes)


class PartlyUsed(torch.nn.Linear):
    """A model with a layer that nothing depends on."""

    def __init__(self, width, classes):
        super().__init__(width, classes)
        self.idle = torch.nn.Linear(2, 2)

    def forward(self, x):
        return super().forward(x.flatten(1))


def partly_used(input_shape, classes, **_):
    return PartlyUsed(math.prod(input_shape), classes)


def steady_translator(input_shape, classes, padding=0, **_):
    """A translator without dropout, whose masks are each process's own."""
    return Translator(input_shape, classes, width=32, layers=1, dropout=0.0, padding=padding)
