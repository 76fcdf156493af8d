"""The rules that learn, as the settings describe them; and teachers that were trained before."""

from collections.abc import Callable

import torch

from reweigh.errors import BadInput
from reweigh.learning import Learning
from reweigh.rules import ClassAwareWeightNet, DeepInteraction, LearnedRule, MetaWeightNet, read_rule
from reweigh.training.config import TrainConfig, known
from reweigh.training.prepare import RunData
from reweigh.training.schedule import seed_for

_KINDS: dict[str, type[LearnedRule]] = {
    kind.name: kind for kind in (MetaWeightNet, ClassAwareWeightNet, DeepInteraction)
}


def build_teacher(config: TrainConfig, data: RunData) -> LearnedRule:
    """A fresh rule, or the frozen one in the file that `teacher` names.

    Raises:
        BadInput: if that file is no teacher, or one of another rule or number of classes.
    """
    classes, seed = len(data.train.classes), seed_for(config.seed, "teacher") % 2**31
    if config.teacher is not None:
        rule = _trained_before(config.teacher, known(config.rule), classes)
        if isinstance(rule, DeepInteraction) and config.teacher_states is not None:
            rule.states = list(config.teacher_states)
        return rule
    makers: dict[str, Callable[[], LearnedRule]] = {
        "meta-weight-net": lambda: MetaWeightNet(normalise=config.normalise, seed=seed),
        "class-aware": lambda: ClassAwareWeightNet(
            data.train.y.bincount(minlength=classes), normalise=config.normalise, seed=seed
        ),
        "deep-interaction": lambda: DeepInteraction(
            classes,
            states=config.teacher_states,
            **{what: what in config.teacher_reads for what in ("surface", "internal", "interaction")},
            normalise=config.normalise,
            seed=seed,
        ),
    }
    return makers[known(config.rule)]()


def learning_of(config: TrainConfig) -> Learning:
    """How the rule learns."""
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    kind = kinds[config.teacher_optimizer]
    return Learning(
        optimizer=lambda parameters: kind(parameters, lr=config.teacher_lr, weight_decay=1e-4),
        horizon=config.horizon,
        every=config.teacher_every,
        look_ahead=config.look_ahead,
        memory=config.memory,
    )


def _trained_before(path: str, name: str, classes: int) -> LearnedRule:
    found = read_rule(path)[0]
    if found != name:
        raise BadInput(f"{path} holds a {found} rule: add --rule {found}")
    rule = _KINDS[name].load(path)
    known = getattr(rule, "classes", None) or len(getattr(rule, "sizes", ())) or classes
    if known != classes:
        raise BadInput(
            f"the teacher in {path} was made for {known} classes, and this data set has {classes}: train one on it"
        )
    return rule
