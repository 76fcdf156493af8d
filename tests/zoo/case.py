"""What a case of the zoo is, the data it is fed, and the losses that it is trained on.

B = 6 training examples and M = 5 clean ones; the two sizes differ so that a mix-up of the two shows.
Every tensor in a batch has the examples along its first dimension, so batches can be permuted and cut.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._pytree import tree_map

B, M, CLASSES, WORDS = 6, 5, 3, 11
Batch = Any
Sample = Callable[[int], Batch]
Loss = Callable[[nn.Module, Any], Tensor]


class Scene(NamedTuple):
    """All that an engine is given, freshly built."""

    model: nn.Module
    per_example_loss: Loss
    train: Any
    clean: Any


@dataclass(frozen=True, eq=False)
class Case:
    """One awkward model.

    `refused_by` maps an engine to what its refusal must say (a regular expression that matches the name of
    the layer to blame); an engine that is not listed must be exact here. `by_place` says that examples are mixed by their
    place in the batch, so that permuting it gives another truth.
    """

    name: str
    make: Callable[[], nn.Module]
    sample: Sample
    per_example_loss: Loss
    train_mode: bool = True
    other_sizes: Sample | None = None
    mixes_examples: bool = False
    by_place: bool = False
    random: bool = False
    refused_by: Mapping[str, str] = field(default_factory=dict)
    wrap: Callable[[nn.Module], nn.Module] | None = None
    by_backward: bool = False
    twice: bool = True
    curved: float = 5e-3
    notes: str = ""

    def build(self, seed: int = 0, dtype: torch.dtype = torch.float64) -> Scene:
        """The same scene for the same seed, so that a reference may be computed on a twin."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.make()._apply(lambda t: to_dtype(t, dtype)).train(self.train_mode)
            train, clean = (tree_map(lambda t: to_dtype(t, dtype), self.sample(n)) for n in (B, M))
            wrapped = model if self.wrap is None else self.wrap(model)
        return Scene(wrapped, self.per_example_loss, train, clean)

    def __str__(self) -> str:
        return self.name


CASES: list[Case] = []


_OTHER_SIZES: dict[Sample, Sample] = {}


def other_sizes(of: Sample) -> Callable[[Sample], Sample]:
    """The decorated function draws what `of` draws in other inner sizes, for all cases fed by it."""

    def register(sample: Sample) -> Sample:
        _OTHER_SIZES[of] = sample
        return sample

    return register


def case(name: str, sample: Sample, loss: Loss | None = None, **facts: Any) -> Callable[[Any], Any]:
    """Registers the decorated class or function without arguments as the maker of a case's model."""

    def register(make: Any) -> Any:
        assert all(known.name != name for known in CASES), name
        facts.setdefault("other_sizes", _OTHER_SIZES.get(sample))
        CASES.append(Case(name, make, sample, loss or classify, **facts))
        return make

    return register


def named(*names: str) -> list[Case]:
    """The cases of these names, in that order."""
    by_name = {known.name: known for known in CASES}
    return [by_name[name] for name in names]


def to_dtype(leaf: Any, dtype: torch.dtype) -> Any:
    """Complex numbers become those of that precision: `Module.to(dtype)` would drop their imaginary parts."""
    if not isinstance(leaf, Tensor) or not (leaf.is_floating_point() or leaf.is_complex()):
        return leaf
    return leaf.to(dtype.to_complex() if leaf.is_complex() else dtype)


def vectors(n: int) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 6), "y": torch.randint(CLASSES, (n,))}


def images(n: int) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 2, 8, 8), "y": torch.randint(CLASSES, (n,))}


def series(n: int) -> dict[str, Tensor]:
    return {"x": torch.randn(n, 5, 4), "y": torch.randint(CLASSES, (n,))}


@other_sizes(series)
def longer_series(n: int) -> dict[str, Tensor]:
    """As many steps as a batch has examples."""
    return {"x": torch.randn(n, B, 4), "y": torch.randint(CLASSES, (n,))}


def sentences(n: int) -> dict[str, Tensor]:
    """Token 0 pads; every sentence has some and no sentence is all padding."""
    x = torch.randint(1, WORDS, (n, 5))
    x[:, 4] = 0
    return {"x": x, "y": torch.randint(CLASSES, (n,))}


@other_sizes(sentences)
def longer_sentences(n: int) -> dict[str, Tensor]:
    x = torch.randint(1, WORDS, (n, B))
    x[:, 4:] = 0
    return {"x": x, "y": torch.randint(CLASSES, (n,))}


def language(n: int) -> dict[str, Tensor]:
    text = torch.randint(WORDS, (n, 6))
    return {"x": text[:, :-1], "y": text[:, 1:]}


@other_sizes(language)
def longer_language(n: int) -> dict[str, Tensor]:
    text = torch.randint(WORDS, (n, B + 1))
    return {"x": text[:, :-1], "y": text[:, 1:]}


def classify(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def next_token(model: nn.Module, batch: Any) -> Tensor:
    """Token losses averaged within an example."""
    return F.cross_entropy(model(batch["x"]).transpose(1, 2), batch["y"], reduction="none").mean(1)
