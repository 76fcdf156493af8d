"""The report at work in Chromium: all suspects, found, filtered and ordered; alone in the world, on a phone, on paper."""

import time
from dataclasses import replace

import numpy as np
import pytest

import browsing
from reweigh.audit.suspects import suspects
from reweigh.report.page import render


@pytest.fixture
def path(audited, tmp_path):
    page = tmp_path / "report.html"
    page.write_text(render(audited), encoding="utf-8")
    return page


def shown(page):
    return page.locator("#all [data-given]:not([hidden])").count()


def test_all_suspects_are_found_filtered_and_ordered(browser, path, audited):
    rows = suspects(audited)
    with browsing.opened(browser, path) as page:
        assert shown(page) == 24
        assert page.inner_text("#shown") == f"24 of {len(rows)} shown"
        page.click("#more")
        assert shown(page) == 124
        given = int(audited.given[rows[0]])
        other = int(audited.suggested[rows[0]])
        page.select_option("#given", str(given))
        page.select_option("#suggested", str(other))
        wanted = int(((audited.given[rows] == given) & (audited.suggested[rows] == other)).sum())
        assert page.inner_text("#shown") in (f"{wanted} shown", f"24 of {wanted} shown")
        page.fill("#search", audited.name(int(rows[0])))
        assert 1 <= shown(page) <= 3
        page.fill("#search", "no such thing")
        assert page.inner_text("#shown") == "0 shown"
        page.fill("#search", "")
        page.select_option("#given", "")
        page.select_option("#suggested", "")
        page.select_option("#sort", "id")
        names = page.locator("#all [data-said=id]").all_inner_texts()[:24]
        assert [int(name.split()[1]) for name in names] == sorted(audited.examples.ids.numpy()[rows].tolist())[:24]
        page.select_option("#sort", "rank")
        assert page.locator("#all [data-said=id]").first.inner_text() == f"id {audited.name(int(rows[0]))}"
        page.select_option("#which", "issue")
        assert page.inner_text("#shown") == f"24 of {int(audited.issue[rows].sum())} shown"


def test_it_asks_for_nothing_and_fits_a_phone(browser, path):
    with browsing.opened(browser, path, viewport={"width": 390, "height": 800}, color_scheme="dark") as page:
        assert [url for url in page.asked if not url.startswith("data:")] == [path.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 30)"
        dark = page.evaluate("getComputedStyle(document.querySelector('.heat .same:not(.h0)')).backgroundColor")
        assert dark.startswith("rgba(109, 179, 242")


def test_without_scripts_all_suspects_stand_there(browser, path, audited):
    with browsing.opened(browser, path, java_script_enabled=False) as page:
        places = page.locator("#all [data-given]")
        assert places.count() == len(suspects(audited))
        assert places.last.is_visible()
        assert page.locator("#filters").is_hidden()


def test_on_paper_stands_what_is_shown(browser, path):
    with browsing.opened(browser, path) as page:
        page.emulate_media(media="print")
        assert page.locator("#filters").is_hidden()
        assert shown(page) == 24
        pdf = page.pdf()
    assert pdf.startswith(b"%PDF")
    assert pdf.count(b"/Type /Page\n") < 20


def test_ten_thousand_suspects(browser, audited, tmp_path):
    rows = np.resize(np.arange(len(audited)), 10_000)
    many = replace(audited, order=rows, examples=replace(audited.examples, x=audited.examples.x.flatten(1)))
    many = replace(many, issue=np.ones(len(audited), dtype=bool), judged=None)
    page_file = tmp_path / "many.html"
    page_file.write_text(render(many), encoding="utf-8")
    with browsing.opened(browser, page_file) as page:
        assert shown(page) == 24
        started = time.perf_counter()
        page.fill("#search", "9")
        page.select_option("#sort", "given")
        page.click("#more")
        assert shown(page) == 124
        assert time.perf_counter() - started < 5


def test_nothing_stands_in_the_way_of_those_who_do_not_see(browser, path):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    for scheme in ("light", "dark"):
        with browsing.opened(browser, path, color_scheme=scheme) as page:
            found = axe.Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
