"""Contents of a page without a run, and a page opened in the browser."""

from contextlib import contextmanager

import browsing
from browsing import keys as keys
from browsing import saved as saved
from reweigh.review.page import lay_out

WORDS = {"name": "mine", "data_name": "table.csv", "examples": 20_000, "sentence": "5 % look wrong", "told": True}
REFUSED = "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })"


def told(count=3, classes=("no", "yes"), answers="one", **other):
    """`count` suspects, rows of a table whose likelihood of being wrong falls from 1 to 0; the first class is given."""
    labels = {"one": (0, 1), "several": ([0], [1]), "number": ("12.5", "99")}[answers]
    suspects = [
        {
            "id": f"row {k}",
            "given": labels[0],
            "suggested": labels[1],
            "wrong": round(1 - k / count, 4),
            "why": f"Because of {k}.",
            "near": [0],
            "seen": {"cells": [f"{k}", f"word{k % 7}"], "order": [1, 0], "against": 1},
        }
        for k in range(count)
    ]
    return {
        "digest": "0" * 64,
        "answers": answers,
        "classes": list(classes) if answers != "number" else [],
        "written": {},
        "form": "row",
        "columns": ["number", "word"],
        "leftOut": 0,
        "suspects": suspects,
        "checked": [{"id": "row 1", "label": labels[1], "seen": ["7", "word"]}],
        "pictures": [],
    } | other


def text_page(text, **other):
    """A page of one suspect, a text."""
    content = told(1, form="text", columns=[], checked=[{"id": "c", "label": 1, "seen": text}], **other)
    content["suspects"][0]["seen"] = text
    return content


@contextmanager
def opened(browser, tmp_path, content, *, words=WORDS, **options):
    """The page of a content, or one that is written already, as `browsing.opened`."""
    path = content
    if isinstance(content, dict):
        path = tmp_path / "review.html"
        path.write_text(lay_out(content, words), encoding="utf-8")
    with browsing.opened(browser, path, **options) as page:
        yield page
