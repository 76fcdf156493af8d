"""Objects that a caller in Python gives where settings have names: a model, a rule.

No code and no pickle goes into a run's folder. The settings say by `named_code.name_of` what was given, what was learnt is
in the checkpoint and in model.safetensors, and whoever goes on with the run, or opens it, gives the object again.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from reweigh.errors import BadInput
from reweigh.named_code import first_line
from reweigh.rules import Rule, registry


@dataclass(frozen=True)
class Objects:
    """What was given; None where a name says it.

    Attributes:
        model: a module, whose state is what training starts from, or a function from (input_shape, outputs) to one.
        rule: a rule, or a class of rules, which is made of the settings.
    """

    model: nn.Module | Callable[..., nn.Module] | None = None
    rule: Rule | type[Rule] | None = None

    def rule_entry(self, name: str) -> registry.Entry:
        """What is known of the rule that settings call `name`.

        Raises:
            BadInput: if there is none, or it was not given.
        """
        if self.rule is None:
            return registry.entry_of(name)
        return registry.entry_for(self.rule if isinstance(self.rule, type) else type(self.rule), name)


NONE = Objects()


def own_copy(module: nn.Module) -> nn.Module:
    """A copy of a caller's module on the CPU, so that theirs stays as it is.

    Raises:
        BadInput: if it cannot be copied.
    """
    try:
        return copy.deepcopy(module).cpu()
    except Exception as failed:  # whatever the caller's module holds
        raise BadInput(
            f"the model, a {type(module).__name__}, cannot be copied ({first_line(failed)}): give a function that builds it"
        ) from failed
