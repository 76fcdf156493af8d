"""What was set for a run: the settings that would have been others, had they been left open."""

from dataclasses import MISSING
from typing import Any

from reweigh.audit import Audit
from reweigh.errors import BadInput
from reweigh.run.job.prepare import RunData
from reweigh.run.job.usual import with_usual
from reweigh.run.objects import Objects
from reweigh.settings import Settings
from reweigh.settings.settings import by_name

_FOUND_OUT = ("device", "threads")
"""How the work was done, which a run settles by itself; that is told beside the versions."""


def made_with(audit: Audit) -> dict[str, str]:
    """Versions, and where it was computed."""
    run = audit.run.config.run
    return {**audit.run.versions, "device": run.device, "threads": str(run.threads)}


def set_ones(audit: Audit) -> dict[str, str]:
    """By name, in words. A rule that was chosen by trials is not among them."""
    flat = audit.run.config.flat()
    chosen = ("rule", "rule_option") if "choice" in audit.run.summary else ()
    said = {
        name: value
        for name, value in flat.items()
        if value is not None and value != by_name()[name].default and name not in (*_FOUND_OUT, *chosen)
    }
    return {name.replace("_", " "): _told(value) for name, value in said.items() if _was_set(audit, said, name)}


def _was_set(audit: Audit, said: dict[str, Any], name: str) -> bool:
    """Whether it would have been another, had it been left open and all else said."""
    setting = by_name()[name]
    if not setting.is_open or setting.default is MISSING:
        return True
    given = audit.run.given
    objects = Objects(model=None if isinstance(given, str) else given)
    data = RunData(audit.examples, audit.checked, audit.checked, audit.encoding)
    try:
        rest = Settings.of(**{other: value for other, value in said.items() if other != name})
        return bool(with_usual(rest, data, objects).flat()[name] != said[name])
    except BadInput:  # it is needed
        return True


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
