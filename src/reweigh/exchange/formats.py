"""The tools by their names, and the two ways: suspects out, decisions back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from reweigh.apply import Decision
from reweigh.apply.decisions import CHANGE, DROP, KEEP
from reweigh.apply.labels import Labels
from reweigh.apply.subject import labels_of
from reweigh.audit import audit_run, open_run
from reweigh.data.own.targets import split
from reweigh.errors import BadInput
from reweigh.exchange.fiftyone import FiftyOne
from reweigh.exchange.format import Annotation, Exported, Format
from reweigh.exchange.label_studio import LabelStudio
from reweigh.storage import home, make_folder
from reweigh.tables import check_free
from reweigh.words import counted

FORMATS: Mapping[str, Format] = {one.name: one for one in (LabelStudio(), FiftyOne())}
MOST = 200


def export_run(
    path: Path | str,
    target: Path | str,
    to: str,
    *,
    top: int | None = None,
    root: Path | None = None,
    overwrite: bool = False,
    **opened: Any,
) -> Exported:
    """Write the suspects of a finished run for another tool, the likeliest wrong first.

    Args:
        path: the run's folder.
        target: the file.
        to: the tool's name.
        top: how many; those that look wrong if left out, 200 at most.
        root: the folder from which the tool shows pictures; that above the training folder if left out.
        overwrite: whether the file may be replaced.
        opened: `data_root`, `model` and `task`, as `open_run` takes them.

    Raises:
        BadInput: if there is no such run or nothing to look at, or the file is there.
    """
    if top is not None and top < 1:
        raise BadInput(f"--top is {top}: give a number of at least 1")
    place = home(target)
    check_free(place, overwrite=overwrite)
    audit = audit_run(path, **opened)
    count = min(int(audit.issue.sum()) or MOST, MOST) if top is None else top
    make_folder(place.parent)
    return format_named(to).write(audit, audit.order[:count], place, root)


def format_named(name: str) -> Format:
    """The tool of that name.

    Raises:
        BadInput: if none is known.
    """
    if name not in FORMATS:
        raise BadInput(f"there is no tool {name!r}: choose one of {', '.join(FORMATS)}")
    return FORMATS[name]


class Imported(NamedTuple):
    """Decisions, and how many examples were left out since their annotators disagree."""

    decisions: list[Decision]
    disagreed: int

    def sentence(self) -> str:
        """What came in."""
        words = [one.word for one in self.decisions]
        counts = ", ".join(f"{words.count(word)} {word}" for word in (KEEP, CHANGE, DROP))
        left = f"; {counted(self.disagreed, 'example')} left out, since annotators disagree" if self.disagreed else ""
        return f"{counted(len(words), 'decision')} ({counts}){left}"


def import_decisions(path: Path | str, file: Path | str, of: str, **opened: Any) -> Imported:
    """What annotators said of a finished run's examples, as decisions.

    Where several said different things of an example it is left out; of one annotator the last word counts.

    Raises:
        BadInput: if there is no such run, the file is no export of the tool, or a label is none of the run's.
    """
    run = open_run(path, **opened)
    labels = labels_of(run)
    said: dict[str, dict[str, Annotation]] = {}
    for one in sorted(format_named(of).read(home(file)), key=lambda one: one.at):
        said.setdefault(one.id, {})[one.by] = one
    decisions, disagreed = list[Decision](), 0
    for each in said.values():
        found = [_decision(labels, one) for one in each.values()]
        if _agree(found):
            decisions.append(found[0])
        else:
            disagreed += 1
    return Imported(decisions, disagreed)


def _decision(labels: Labels, one: Annotation) -> Decision:
    if one.dropped:
        return Decision(one.id, one.given, DROP, "", one.where)
    label = ";".join(one.labels or ())
    change = Decision(one.id, one.given, CHANGE, label, one.where)
    if bool(labels.same(labels.told([change], [label]), labels.told([change], [one.given]))[0]):
        return Decision(one.id, one.given, KEEP, "", one.where)
    return change


def _agree(found: Sequence[Decision]) -> bool:
    first = found[0]
    return all(one.word == first.word and set(split(one.label)) == set(split(first.label)) for one in found[1:])
