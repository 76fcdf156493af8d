"""A page that is one file, alone in the world: with its own scripts, style, data and pictures, and nothing else.

Its Content-Security-Policy names the scripts and the style by their digests and forbids all else, the network included, so
that nothing from the data can ever run, and a class named like a tag is a name and nothing more. Data are JSON in which no
character ends an element or a line of a script.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reweigh._version import __version__
from reweigh.errors import require
from reweigh.storage import home, make_folder, write_bytes
from reweigh.tables import check_free
from reweigh.tasks import Task, use_task

_ESCAPED = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"} | {
    code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)
}


def write_page(
    run: Path | str,
    path: Path | str | None,
    usual: str,
    render: Callable[[], str],
    *,
    overwrite: bool,
    task: str | type[Task] | None,
) -> Path:
    """Write a page about a run, whole or not at all, and return its path: `path`, or the file `usual` in the run's folder.

    Whatever can be refused is refused before `render` does the work; an older page in the run's folder is replaced. `task`
    is the run's own, made known here, where it is somebody's own.

    Raises:
        BadInput: if a file lies at `path` and `overwrite` is not set, or `render` refuses.
        ReweighError: if the page cannot be written.
        MissingExtra: if jinja2 is not installed.
    """
    require("jinja2", "report")
    target = home(run) / usual if path is None else home(path)
    check_free(target, overwrite=overwrite or path is None)
    use_task(task)
    page = render().encode()
    make_folder(target.parent)
    write_bytes(target, page)
    return target


def lay_out(templates: Any, name: str, styles: Sequence[str], scripts: Sequence[str], words: dict[str, Any]) -> str:
    """The template `name` with these words, and in `style` and `script` the texts of the files that are named.

    `templates` is an `environment` of templates; `policy` is the page's, which the template puts at its head.
    """
    style, script = ("\n".join(_source(templates, file) for file in files) for files in (styles, scripts))
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page: str = templates.get_template(name).render(
        **words, version=__version__, style=style, script=script, policy=policy
    )
    return page


def as_data(value: Any) -> str:
    """JSON that can stand inside a `script` element: nothing in it ends the element, or is no text."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_ESCAPED)


def _source(templates: Any, name: str) -> str:
    """The text of a file that stands in the page as it is."""
    text: str = templates.loader.get_source(templates, name)[0]
    return text


def _digest(text: str) -> str:
    """As a Content-Security-Policy names what stands inside an element."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
