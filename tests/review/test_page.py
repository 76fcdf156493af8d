"""The page as a file: alone in the world, whole or not at all, and refused in one sentence where nobody can decide."""

import base64
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from reweigh.cli.guard import run
from reweigh.errors import BadInput
from reweigh.report.offline import as_data
from reweigh.review import page as review_page
from reweigh.review import write_review
from reweigh.review.page import lay_out, render
from reweigh.tasks import LanguageModel

from .made import WORDS, told

EVIL = "</script><script>alert(1)</script><!--<script>&\u2028\u2029\ud800 \udc80"


def element(text, start, end):
    return text[text.index(start) + len(start) : text.index(end, text.index(start))]


def test_its_policy_names_what_stands_in_it_by_digest_and_nothing_else():
    text = lay_out(told(), WORDS)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    for rule, content in (
        ("script-src", element(text, "<script>", "</script>")),
        ("style-src", element(text, "<style>", "</style>")),
    ):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert "http" not in text.replace("http-equiv", "")
    assert not re.search(r"\son\w+=|style=", text[: text.index('<script type="application/json"')])


def test_no_text_ends_an_element_or_a_line_of_the_data():
    said = as_data({"text": EVIL, "number": 1.5})
    assert not set("<>&\u2028\u2029") & set(said)
    said.encode()  # no half of a pair
    assert json.loads(said)["text"] == EVIL
    content = told(1, [EVIL, "b"])
    content["suspects"][0]["why"] = EVIL
    text = lay_out(content, WORDS | {"name": EVIL, "sentence": EVIL})
    assert text.count("<script") == 3
    assert text.count("</script") == 3
    assert "&lt;/script&gt;" in text
    text.encode()


def test_numbers_that_nobody_knows_are_no_nan():
    with pytest.raises(ValueError, match="JSON"):
        as_data(float("nan"))


def test_the_page_of_a_run(audited):
    audit = audited("table")
    text = render(audit, 20)
    data = json.loads(element(text, 'id="data">', "</script>"))
    assert data["digest"] == audit.run.digests.run
    assert data["classes"] == ["no", "yes"]
    assert data["columns"] == ["age", "colour", "income"]
    assert [one["id"] for one in data["suspects"]] == [audit.name(row) for row in audit.order[:20]]
    assert all("of" not in one["id"] for one in data["checked"])  # whose file is nobody's business
    assert str(audit.run.path.parent) not in text
    assert "20 of 300 training examples" in text


def test_it_stands_beside_the_report_or_where_it_is_wanted(finished, tmp_path, capsys):
    folder = finished("table")
    assert run(["review", str(folder), "--top", "7"]) == 0
    said = capsys.readouterr().out
    assert f"Open {folder / 'review.html'} in a browser" in said
    assert "decisions.csv" in said
    assert run(["review", str(folder)]) == 0  # an older one is replaced
    mine = tmp_path / "pages" / "mine.html"
    assert run(["review", str(folder), "--output", str(mine)]) == 0
    before = mine.read_bytes()
    assert run(["review", str(folder), "--output", str(mine)]) == 2
    assert "exists" in capsys.readouterr().err
    assert run(["review", str(folder), "--top", "3", "--output", str(mine), "--overwrite"]) == 0
    assert mine.read_bytes() != before
    assert len(list(mine.parent.iterdir())) == 1


def test_the_same_run_gives_the_same_bytes(finished, tmp_path):
    one, two = (write_review(finished("table"), tmp_path / name) for name in ("one.html", "two.html"))
    assert one.read_bytes() == two.read_bytes()


def test_refusals(finished, tmp_path, capsys):
    for arguments, said in (
        ([str(tmp_path / "nowhere")], "there is no run in"),
        ([str(finished("table")), "--top", "0"], "0 examples are to be reviewed"),
        ([str(finished("table")), "--output", str(tmp_path)], "is a folder"),
    ):
        capsys.readouterr()
        assert run(["review", *arguments]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1


def test_targets_that_nobody_corrects_with_a_key_are_refused(audited):
    audit = audited("table")
    examples = replace(audit.examples)
    object.__setattr__(examples, "task", LanguageModel(vocabulary=9))
    with pytest.raises(
        BadInput, match=r"learnt language-model, whose targets nobody corrects with a key: look .* audit`"
    ):
        render(replace(audit, examples=examples))


def test_nothing_to_review_is_said(audited):
    audit = audited("table")
    with pytest.raises(BadInput, match="are checked, or were never trained on"):
        render(replace(audit, quality=np.full(len(audit), np.nan)))


def test_every_script_and_style_is_there():
    text = lay_out(told(), WORDS)
    for word in (
        "class Decisions",
        "function asCsv",
        "function queueOf",
        "const ANSWERS",
        "function rowTable",
        "const KEYS",
    ):
        assert word in text
    assert review_page.SCRIPTS[:2] == ("find.js", "decisions.js")
    assert "--paper" in element(text, "<style>", "</style>")
