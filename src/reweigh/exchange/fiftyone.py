"""FiftyOne: suspects as an image classification data set of its own, and what came out of it as decisions.

Its `FiftyOneImageClassificationDataset` is one JSON file: labels by the absolute path of their picture, each with a
confidence and attributes, so that no picture is copied and no database is needed to write it. An export again has the
attributes where it is asked for them, by which an example is known; a data set with a list of classes may have numbers for
labels there.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reweigh.audit import Audit
from reweigh.audit.as_read import places_of
from reweigh.data.own.paths import existing
from reweigh.errors import BadInput
from reweigh.exchange.format import DROPPED, GIVEN, ID, Annotation, Exported
from reweigh.ledger.visits import Array
from reweigh.run.folder.run_folder import without_nan
from reweigh.storage import read_plain, write_bytes
from reweigh.strict_json import parse_object

FIELD, TAG = "ground_truth", "reviewed"
_TYPE = "dataset_type=fo.types.FiftyOneImageClassificationDataset"


class FiftyOne:
    """One file of labels, which name their pictures where they lie."""

    name = "fiftyone"

    def write(self, audit: Audit, rows: Array, target: Path, root: Path | None = None) -> Exported:
        """The examples at these `rows` (n,) of an audit, with the given label and how likely that is right.

        Raises:
            BadInput: if they are no pictures of one class each, or `root` is given, which nothing is shown from.
        """
        if audit.encoding is None or audit.encoding.kind != "images" or not audit.task.has_classes:
            kind = audit.run.config.data.name if audit.encoding is None else audit.encoding.kind
            raise BadInput(
                f"the run in {audit.run.path} learnt from {kind}, and FiftyOne takes folders of images with a class each: "
                "`reweigh review` shows anything"
            )
        if root is not None:
            raise BadInput("--root is for tools that serve files, and FiftyOne opens them where they lie: leave it out")
        files = [Path(file).resolve() for file in places_of(audit, rows)["file"]]
        labels = {str(file): self._label(audit, row) for file, row in zip(files, rows.tolist(), strict=True)}
        content = {"classes": [*audit.task.classes, DROPPED], "labels": labels}
        write_bytes(target, json.dumps(without_nan(content), ensure_ascii=False, indent=1).encode())
        return Exported(target, len(labels), self._next(audit, target))

    def read(self, path: Path) -> list[Annotation]:
        """What was exported of the data set again: each example in it counts as looked at.

        Raises:
            BadInput: if the file is no such export, or has no attributes by which examples are known.
        """
        place = existing(path)
        content = parse_object(read_plain(place), place)
        labels = content.get("labels")
        if not isinstance(labels, dict):
            raise BadInput(f"{place} has no 'labels': export the data set as FiftyOneImageClassificationDataset")
        return list(_annotations(labels, content.get("classes"), place))

    def _label(self, audit: Audit, row: int) -> dict[str, Any]:
        return {
            "label": audit.told(audit.given[row]),
            "confidence": float(audit.given_probability[row]),
            "attributes": {
                ID: audit.name(row),
                GIVEN: audit.told(audit.given[row]),
                "suggested": audit.told(audit.suggested[row]),
                "wrong": float(1 - audit.right[row]),
            },
        }

    def _next(self, audit: Audit, target: Path) -> list[str]:
        decided = target.with_name(f"{target.stem}-decided.json")
        return [
            f"in Python, after `import fiftyone as fo`: dataset = fo.Dataset.from_dir({_TYPE}, "
            f"labels_path={str(target)!r}), then fo.launch_app(dataset)",
            f"correct {FIELD}.label of those that are wrong ({DROPPED!r} drops one), and tag all that you have looked at as "
            f"{TAG!r}",
            f'dataset.match_tags("{TAG}").export({_TYPE}, label_field="{FIELD}", labels_path={str(decided)!r}, '
            "export_media=False, abs_paths=True, include_attributes=True)",
            f"`reweigh import {audit.run.path} {decided} --from {self.name}` makes decisions of them",
        ]


def _annotations(labels: Mapping[str, Any], classes: Any, place: object) -> Iterator[Annotation]:
    for number, (picture, said) in enumerate(labels.items(), 1):
        if said is None:  # an example without a label says nothing
            continue
        attributes = said.get("attributes") if isinstance(said, dict) else None
        if not isinstance(attributes, dict) or not isinstance(attributes.get(ID), str):
            raise BadInput(
                f"{picture} in {place} has no attribute {ID!r}: export suspects that `reweigh export` wrote, with "
                "include_attributes=True"
            )
        label = said.get("label")
        if isinstance(label, int) and isinstance(classes, list) and 0 <= label < len(classes):
            label = classes[label]
        if not isinstance(label, str):
            raise BadInput(f"{picture} in {place} has no label: give it one, or {DROPPED!r}")
        dropped, given = label == DROPPED, str(attributes.get(GIVEN, ""))
        yield Annotation(attributes[ID], given, None if dropped else (label,), dropped, f"label {number} of {place}")
