"""Label Studio: suspects as tasks with the suggested label as a prediction, and annotations as decisions.

Tasks are a list of objects with `data` and `predictions`; a prediction is refused whole where its score lies outside [0, 1],
or it names a control or a choice that the labelling interface does not have. So the interface is written beside the tasks.
Pictures are shown by their local path, below a folder that Label Studio is told of.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from reweigh._version import __version__
from reweigh.audit import Audit
from reweigh.audit.as_read import inputs_of, places_of
from reweigh.errors import BadInput
from reweigh.exchange.annotations import annotations_in
from reweigh.exchange.format import DROPPED, GIVEN, ID, Annotation, Exported
from reweigh.ledger.visits import Array
from reweigh.run.folder.run_folder import without_nan
from reweigh.storage import write_bytes

CONTROL, SHOWN, DROP = "choice", "example", "drop"


class LabelStudio:
    """Tasks as JSON, and the labelling interface as XML beside them."""

    name = "label-studio"

    def write(self, audit: Audit, rows: Array, target: Path, root: Path | None = None) -> Exported:
        """The examples at these `rows` (n,) of an audit as tasks; `root` is the folder that Label Studio serves files from.

        Raises:
            BadInput: if there is nothing that a person could look at, or pictures lie outside `root`.
        """
        shown, columns = self._shown(audit, rows, root)
        tasks = [
            {"data": data, "predictions": self._predictions(audit, row)}
            for row, data in zip(rows.tolist(), columns, strict=True)
        ]
        interface = target.with_suffix(".xml")
        write_bytes(interface, self._interface(audit, shown))
        write_bytes(target, json.dumps(without_nan(tasks), ensure_ascii=False, default=str, indent=1).encode())
        return Exported(target, len(tasks), self._next(target, interface, audit, shown, root))

    def read(self, path: Path) -> list[Annotation]:
        """What annotators said of examples, in an export of Label Studio (JSON or JSON_MIN).

        Raises:
            BadInput: if the file is no such export, or of other tasks.
        """
        return annotations_in(path, (CONTROL, DROP))

    def _shown(self, audit: Audit, rows: Array, root: Path | None) -> tuple[str, list[dict[str, Any]]]:
        """How the interface shows an example ("image", "text" or "item"), and the data of each."""
        places, inputs = places_of(audit, rows), inputs_of(audit, rows)
        kind = None if audit.encoding is None else audit.encoding.kind
        found = [
            {
                ID: audit.name(row),
                GIVEN: audit.told(audit.given[row]),
                "suggested": audit.told(audit.suggested[row]),
                "wrong": float(1 - audit.right[row]),
                **{name: _item(values, place) for name, values in places.items()},
            }
            for place, row in enumerate(rows.tolist())
        ]
        if kind == "images":
            base = _root(audit, root)
            for data in found:
                data["image"] = _local(Path(data["file"]), base)
            return "image", found
        if not inputs:
            raise BadInput(
                f"the run in {audit.run.path} learnt from {kind or audit.run.config.data.name}, of which there is nothing "
                "to look at in Label Studio: it takes tables, texts and folders of images"
            )
        columns = {name: values.to_pylist() for name, values in inputs.items()}
        for place, data in enumerate(found):
            item = {name: values[place] for name, values in columns.items()}
            data |= {"text": next(iter(item.values()))} if kind == "text" else {"item": item}
        return ("text" if kind == "text" else "item"), found

    def _predictions(self, audit: Audit, row: int) -> list[dict[str, Any]]:
        value = _value(audit, audit.suggested[row])
        if value is None:
            return []
        result = {"id": "suggested", "from_name": CONTROL, "to_name": SHOWN, **value}
        score = float(audit.suggested_probability[row])
        sure = {} if score != score else {"score": min(max(score, 0.0), 1.0)}
        return [{"model_version": f"reweigh-{__version__}", **sure, "result": [result]}]

    def _interface(self, audit: Audit, shown: str) -> bytes:
        view = ElementTree.Element("View")
        tag = {"image": "Image", "text": "Text", "item": "Table"}[shown]
        ElementTree.SubElement(view, tag, name=SHOWN, value=f"${shown}")
        ElementTree.SubElement(view, "Header", value="Label as given")
        ElementTree.SubElement(view, "Text", name=GIVEN, value=f"${GIVEN}")
        if _are_numbers(audit):
            ElementTree.SubElement(view, "Number", name=CONTROL, toName=SHOWN)
        else:
            how = "single-radio" if audit.task.has_classes else "multiple"
            choices = ElementTree.SubElement(view, "Choices", name=CONTROL, toName=SHOWN, choice=how, showInline="true")
            for name in audit.task.classes:
                ElementTree.SubElement(choices, "Choice", value=name)
        drop = ElementTree.SubElement(view, "Choices", name=DROP, toName=SHOWN, choice="multiple")
        ElementTree.SubElement(drop, "Choice", value=DROPPED)
        ElementTree.indent(view)
        content: bytes = ElementTree.tostring(view, encoding="utf-8")
        return content + b"\n"

    def _next(self, target: Path, interface: Path, audit: Audit, shown: str, root: Path | None) -> list[str]:
        steps = [f"paste {interface} into the project's labelling interface (Code), then import {target}"]
        if shown == "image":
            base, folder = _root(audit, root), Path(str(audit.run.config.flat()["train"])).resolve()
            steps.insert(
                0,
                "start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
                f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={base}, and add a Local Files storage with the path {folder}",
            )
        return [*steps, "export the annotations as JSON, and `reweigh import` makes decisions of them"]


def _value(audit: Audit, label: Any) -> dict[str, Any] | None:
    """A label as the value of a control; None where several labels are none."""
    if _are_numbers(audit):
        return {"type": "number", "value": {"number": float(label)}}
    told = [audit.told(label)] if audit.task.has_classes else [name for name in audit.told(label).split("; ") if name]
    return {"type": "choices", "value": {"choices": told}} if told else None


def _are_numbers(audit: Audit) -> bool:
    return not isinstance(audit.task.cells(audit.given[:1]), list)


def _item(values: Any, place: int) -> Any:
    value = values[place]
    return value.item() if hasattr(value, "item") else value


def _root(audit: Audit, root: Path | None) -> Path:
    """The folder that files are served from: one above that of the pictures, which has to be a folder within it."""
    folder = Path(str(audit.run.config.flat()["train"])).resolve()
    base = folder.parent if root is None else root.resolve()
    if not folder.is_relative_to(base) or folder == base:
        raise BadInput(f"--root is {base}, and the pictures lie in {folder}: name a folder above that one")
    return base


def _local(path: Path, root: Path) -> str:
    return f"/data/local-files/?d={quote(path.resolve().relative_to(root).as_posix())}"
