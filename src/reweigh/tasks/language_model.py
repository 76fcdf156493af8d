"""The next token of a text: cross entropies of the tokens that count, for one weight a sequence or one a token.

Such data come as token numbers, not as columns of a file: a DataLoader with `collate_fn=task.collate` makes the batches of a
list of {"x": (T,) int64, "id": number}, where "y" (T,) may name other targets than the next token, and `IGNORED` in it what
does not count.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from reweigh.errors import BadInput
from reweigh.rules import Masks
from reweigh.tasks.measures import Measure
from reweigh.tasks.registry import task
from reweigh.tasks.spoken import Judged, Words
from reweigh.tasks.targets import Array, BoolArray, Targets
from reweigh.tasks.task import Task, differs
from reweigh.tokens import mean_of_tokens

IGNORED = -100
"""The target of a position that does not count, as in PyTorch."""


@task("language-model")
@dataclass(frozen=True)
class LanguageModel(Task):
    """The next token of V: y, (B, T) int64, is the token that follows each position, or `IGNORED`.

    Attributes:
        vocabulary: V, how many tokens there are.
        padding: the token that fills short sequences up; where it stands as padding it does not count.
        smoothing: how much of each target is left to all other tokens, in training.
    """

    classes: tuple[str, ...] = ()
    vocabulary: int = 0
    padding: int = 0
    smoothing: float = 0.0

    measures: ClassVar = (Measure("test_token_accuracy", "share of tokens foretold"),
                          Measure("test_perplexity", "perplexity", share=False))  # fmt: skip
    words: ClassVar = Words("text", "texts", "all texts", "given text", "Texts", "else", "these")
    from_columns: ClassVar = False

    def __post_init__(self) -> None:
        if self.vocabulary < 2:
            raise BadInput(f"vocabulary is {self.vocabulary}: give the number of tokens, at least 2")

    @classmethod
    def fit(cls, train: Targets, others: Sequence[Targets] = ()) -> Self:
        """Columns hold no tokens.

        Raises:
            BadInput: always.
        """
        raise BadInput(
            f"{cls.name} learns from tokens, and the target columns of {train.where} hold none: make batches of tokens by "
            "the task's collate, and weigh its loss by Reweigher"
        )

    def encode(self, targets: Targets) -> Tensor:
        """Columns hold no tokens; see `fit`."""
        self.fit(targets)
        raise AssertionError  # since `fit` has raised

    @property
    def outputs(self) -> int:
        """Logits a position, V."""
        return self.vocabulary

    def collate(self, examples: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Sequences of any length as one batch: "x" and "y" (B, T), filled up at their ends, and "id" (B,)."""
        x = pad_sequence([one["x"] for one in examples], batch_first=True, padding_value=self.padding)
        y = pad_sequence([_targets(one) for one in examples], batch_first=True, padding_value=IGNORED)
        names = torch.stack([torch.as_tensor(one["id"]) for one in examples])
        return {"x": x, "y": y, "id": names}

    def check(self, y: Tensor, ids: Tensor, what: str = "label") -> None:
        """y are tokens below V, or `IGNORED`."""
        wrong = (((y < 0) | (y >= self.vocabulary)) & (y != IGNORED)).flatten(1).any(1).nonzero().flatten()
        if wrong.numel():
            raise BadInput(
                f"the {what} of the example with id {int(ids[wrong[0]])} holds a token outside 0..{self.vocabulary - 1}: "
                f"correct it, or write {IGNORED} where none counts"
            )

    @property
    def masks(self) -> Masks:
        """Those at which something is to be foretold."""
        return {"*": ("y", IGNORED)}

    def loss(self, model: Callable[..., Tensor], batch: Mapping[str, Tensor]) -> Tensor:
        """The loss of each sequence, (B,)."""
        return mean_of_tokens(*self.token_loss(model, batch))

    def token_loss(self, model: Callable[..., Any], batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The loss at each position and which of them count, both (B, T): for `Reweigher(per="token")`, or per example."""
        outputs, y = model(*self.inputs(batch)), batch["y"]
        return self.token_losses(getattr(outputs, "logits", outputs), y), y != IGNORED

    def smoothed(self, share: float) -> Self:
        """With so much of each target left to all others."""
        return replace(self, smoothing=share)

    def token_losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The loss at each position, (B, T), of logits (B, T, V); zero where y is `IGNORED`.

        Raises:
            BadInput: if the model gave something of another shape.
        """
        if outputs.shape != (*y.shape, self.vocabulary):
            raise BadInput(
                f"the model gave {tuple(outputs.shape)} for {tuple(y.shape)} tokens but the task needs "
                f"{(*y.shape, self.vocabulary)}: let it end in {self.vocabulary} outputs a position"
            )
        rows, targets = outputs.reshape(-1, self.vocabulary), y.reshape(-1)  # no copy with the tokens in front
        found = F.cross_entropy(rows, targets, ignore_index=IGNORED, reduction="none", label_smoothing=self.smoothing)
        return found.view(y.shape)

    def losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Of logits (B, T, V): the mean loss of each sequence's tokens, (B,), 0 where none counts."""
        return mean_of_tokens(self.token_losses(outputs, y), y != IGNORED)

    _losses = losses

    def scores(self, outputs: Tensor, y: Tensor) -> dict[str, float]:
        """The share of tokens that are foretold, and the perplexity; NaN where no token counts."""
        counts = y != IGNORED
        right = (self.predict(outputs) == y)[counts].double().mean()
        perplexity = self.token_losses(outputs, y)[counts].double().mean().exp()
        return {"test_token_accuracy": float(right), "test_perplexity": float(perplexity)}

    def predict(self, outputs: Tensor) -> Tensor:
        """The likeliest token at each position, (B, T)."""
        return outputs.argmax(-1)

    def probabilities(self, outputs: Tensor) -> Tensor | None:
        """(B, T, V), of each token at each position."""
        return outputs.softmax(-1)

    def judge(self, outputs: Tensor, y: Tensor) -> Judged:
        """The likeliest tokens; probabilities are geometric means over the tokens that count."""
        counts = y != IGNORED
        suggested = torch.where(counts, self.predict(outputs), IGNORED)

        def likely(tokens: Tensor) -> Tensor:
            return (-self.token_losses(outputs, tokens).sum(1) / counts.sum(1)).exp()

        return Judged(suggested, likely(suggested), likely(y))

    def contradicts(self, given: Array, suggested: Array) -> BoolArray:
        """Where the suggestion is not the label."""
        return differs(given, suggested)

    def told(self, label: Any) -> str:
        """The token numbers, or their names where `classes` has them."""
        tokens = [int(token) for token in label if int(token) != IGNORED]
        return " ".join(self.classes[token] if self.classes else str(token) for token in tokens)


def _targets(example: Mapping[str, Tensor]) -> Tensor:
    """The token that follows each position, and nothing after the last."""
    if "y" in example:
        return example["y"]
    return torch.cat([example["x"][1:], example["x"].new_full((1,), IGNORED)])
