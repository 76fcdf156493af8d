"""The page on which a person decides about suspects: one file (`report.offline`), with what the data say as JSON."""

from pathlib import Path
from typing import Any

from reweigh.audit import Audit, audit_run
from reweigh.audit.suspects import suspects
from reweigh.errors import BadInput
from reweigh.report import offline
from reweigh.report.environment import environment
from reweigh.review.content import content
from reweigh.run.folder import run_folder as files
from reweigh.tasks import Task

STYLES = ("palette.css", "review.css")
SCRIPTS = ("find.js", "decisions.js", "csv.js", "queue.js", "answers.js", "card.js", "review.js")


def write_review(
    run: Path | str,
    path: Path | str | None = None,
    *,
    count: int | None = None,
    data_root: Path | str | None = None,
    overwrite: bool = False,
    model: Any = None,
    task: str | type[Task] | None = None,
) -> Path:
    """Write the suspects of a finished run as one HTML page to decide on, whole or not at all; returns its path.

    Args:
        run: the run's folder.
        path: the page; default: `review.html` in the run's folder, where an older one is replaced.
        count: how many examples, from the most distrusted one on; those whose label looks wrong, if left out.
        data_root: where the data lie, if not where the run found them.
        overwrite: whether a file at `path` may be replaced.
        model: the run's model, named again, where it is one of somebody's own or of Hugging Face; or given, where it was an
            object in Python.
        task: the run's task, named again or given, where it is one of somebody's own.

    Raises:
        BadInput: if the run is missing, not finished or damaged, or its labels are no classes, labels or numbers.
        ReweighError: if the page cannot be written.
        MissingExtra: if jinja2 or another package is not installed.
    """
    if count is not None and count < 1:
        raise BadInput(f"{count} examples are to be reviewed: give a number of at least 1")

    def page() -> str:
        return render(audit_run(run, data_root=data_root, model=model, task=task), count)

    return offline.write_page(run, path, files.REVIEW, page, overwrite=overwrite, task=task)


def render(audit: Audit, count: int | None = None) -> str:
    """The page of an audited run, of `count` suspects.

    Raises:
        BadInput: if labels of its task cannot be given by a person one by one, or there is nothing to review.
    """
    if audit.task.answers is None:
        raise BadInput(
            f"the run in {audit.run.path} learnt {audit.task.name}, whose targets nobody corrects with a key: look at the "
            "examples by `reweigh audit`"
        )
    rows = suspects(audit, count)
    if not len(rows):
        raise BadInput(
            f"all training examples of {audit.run.path} are checked, or were never trained on: nothing is to be reviewed"
        )
    words = {
        "name": audit.run.path.resolve().name,
        "data_name": audit.run.config.data.name,
        "examples": len(audit),
        "sentence": audit.sentence(),
        "told": audit.estimate is not None,
    }
    return lay_out(content(audit, rows), words)


def lay_out(told: dict[str, Any], words: dict[str, Any]) -> str:
    """The page of what `content` tells, with these words about the run."""
    pictures, data = "\n".join(told["pictures"]), {name: value for name, value in told.items() if name != "pictures"}
    more = {
        "count": len(told["suspects"]),
        "answers": told["answers"],
        "classes": list(enumerate(told["classes"])),
        "data": offline.as_data(data),
        "pictures": pictures,
    }
    templates = environment("reweigh.review", "reweigh.report")
    return offline.lay_out(templates, "review.html", STYLES, SCRIPTS, words | more)
