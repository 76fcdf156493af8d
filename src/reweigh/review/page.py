"""The page: one file with its own scripts, style, data and pictures, which may run those scripts and nothing else.

Its Content-Security-Policy names the scripts and the style by their digests and forbids all else, the network included, so
that nothing from the data can ever run. The data are JSON in which no character ends an element or a line of a script.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from reweigh._version import __version__
from reweigh.audit import Audit, audit_run
from reweigh.errors import BadInput, require
from reweigh.report.environment import environment
from reweigh.review.suspects import content, suspects
from reweigh.run.folder import run_folder as files
from reweigh.storage import home, make_folder, write_bytes
from reweigh.tables import check_free
from reweigh.tasks import Task, use_task

STYLES = ("palette.css", "review.css")
SCRIPTS = ("decisions.js", "csv.js", "queue.js", "answers.js", "card.js", "review.js")
_ESCAPED = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"} | {
    code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)
}


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
    require("jinja2", "report")  # now rather than after the work
    if count is not None and count < 1:
        raise BadInput(f"{count} examples are to be reviewed: give a number of at least 1")
    target = home(run) / files.REVIEW if path is None else home(path)
    check_free(target, overwrite=overwrite or path is None)
    use_task(task)
    page = render(audit_run(run, data_root=data_root, model=model, task=task), count).encode()
    make_folder(target.parent)
    write_bytes(target, page)
    return target


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
    templates = environment("reweigh.review", "reweigh.report")
    style, script = ("\n".join(_source(templates, name) for name in names) for names in (STYLES, SCRIPTS))
    page: str = templates.get_template("review.html").render(
        **words,
        count=len(told["suspects"]),
        answers=told["answers"],
        classes=list(enumerate(told["classes"])),
        version=__version__,
        style=style,
        script=script,
        hashes={"style": _digest(style), "script": _digest(script)},
        data=as_data(data),
        pictures=pictures,
    )
    return page


def _source(templates: Any, name: str) -> str:
    """The text of a file that stands in the page as it is."""
    text: str = templates.loader.get_source(templates, name)[0]
    return text


def as_data(value: Any) -> str:
    """JSON that can stand inside a `script` element: nothing in it ends the element, or is no text."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_ESCAPED)


def _digest(text: str) -> str:
    """As a Content-Security-Policy names what stands inside an element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
