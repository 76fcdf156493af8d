"""How examples are weighed: the rule, and how alignments are worked out."""

from dataclasses import dataclass
from typing import ClassVar

from reweigh.errors import BadInput
from reweigh.options import check, option
from reweigh.presets import PRESETS
from reweigh.rules import registry

_RULE = "How to weigh: {} or module:Class (your own); auto tries some on held-back checked examples first."
NORMALISED_OVER = ("global", "rank")
CONTRASTS = ("none", "input")
_CONTRAST = "What clean examples are held against: {} (the same targets with other examples' inputs)."
ENGINES = ("auto", "ghost", "forward", "finite", "double")


@dataclass(frozen=True, kw_only=True)
class WeightSettings:
    """The rule, the engine and the clean batches; None is the usual, and of `layers` all."""

    title: ClassVar[str] = "The weights"

    rule: str | None = option(
        None, _RULE, known=registry.DEFAULT, own=registry.AUTO, choices=[registry.AUTO, *registry.names()],
        elsewhere=("module:Class",),
    )  # fmt: skip
    rule_option: tuple[str, ...] = option(
        (), "What only this rule has, as NAME=VALUE such as share=0.2, may be repeated."
    )
    engine: str = option("auto", "How alignments are computed: {}.", choices=ENGINES)
    preset: str = option("exact", "What a step may cost: {} (the last layers).", choices=PRESETS)
    layers: tuple[str, ...] | None = option(
        None,
        "Compare gradients in these submodules only, such as 'layer3.*', may be repeated; body: all but embeddings.",
        usual="all; body for pairs of texts",
    )
    contrast: str | None = option(
        None,
        _CONTRAST,
        usual="none; input for pairs of texts by rules that do not learn",
        known="none",
        own="none",
        choices=CONTRASTS,
    )
    clean_batch_size: int | None = option(None, "Clean examples in each step.", usual="as --batch-size", least=1)
    warm_up: int | None = option(
        None, "Plain steps before weighing starts.", usual="0; half of all for your own images", known=0, least=0
    )
    normalise_over: str = option(
        "global", "Among several processes, weights sum to one over the batch of all or over each one's part: {}.",
        choices=NORMALISED_OVER,
    )  # fmt: skip
    keep_clean_in_train: bool | None = option(None, "Train on the clean examples as well.", known=False, own=True)

    def __post_init__(self) -> None:
        check(self)
        if self.layers is not None and not all(self.layers):
            raise BadInput("layers holds an empty pattern: give patterns over module names, such as 'layers.*'")

    @property
    def learns(self) -> bool:
        """Whether the rule is known to learn; one written outside may, and its code is not run by reading settings."""
        entry = registry.inside(self.rule)
        return ":" in (self.rule or "") if entry is None else entry.learns


@dataclass(frozen=True, kw_only=True)
class ResolvedWeights(WeightSettings):
    """The same with nothing left open."""

    rule: str
    contrast: str
    clean_batch_size: int
    warm_up: int
    keep_clean_in_train: bool
