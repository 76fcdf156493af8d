"""Templates of pages: whatever comes from data is escaped, and shown where a browser would obey it."""

from typing import Any

from reweigh.errors import require
from reweigh.printable import printable_in_page


def environment(*packages: str) -> Any:
    """A `jinja2.Environment` of the templates of these packages, those of a former one first."""
    jinja2 = require("jinja2", "report")
    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    """What a template prints: a text with whatever a browser would obey written out, and then escaped."""
    return printable_in_page(value) if type(value) is str else value
