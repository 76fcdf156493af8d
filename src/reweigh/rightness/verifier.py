"""The verifier: taught by examples whose right label is known, as pairs, to tell right labels from wrong ones.

The same input stands there with its right label and with wrong ones of several kinds. What they have in common (how hard the
input is) cannot be learnt, and what differs is what counts. It is a softmax regression over right and the kinds, on few
features, so that ten checked examples a class are enough. A mixture, not right against the rest: where one kind is easy to
tell, the rest would be judged by its threshold.

Nearest in print: CleanNet (Lee et al., CVPR 2018), confident learning (Northcutt et al., 2021).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rightness.kinds import KINDS
from reweigh.rightness.logistic import Fitted, softmax_regression
from reweigh.rightness.shares import shares_of_groups
from reweigh.rightness.view import View, features_of

USUAL_KINDS = ("at_random", "tempting")
_ROUNDS = 3


class Verifier:
    """Log-odds of right labels; `teach` it, then `ask` it.

    Args:
        kinds: names of kinds of wrong labels (`KINDS`).
        ridge: strength of the penalty of the regression.
        seed: of the wrong labels that it is taught by.

    Raises:
        BadInput: if there is no such kind.
    """

    def __init__(self, kinds: Sequence[str] = USUAL_KINDS, *, ridge: float = 3.0, seed: int = 0) -> None:
        if unknown := [name for name in kinds if name not in KINDS]:
            raise BadInput(f"there is no kind of wrong labels {unknown[0]!r}: choose from {', '.join(KINDS)}")
        if not kinds:
            raise BadInput("a verifier is taught by wrong labels of at least one kind: name some, or leave kinds= out")
        self.kinds, self.ridge, self.seed = tuple(kinds), ridge, seed
        self.fitted: Fitted | None = None

    def teach(self, view: View, labels: Tensor) -> None:
        """Learn from checked examples, m of them, and their right labels (m,); what was learnt before is forgotten."""
        x, groups = self.lessons(view, labels)
        self.fitted = softmax_regression(x, groups, self.ridge)

    def lessons(self, view: View, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Features of pairs, right and wrong, and which group each is of: 0 for right ones, then the kinds."""
        generator = torch.Generator().manual_seed(self.seed)
        x, groups = [], []
        for _ in range(_ROUNDS):
            told = [labels, *(KINDS[name](view, labels, generator) for name in self.kinds)]
            for group, pairs in enumerate(told):
                x.append(_bent(features_of(view, pairs)))
                groups.append(torch.full((len(labels),), group))
        return torch.cat(x), torch.cat(groups)

    def ask(self, view: View, labels: Tensor) -> Tensor:
        """Log-odds of each kind against right, (n, 1 + kinds), the first column zero: as if there were as many of each.

        Raises:
            BadInput: before it has been taught.
        """
        if self.fitted is None:
            raise BadInput("the verifier has not been taught: call teach(...) with checked examples first")
        return ask(self.fitted, view, labels)


def ask(fitted: Fitted, view: View, labels: Tensor) -> Tensor:
    """The same of a verifier's regression alone."""
    return fitted(_bent(features_of(view, labels)))


def log_odds_of_right(asked: Tensor, shares: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Of right against wrong at even odds (n,), and the share of each group (1 + kinds,), right first.

    Among wrong labels the kinds are as frequent as expectation maximisation over these examples finds them, or as `shares`
    says.
    """
    shares = shares_of_groups(asked) if shares is None else shares
    wrong = shares[1:] / shares[1:].sum().clamp_min(1e-12)
    return asked[:, 0] - torch.logsumexp(asked[:, 1:] + wrong.clamp_min(1e-6).log(), 1), shares


def _bent(x: Tensor) -> Tensor:
    """With squares: what one kind has much of and another little, right labels may have something of."""
    return torch.cat([x, x.square()], 1)
