"""Models, rules and tasks that a caller gives as objects: what settings call them, and what goes beside the settings."""

from collections.abc import Mapping
from typing import Any

from reweigh.errors import BadInput
from reweigh.named_code import name_of
from reweigh.rules import Rule, registry
from reweigh.run.objects import Objects
from reweigh.tasks import name_of_task, use_task

_OF_A_RULE = ("rule_option", "normalise", "teacher", "teacher_reads", "teacher_states")


def named_objects(model: Any, rule: Any, task: Any, settings: Mapping[str, Any]) -> tuple[dict[str, str], Objects]:
    """The settings that say what was given, and the objects themselves; a task is made known by its name.

    Raises:
        BadInput: if one is of another kind, or `settings` are about a rule that is made already.
    """
    named: dict[str, str] = {}
    if model is not None:
        if not isinstance(model, str) and not callable(model):
            raise BadInput(
                f"model= is a {type(model).__name__}: give a name, a torch module, or a function that builds one"
            )
        named["model"] = name_of(model)
    if rule is not None:
        named["rule"] = _name_of_rule(rule)
        told = [name for name in _OF_A_RULE if settings.get(name) is not None]
        if isinstance(rule, Rule) and told:
            raise BadInput(f"rule= is a rule that is made already, and {told[0]}= says how to make one: leave it out")
    if task is not None:
        use_task(task)
        named["task"] = name_of_task(task)
    objects = {"model": model, "rule": rule}
    return named, Objects(**{name: given for name, given in objects.items() if not isinstance(given, str)})


def _name_of_rule(rule: Any) -> str:
    """One of ours by its name, where the class is given; else by where its class is written."""
    if isinstance(rule, str | Rule):
        return name_of(rule)
    if not (isinstance(rule, type) and issubclass(rule, Rule)):
        raise BadInput(f"rule= is a {type(rule).__name__}: give a name, a rule, or a class of reweigh.rules.Rule")
    entry = registry.inside(getattr(rule, "name", None))
    return rule.name if entry is not None and entry.kind is rule else name_of(rule)
