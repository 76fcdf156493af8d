"""The exports of Label Studio: JSON, in which a task has its annotations, and JSON_MIN, a flat object an annotation."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reweigh.data.own.paths import existing
from reweigh.errors import BadInput
from reweigh.exchange.format import GIVEN, ID, Annotation
from reweigh.storage import read_plain
from reweigh.strict_json import parse_json


def annotations_in(path: Path, controls: tuple[str, str]) -> list[Annotation]:
    """What the export at `path` says by two controls, of the label and of dropping; skipped tasks say nothing.

    Raises:
        BadInput: if it is no such export, or its tasks are none of ours.
    """
    place = existing(path)
    tasks = parse_json(read_plain(place), place)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise BadInput(f"{place} is no list of tasks: export the annotations of the project as JSON")
    found = []
    for number, task in enumerate(tasks, 1):
        where = f"task {number} of {place}"
        data = task.get("data") if isinstance(task.get("data"), dict) else task
        if not isinstance(data.get(ID), str | int):
            raise BadInput(f"{where} has no {ID!r}: it was not made by `reweigh export`, import the project that was")
        said = _of_task(task, controls) if "annotations" in task else [_flat(task, controls)]
        for labels, dropped, by, at in said:
            if dropped or labels is not None:
                found.append(Annotation(str(data[ID]), str(data.get(GIVEN, "")), labels, dropped, where, by, at))
    return found


Said = tuple[tuple[str, ...] | None, bool, str, str]


def _of_task(task: Mapping[str, Any], controls: tuple[str, str]) -> Iterator[Said]:
    for annotation in task["annotations"] or ():
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        values: dict[str, Any] = {}
        for item in annotation.get("result") or ():
            if isinstance(item, dict) and isinstance(item.get("value"), dict):
                values[str(item.get("from_name"))] = item["value"].get(str(item.get("type")))
        who = annotation.get("completed_by")
        by = str(who.get("email", who.get("id")) if isinstance(who, dict) else who)
        yield _labels(values.get(controls[0])), bool(values.get(controls[1])), by, str(annotation.get("updated_at", ""))


def _flat(task: Mapping[str, Any], controls: tuple[str, str]) -> Said:
    labels, dropped = (task.get(name) for name in controls)
    by, at = str(task.get("annotator", "")), str(task.get("updated_at", ""))
    return _labels(labels), bool(dropped), by, at


def _labels(value: Any) -> tuple[str, ...] | None:
    """A choice, several, or a number, as texts; None where nothing was said."""
    if isinstance(value, dict):
        value = value.get("choices")
    if value is None or value == "":
        return None
    return tuple(str(one) for one in value) if isinstance(value, list) else (str(value),)
