"""The page: complete, well-formed, accessible, alone in the world, and safe from what the data are called."""

import base64
import hashlib
import re
import shlex
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks.torture.sealing import seal

import reweigh
from reweigh.audit import audit_run, open_run
from reweigh.audit.suspects import suspects
from reweigh.cli.guard import run
from reweigh.errors import BadInput, MissingExtra, ReweighError
from reweigh.report import write_report
from reweigh.report.page import render
from reweigh.verdict import Difference, Rival, Verdict

from .html import Page


@pytest.fixture(scope="module")
def page(audited, plain):
    return Page(render(audited, [open_run(plain)]))


def test_all_parts_are_there(page, audited):
    for said in (
        "Test accuracy", "Labels that look wrong", "plain training", "batch size: 50", "Losses", "AUROC of the weights",
        "The suspects", "Noise rate of each class", "How dirty are the labels, class by class?", "given \\ likely",
        "Weights of each class over time", "weight zero", "Length of the clean direction", "Effective sample size",
        "Set for this run", "background:0.4", f"torch {torch.__version__}", "Engine: ",
    ):  # fmt: skip
        assert said in page.text, said
    assert page.count["img"] == len(suspects(audited)) > 300
    assert page.count["svg"] >= 3 + 10 + 3


def test_what_its_readers_want_first_stands_first(audited, plain):
    page = Page(render(audited, [open_run(plain)]))
    first = page.text.index("Did it help?")
    places = [page.text.index(said, first) for said in (
        "Did it help?", "How dirty are the labels", "The suspects", "How it was learnt",
        "Weights of each class over time", "Is it healthy?", "Set for this run",
    )]  # fmt: skip
    assert places == sorted(places)
    assert page.text.index(audited.sentence()[1:]) < first
    assert re.search(r"l2rw, digits, \d+ [A-Z][a-z]+ 20\d\d – reweigh report", page.text)


def test_it_is_well_formed_html(page):
    assert page.mistakes == []
    assert page.open == []


def test_it_can_be_read_without_eyes_and_without_a_mouse(page):
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels == [1, 2, 2, 3, 3, 2, 2, 2, 2, 2]
    assert all(image["alt"].startswith("Example ") for image in page.all("img"))
    for picture in page.all("svg"):
        assert picture.get("aria-hidden") == "true" or len(picture["aria-label"]) > 20
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [link["href"] for link in page.all("a")]
    assert links[0] == "#main"
    assert {link.removeprefix("#") for link in links} <= set(ids)
    scrolled = [a for _, a in page.elements if a.get("class") == "scroll"]
    assert scrolled
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in scrolled)
    assert all("scope" in head for head in page.all("th"))


def test_it_needs_no_network_and_runs_its_own_script_alone(audited):
    text = render(audited)
    page = Page(text)
    assert page.count["script"] == 1
    assert page.count["link"] == page.count["iframe"] == 0
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name != "style"  # which the policy forbids
            if name in ("src", "href", "action", "data"):
                assert value.startswith(("data:image/png;base64,", "#"))
    policy = page.all("meta")[1]["content"]
    assert "default-src 'none'" in policy
    for element, rule in (("script", "script-src"), ("style", "style-src")):
        content = text[text.index(f"<{element}>") + len(element) + 2 : text.index(f"</{element}>")]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}';" in policy
        assert "url(" not in content
        assert "@import" not in content


EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "</style><b>",
    "'&amp;\"",
    "\u202eevil",
)


def test_what_the_classes_are_called_is_text_and_nothing_else(audited):
    names = EVIL + tuple(f"class {n}" for n in range(6, 10))
    page = Page(render(replace(audited, examples=replace(audited.examples, classes=names))))
    plain = Page(render(audited))
    assert page.count == plain.count
    assert page.mistakes == []
    for name in EVIL:
        assert " ".join(name.split()) in page.text
    assert "49" not in re.findall(r"given (\d+)", page.text)
    assert page.count["script"] == 1


def test_the_same_run_gives_the_same_page(audited):
    assert render(audited) == render(audited)


def test_examples_that_are_no_images_are_a_table(audited):
    flat = replace(audited.examples, x=audited.examples.x.flatten(1))
    page = Page(render(replace(audited, examples=flat)))
    assert page.count["img"] == 0
    assert "first inputs" in page.text
    assert page.mistakes == []


def test_many_classes_are_the_worst_of_them(audited):
    names = tuple(f"class {n}" for n in range(40))
    page = Page(render(replace(audited, examples=replace(audited.examples, classes=names))))
    assert "Shown are the 10 classes" in page.text
    assert "class 39" not in page.text  # nobody carries it


def test_nothing_known_of_the_truth(audited):
    unknown = replace(audited.examples, true_y=audited.examples.y)
    page = Page(render(replace(audited, examples=unknown)))
    assert "known wrong" not in page.text
    assert "really" not in page.text


