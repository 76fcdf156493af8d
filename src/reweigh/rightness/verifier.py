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
from reweigh.rightness.logistic import Fitted, softmax_regression
from reweigh.rightness.shares import shares_of_groups
from reweigh.rightness.view import USUAL_KINDS
from reweigh.rightness.witness import Witness
from reweigh.rightness.wrongness import KINDS, Kinds

_ROUNDS = 3


class Verifier:
    """Log-odds of right labels; `teach` it, then `ask` it.

    Args:
        kinds: names of kinds of wrong labels, `among` the ones that there are.
        ridge: strength of the penalty of the regression.
        seed: of the wrong labels that it is taught by.

    Raises:
        BadInput: if there is no such kind.
    """

    def __init__(
        self, kinds: Sequence[str] = USUAL_KINDS, *, ridge: float = 3.0, seed: int = 0, among: Kinds = KINDS
    ) -> None:
        among.check(kinds)
        self.kinds, self.ridge, self.seed, self.among = tuple(kinds), ridge, seed, among
        self.fitted: Fitted | None = None

    def anew(self) -> "Verifier":
        """Another with the same settings, not taught."""
        return Verifier(self.kinds, ridge=self.ridge, seed=self.seed, among=self.among)

    def teach(self, view: Witness, labels: Tensor, counts: Tensor | None = None) -> None:
        """Learn from checked examples, m of them; what was learnt before is forgotten.

        Args:
            view: of them.
            labels: their right labels, (m, ...).
            counts: how many of the training set each stands for, (m,); alike if left out. Each counts by the root of that,
                half-way between the checked examples' own shares of the classes and the training set's: ten of a class of
                2 % would otherwise teach that its labels are found where they hardly are, and by the number itself nobody
                but the frequent class would be heard.
        """
        x, groups, weights = self.lessons(view, labels, counts)
        there = torch.zeros(1 + len(self.kinds), dtype=torch.double).index_add_(0, groups, weights)
        alike = (there.max() / there.clamp_min(1e-12))[groups]  # also a kind that not every example can have
        self.fitted = softmax_regression(x, groups, self.ridge, weights * alike, len(there))

    def lessons(self, view: Witness, labels: Tensor, counts: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Features of pairs, right and wrong, which group each is of (0 for right ones, then the kinds), and its weight."""
        generator = torch.Generator().manual_seed(self.seed)
        each = torch.ones(len(labels), dtype=torch.double) if counts is None else counts.double().sqrt()
        each = each / each.mean()
        x, groups, weights = [], [], []
        for _ in range(_ROUNDS):
            told = [labels, *(self.among[name](view, labels, generator) for name in self.kinds)]
            for group, pairs in enumerate(told):
                found = _bent(view.features(pairs))
                used = torch.ones(len(found), dtype=torch.bool) if group == 0 else (pairs != labels).flatten()
                x.append(found[used])
                groups.append(torch.full((len(x[-1]),), group))
                weights.append(each.repeat_interleave(len(found) // len(labels))[used])
        return torch.cat(x), torch.cat(groups), torch.cat(weights)

    def ask(self, view: Witness, labels: Tensor) -> Tensor:
        """Log-odds of each kind against right, (q, 1 + kinds), the first column zero: as if there were as many of each.

        Raises:
            BadInput: before it has been taught.
        """
        if self.fitted is None:
            raise BadInput("the verifier has not been taught: call teach(...) with checked examples first")
        return ask(self.fitted, view, labels)


def ask(fitted: Fitted, view: Witness, labels: Tensor) -> Tensor:
    """The same of a verifier's regression alone."""
    return fitted(_bent(view.features(labels)))


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
