"""The rule of a run, as the settings describe it; how it learns; and teachers that were trained before."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reweigh.data.sampling import seed_for, steps_an_epoch
from reweigh.errors import BadInput
from reweigh.learning import Learning
from reweigh.rightness.known import Known
from reweigh.rules import LearnedRule, Materials, Rule, SecondModel, read_rule, registry
from reweigh.run.job.prepare import RunData
from reweigh.run.objects import NONE, Objects
from reweigh.settings import Resolved
from reweigh.settings.learning import LearningSettings


def build_rule(
    config: Resolved,
    data: RunData,
    second: SecondModel | None = None,
    objects: Objects = NONE,
    judged: Callable[[], Known] | None = None,
) -> Rule:
    """The rule that the settings name, told what it needs to know; or the frozen one in the file that `teacher` names.

    A rule that is an object is copied. `judged` has what is known of the labels, where somebody judges them.

    Raises:
        BadInput: if it cannot be made of these data, or the teacher is no such rule, or one of other classes.
    """
    weights, learning, student = config.weights, config.learning, config.student
    entry, task = objects.rule_entry(weights.rule), data.train.task
    settings = {"normalise": learning.normalise, "reads": learning.teacher_reads, "states": learning.teacher_states}
    options = registry.options_from(entry, settings, weights.rule_option)
    materials = Materials(
        seed=lambda purpose: seed_for(student.seed, purpose),
        class_sizes=data.train.y.bincount(minlength=len(task.classes)) if task.has_classes else None,
        wrong=_truth(data),
        second_model=second,
        steps=student.steps_in_all(steps_an_epoch(len(data.train), student.batch_size)),
        checked=_checked(data),
        judged=judged,
        ids=data.train.ids,
        masks=task.masks,
    )
    if learning.teacher is not None:
        return _trained_before(learning.teacher, entry, materials, options)
    if isinstance(objects.rule, Rule):
        rule = copy.deepcopy(objects.rule)
        rule.prepare(materials)
        return rule
    return entry.make(materials, options)


def learning_of(settings: LearningSettings) -> Learning:
    """How the rule learns."""
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    kind = kinds[settings.teacher_optimizer]
    return Learning(
        optimizer=lambda parameters: kind(parameters, lr=settings.teacher_lr, weight_decay=1e-4),
        horizon=settings.horizon,
        every=settings.teacher_every,
        look_ahead=settings.look_ahead,
        memory=settings.memory,
    )


def _trained_before(path: str, entry: registry.Entry, materials: Materials, options: Any) -> LearnedRule:
    name, kind = read_rule(path)[0], entry.kind
    if not issubclass(kind, LearnedRule):
        raise BadInput(f"a teacher is given, but the rule {kind.name} learns nothing: leave --teacher out")
    if name != kind.name:
        raise BadInput(f"{path} holds a {name} rule: add --rule {name}")
    rule = kind.load(path)
    classes = 0 if materials.class_sizes is None else len(materials.class_sizes)
    if rule.class_count not in (None, classes):
        raise BadInput(
            f"the teacher in {path} was made for {rule.class_count} classes, and this data set has {classes or 'none'}: "
            "train one on it"
        )
    rule.prepare(materials)
    rule.used_with(options)
    return rule


def _checked(data: RunData) -> Tensor | None:
    """Which examples to train on are clean ones, (N,) bool; None where none is."""
    found = torch.isin(data.train.ids, data.clean.ids)
    return found if bool(found.any()) else None


def _truth(data: RunData) -> Callable[[Any], Tensor] | None:
    """From a batch to which of its labels are wrong (B,), by the ids; None where none is known to be."""
    corrupted = data.truth
    if corrupted is None:
        return None
    order = data.train.ids.argsort()
    sorted_ids = data.train.ids[order]

    def corrupted_in(batch: dict[str, Tensor]) -> Tensor:
        return corrupted[order[torch.searchsorted(sorted_ids, batch["id"].cpu())]]

    return corrupted_in