def test_a_model_that_is_often_wrong_is_said_so(audited):
    audited = replace(audited, judged=None)  # where rightness is told it does not rest on that model
    weak = replace(audited, run=replace(audited.run, summary=audited.run.summary | {"test_accuracy": 0.4}))
    assert "these numbers cannot be relied on" in Page(render(weak)).text
    assert "these numbers cannot be relied on" not in Page(render(audited)).text


def test_the_unseen_are_not_shown(audited):
    quality = np.full(len(audited), np.nan)
    quality[:3] = [0.3, 0.2, 0.1]
    shown = Page(render(replace(audited, judged=None, quality=quality, order=np.argsort(quality))))
    assert shown.count["img"] == 3
    assert "1,339 examples never came up in training" in shown.text


def test_write_report_is_public_and_lies_in_the_run(damaged, plain):
    path = reweigh.write_report(damaged, against=[plain])
    assert path == damaged / "report.html"
    assert reweigh.write_report(damaged) == path  # replaced
    assert "No baseline was given" in Page(path.read_text(encoding="utf-8")).text


def test_refusals_leave_nothing(l2rw, plain, tmp_path):
    other = tmp_path / "mnist"
    other.mkdir()
    for name in ("summary.json", "metrics.jsonl"):
        (other / name).write_bytes((plain / name).read_bytes())
    (other / "config.json").write_text((plain / "config.json").read_text().replace('"digits"', '"mnist"'))
    seal(other)
    target = tmp_path / "page.html"
    with pytest.raises(BadInput, match="trained on mnist"):
        write_report(l2rw, target, against=[other])
    with pytest.raises(BadInput, match="is the run itself"):
        write_report(l2rw, target, against=[l2rw])
    with pytest.raises(BadInput, match="there is no run in"):
        write_report(l2rw, target, against=[tmp_path / "nowhere"])
    with pytest.raises(BadInput, match="there is no run in"):
        write_report(tmp_path / "nowhere", target)
    assert not target.exists()
    target.write_text("mine")
    with pytest.raises(BadInput, match="exists: replace it with --overwrite"):
        write_report(l2rw, target)
    with pytest.raises(ReweighError, match="cannot write"):
        write_report(l2rw, target / "page.html")
    assert target.read_text() == "mine"


def test_without_jinja2_it_says_what_to_install(l2rw, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match=r"reweigh\[report\]"):
        write_report(l2rw)


def test_on_the_command_line(l2rw, plain, tmp_path, capsys):
    target = tmp_path / "deep" / "page.html"
    assert run(["report", str(l2rw), "--against", str(plain), "--output", str(target)]) == 0
    assert f"Open {target} in a browser" in capsys.readouterr().out
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run(["report", str(l2rw), "--output", str(target)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert run(["report", str(l2rw), "--output", str(target), "--overwrite"]) == 0


def test_the_epoch_whose_model_came_out_is_named(audited):
    chosen = replace(audited, run=replace(audited.run, summary={**audited.run.summary, "best_epoch": 3}))
    assert "Test accuracy, epoch 3, the best" in Page(render(chosen)).text
    assert "Test accuracy, last epoch" in Page(render(audited)).text


def test_the_commands_shown_can_be_pasted(l2rw, tmp_path):
    folder = shutil.copytree(l2rw, tmp_path / "it's mine & yours")
    text = Page(render(audit_run(folder))).text
    assert f"reweigh audit {shlex.quote(str(folder))} --output audit.csv" in text


def test_every_suspect_says_what_the_filters_ask(audited):
    text = render(audited)
    page = Page(text)
    items = [attributes for _, attributes in page.elements if "data-given" in attributes]
    rows = suspects(audited)
    assert [int(one["data-given"]) for one in items] == audited.given[rows].tolist()
    assert [int(one["data-suggested"]) for one in items] == audited.suggested[rows].tolist()
    assert [("data-issue" in one) for one in items] == audited.issue[rows].tolist()
    assert ["hidden" in one for one in items] == [k >= 24 for k in range(len(rows))]
    options = [one["value"] for one in page.all("option")]
    assert {str(k) for k in range(10)} <= set(options)


def test_a_verdict_comes_first_and_its_rivals_in_a_table(audited, monkeypatch):
    gap = Difference(0.02, 0.01, 100)
    verdict = Verdict("test_accuracy", 0.97, (Rival("boosted trees", 0.95, gap), Rival("plain", 0.9, gap)))
    monkeypatch.setattr("reweigh.report.page.read_verdict", lambda run: verdict)
    text = Page(render(audited)).text
    assert text.index("Helps: +2.0 ± 1.0 points") < text.index("of the labels look wrong")
    assert "boosted trees 95.0 % +2.0 ± 1.0" in text
    assert "No baseline was given" not in text
