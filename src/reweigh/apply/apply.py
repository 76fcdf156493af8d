"""From decisions to a cleaned data set: the training file with the labels and rows that were decided on, and no others.

Below the output stand the training data in the layout that they came in, the checked set grown by what was reviewed, what
was held back for testing, `changes.csv`, and the settings to train with again. It appears whole or not at all, and what was
written is read once more before: it has to say what was decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reweigh.apply.changes import write_changes
from reweigh.apply.checked import CHECKED, TEST, Grown, grown
from reweigh.apply.corrected import right_beside
from reweigh.apply.decisions import CHANGE, DROP, KEEP, Decision
from reweigh.apply.edits import Edits
from reweigh.apply.settings import SETTINGS, settings_again
from reweigh.apply.subject import Subject
from reweigh.apply.written import CHANGES, check_output_folder, check_written, whole_folder
from reweigh.data.own.paths import existing
from reweigh.errors import BadInput
from reweigh.run.folder.run_folder import write_json
from reweigh.storage import make_folder
from reweigh.words import counted, shown


@dataclass(frozen=True)
class Applied:
    """A cleaned data set in the folder `path`.

    Attributes:
        train, checked: the training data, and the examples that are known to be right: what `--train` and `--clean` take.
        test: what `--test` takes, where examples were held back for testing; else None.
        counts: how many decisions were to keep, change and drop, by these words.
        rows: how many training examples there are now.
        checked_rows: how many are checked.
        settings: what `reweigh.fit` takes to train again, by name.
        undecided: how many rows named another label and decided nothing, and so stay as they are.
        beside: how many labels became what a column of the training file says to be right (`--clean-target`).
        automatic: what is to be said of decisions without a review; "" where there were none.
    """

    path: Path
    train: Path
    checked: Path
    test: Path | None
    counts: dict[str, int]
    rows: int
    checked_rows: int
    settings: dict[str, Any]
    automatic: str = ""
    beside: int = 0
    undecided: int = 0

    def sentence(self) -> str:
        """What was done."""
        corrected = f", and {counted(self.beside, 'label')} corrected as the file itself says" if self.beside else ""
        return (
            f"{counted(self.counts[CHANGE], 'label')} changed, {counted(self.counts[DROP], 'row')} dropped, "
            f"{counted(self.counts[KEEP], 'label')} reviewed and kept{corrected}"
        )


def apply_decisions(
    subject: Subject,
    decisions: Sequence[Decision],
    output: Path,
    *,
    automatic: Sequence[Decision] = (),
    overwrite: bool = False,
) -> Applied:
    """Write the cleaned data to the folder `output`, whole or not at all.

    Args:
        subject: the run's data, of `subject_of`.
        decisions: of a reviewer, on some of its examples; those that stay join the checked set.
        automatic: without a review, on others.
        overwrite: whether a folder that was written so before may be replaced.

    Raises:
        BadInput: if a decision is about no example, its label is none or has changed since, or the folder is there.
        ReweighError: if the disk refuses.
    """
    reviewed, decisions = len(decisions), [*decisions, *automatic]
    check_output_folder(output, subject.sources, overwrite=overwrite)
    rows = _rows(subject, decisions)
    now = _now(subject, rows)
    _check_given(subject, decisions, now)
    decisions = _settled(subject, decisions, now)
    edits, wanted = _edits(subject, decisions, rows)
    sure = [row for row, one in zip(rows[:reviewed], decisions, strict=False) if one.word != DROP]
    by = ["review" if place < reviewed else "auto" for place in range(len(decisions))]
    with whole_folder(output, overwrite=overwrite) as part:
        train = subject.layout.copy(subject.sources.train, _place(subject.sources.train, part), edits)
        check_written(subject, train, edits, wanted)
        checked = grown(subject.layout, subject.sources, subject.data, edits, np.array(sure, dtype=np.int64), part)
        write_changes(part / CHANGES, subject.sources.train, decisions, rows, by)
        made = _moved(train, checked, part, output)
        settings = settings_again(subject.run, *made)
        write_json(part / SETTINGS, {"settings": settings})
    words = [one.word for one in decisions]
    counts = {word: words.count(word) for word in (KEEP, CHANGE, DROP)}
    beside = len(edits.cells) - counts[CHANGE]
    return Applied(output, *made, counts, int(edits.kept.sum()), checked.rows, settings, beside=beside)


def _rows(subject: Subject, decisions: Sequence[Decision]) -> list[int]:
    known = subject.rows
    for one in decisions:
        if one.id not in known:
            raise BadInput(
                f"{one.where} is about {shown(one.id)}, which is no training example of the run in {subject.run.path}: give "
                f"ids as its audit has them, such as {shown(next(iter(known)))}"
            )
    return [known[one.id] for one in decisions]


def _now(subject: Subject, rows: Sequence[int]) -> torch.Tensor:
    """The targets (n, ...) of these rows as they stand."""
    place = {row: at for at, row in enumerate(subject.data.train.ids.tolist())}
    return subject.data.train.y[torch.tensor([place[row] for row in rows], dtype=torch.long)]


def _settled(subject: Subject, decisions: Sequence[Decision], now: torch.Tensor) -> list[Decision]:
    """A change to the label that stands there already is none: somebody looked, and it is right."""
    changes = [place for place, one in enumerate(decisions) if one.word == CHANGE]
    told = subject.labels.told([decisions[at] for at in changes], [decisions[at].label for at in changes])
    same = subject.labels.same(told, now[changes]).tolist() if changes else []
    found = list(decisions)
    for at in (place for place, alike in zip(changes, same, strict=True) if alike):
        found[at] = found[at]._replace(word=KEEP, label="")
    return found


def _check_given(subject: Subject, decisions: Sequence[Decision], now: torch.Tensor) -> None:
    """The labels are those that the reviewer saw."""
    task = subject.data.train.task
    try:
        agree = subject.labels.same(subject.labels.told(decisions, [one.given for one in decisions]), now).tolist()
    except BadInput:  # one of them is no label at all
        agree = [_agrees(subject, one, y) for one, y in zip(decisions, now, strict=True)]
    for one, y, fine in zip(decisions, now, agree, strict=True):
        if not fine:
            raise BadInput(
                f"{one.where} was decided when the label of {shown(one.id)} was {shown(one.given)}, and in "
                f"{subject.sources.train} it is {shown(task.told(task.in_units(y)))}: review that example again, or leave "
                "the line out"
            )


def _agrees(subject: Subject, one: Decision, now: torch.Tensor) -> bool:
    try:
        return bool(subject.labels.same(subject.labels.told([one], [one.given]), now[None])[0])
    except BadInput:
        return False


def _edits(
    subject: Subject, decisions: Sequence[Decision], rows: Sequence[int]
) -> tuple[Edits, dict[int, torch.Tensor]]:
    """What becomes of each row, and the new target of those whose label changes."""
    kept = np.ones(len(subject.labels), dtype=bool)
    kept[[row for row, one in zip(rows, decisions, strict=True) if one.word == DROP]] = False
    changes = [(row, one) for row, one in zip(rows, decisions, strict=True) if one.word == CHANGE]
    if not kept.any():
        raise BadInput("every row is dropped: keep some to train on")
    right = right_beside(subject)
    at = [*(row for row, _ in changes), *right.rows]
    if not at:
        return Edits(kept, {}, subject.encoding.targets), {}
    texts = [one.label for _, one in changes]
    wanted = torch.cat([subject.labels.told([one for _, one in changes], texts), right.targets])
    cells = subject.labels.cells(wanted, [*texts, *right.texts], at)
    edits = Edits(kept, dict(zip(at, cells, strict=True)), subject.encoding.targets)
    return edits, dict(zip(at, wanted, strict=True))


def _place(train: str, part: Path) -> Path:
    """The folder for the training data: one of their own where they are called as something of ours."""
    ours = {CHECKED, TEST, *(name.partition(".")[0] for name in (CHANGES, SETTINGS))}
    if existing(train).resolve().name.partition(".")[0].casefold() not in ours:
        return part
    make_folder(part / "train")
    return part / "train"


def _moved(train: Path, checked: Grown, part: Path, output: Path) -> tuple[Path, Path, Path | None]:
    """The paths as they are once the folder has its name."""
    test = None if checked.test is None else output / checked.test.relative_to(part)
    return output / train.relative_to(part), output / checked.clean.relative_to(part), test
