"""Arguments of the Reweigher that do not go together."""

from typing import Any

from reweigh.errors import BadInput
from reweigh.learning import Learning
from reweigh.rules import LearnedRule, Rule


def check_rule(rule: Any) -> None:
    """Whether the rule is a rule at all.

    Raises:
        BadInput: if it is not.
    """
    if not isinstance(rule, Rule):
        raise BadInput(f"rule= is {rule!r}, not a rule object: pass for instance L2RW()")


def check_together(rule: Rule, learning: Learning | None, *, keeps: bool, skip_zeros: bool | None) -> None:
    """Whether the rule goes with what was asked of learning, of the clean gradient (`keeps` it) and of zero weights.

    Raises:
        BadInput: if it does not.
    """
    if learning is not None and not isinstance(rule, LearnedRule):
        raise BadInput(f"learning= was given, but the {rule.name} rule has nothing to learn: leave it out")
    if isinstance(rule, LearnedRule) and (keeps or skip_zeros):
        raise BadInput(
            f"the {rule.name} rule learns from the clean gradient where each step led: leave out clean_every=, "
            "clean_average= and skip_zeros=, and let it learn more rarely by Learning(every=...)"
        )
