"""The page at work in Chromium: keys, decisions, what is kept, what is found; alone in the world."""

import csv
import io
import time

import pytest

from reweigh.review import write_review
from reweigh.review.page import lay_out

from .made import REFUSED, WORDS, keys, opened, saved, text_page, told


def rows(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def test_decisions_by_keyboard_alone_and_the_file_read_back(browser, tmp_path):
    with opened(browser, tmp_path, told(5)) as page:
        keys(
            page, "2", "Space", "d", "j", "k", "j", "s"
        )  # change, keep, drop, past the fourth and back, change the fifth
        assert page.inner_text("#title") == "row 4"
        assert page.inner_text("#decided") == "→ Changed to yes"
        assert page.inner_text("#progress").startswith("4 of 5 reviewed")
        assert rows(saved(page)) == [
            ["id", "given", "decision", "label"],
            ["row 0", "no", "change", "yes"],
            ["row 1", "no", "keep", ""],
            ["row 2", "no", "drop", ""],
            ["row 4", "no", "change", "yes"],
        ]


def test_the_given_label_chosen_is_kept_and_undo_goes_back_step_by_step(browser, tmp_path):
    with opened(browser, tmp_path, told(4)) as page:
        keys(page, "1", "2", "u")
        assert page.inner_text("#title") == "row 1"
        assert page.inner_text("#decided") == "Not decided yet"
        keys(page, "u", "u", "u")
        assert page.inner_text("#title") == "row 0"
        assert page.is_disabled("#undo")
        keys(page, "1")
        assert rows(saved(page))[1:] == [["row 0", "no", "keep", ""]]


def test_what_is_to_be_expected_is_said(browser, tmp_path):
    with opened(browser, tmp_path, told(400)) as page:
        assert page.inner_text("#progress") == "0 of 400 reviewed; about 88 of the next 100 are wrong"
        keys(page, *["Space"] * 34)
        assert page.inner_text("#progress") == "34 of 400 reviewed; about 79 of the next 100 are wrong"
        assert page.evaluate("document.getElementById('bar').value") == 34
    content = told(3)
    for one in content["suspects"]:
        one["wrong"] = None
    with opened(browser, tmp_path, content) as page:
        assert page.inner_text("#progress") == "0 of 3 reviewed"
        assert "not known" in page.inner_text("#labels")


def test_decisions_are_kept_for_this_run_and_no_other(browser, tmp_path):
    path = (tmp_path / "review.html").as_uri()
    with opened(browser, tmp_path, told(3)) as page:
        keys(page, "2", "d")
        page.goto(path)
        assert page.inner_text("#progress").startswith("2 of 3 reviewed")
        keys(page, "j")
        assert page.inner_text("#decided") == "✕ Dropped"
        other = tmp_path / "other"
        other.mkdir()
        (other / "review.html").write_text(lay_out(told(3, digest="1" * 64), WORDS))
        page.goto((other / "review.html").as_uri())
        assert page.inner_text("#progress").startswith("0 of 3 reviewed")


def test_it_works_where_the_browser_keeps_nothing_and_says_so(browser, tmp_path):
    with opened(browser, tmp_path, told(3), before=REFUSED) as page:
        assert "keeps nothing" in page.inner_text("#notice")
        keys(page, "2", "u", "d")
        assert rows(saved(page))[1:] == [["row 0", "no", "drop", ""]]


def test_filters_search_and_order(browser, tmp_path):
    content = told(20)
    content["suspects"][5] |= {"given": 1, "suggested": 0}
    with opened(browser, tmp_path, content) as page:
        keys(page, "/")
        page.keyboard.type("WORD3 1")  # all words, in any letters: rows 3, 10, 17 have word3, and 1 stands in these two
        assert page.inner_text("#place").endswith("of 2 shown")
        keys(page, "Escape", "d")
        assert page.evaluate("document.activeElement.id") == "card"
        page.fill("#search", "")
        page.select_option("#given", "1")
        assert page.inner_text("#title") == "row 5"
        page.select_option("#suggested", "1")
        assert page.is_visible("#none")
        assert page.is_hidden("#card")
        keys(page, "Escape", "2", "d", "Space", "j")  # nothing is there to decide on
        page.select_option("#given", "")
        page.select_option("#suggested", "")
        page.select_option("#state", "open")
        assert page.inner_text("#place").endswith("of 19 shown")
        page.select_option("#state", "drop")
        assert page.inner_text("#place") == "1 of 1 shown"
        page.select_option("#state", "")
        page.select_option("#sort", "unsure")
        keys(page, "Escape", *["k"] * 30)
        assert page.inner_text("#title") == "row 10"
        page.select_option("#sort", "id")
        keys(page, "Escape", *["k"] * 30, "j", "j")
        assert page.inner_text("#title") == "row 2"


def test_what_is_decided_leaves_the_open_ones_and_the_next_follows(browser, tmp_path):
    with opened(browser, tmp_path, told(4)) as page:
        page.select_option("#state", "open")
        keys(page, "Escape", "j", "d")
        assert page.inner_text("#title") == "row 2"
        keys(page, "u")  # shown again, though the filter hid it
        assert page.inner_text("#title") == "row 1"
        keys(page, "d", "d", "d")
        assert page.inner_text("#title") == "row 0"
        keys(page, "d")
        assert page.is_visible("#none")
        assert page.inner_text("#progress") == "4 of 4 reviewed"


@pytest.mark.parametrize(("classes", "key", "label"), [
    ([f"kind{k:02}" for k in range(9)], "9", "kind08"),
    ([f"kind{k:02}" for k in range(10)], "0", "kind09"),
    ([str(k) for k in range(10)], "3", "3"),  # labels that are digits are their own keys
    (["0", "1"], "1", "1"),
])  # fmt: skip
def test_the_key_that_stands_beside_a_label_chooses_it(browser, tmp_path, classes, key, label):
    content = told(2, classes)
    content["suspects"][0] |= {"given": 0, "suggested": 0}
    with opened(browser, tmp_path, content) as page:
        keys(page, key)
        assert rows(saved(page))[1:] == [["row 0", classes[0], "change", label]]


def test_many_labels_are_found_by_their_letters(browser, tmp_path):
    classes = [f"kind {k:03}" for k in range(300)]
    content = told(3, classes, checked=[{"id": "c", "label": 7, "seen": ["1", "w"]}])
    content["suspects"][0] |= {"suggested": 200}
    with opened(browser, tmp_path, content) as page:
        first = page.locator("#choices button").all_inner_texts()[:3]
        assert [text.split()[2] for text in first] == ["200", "007", "000"]  # suggested, near, and then all others
        keys(page, "c")
        page.keyboard.type("d 123")
        keys(page, "Enter")  # the first that fits
        keys(page, "2")  # the label of what is near
        keys(page, "c")
        page.keyboard.type("nothing like it")
        keys(page, "Enter", "Escape", "Space")
        assert [row[2:] for row in rows(saved(page))[1:]] == [
            ["change", "kind 123"],
            ["change", "kind 007"],
            ["keep", ""],
        ]


def test_several_labels_are_toggled(browser, tmp_path):
    content = told(4, ["a", "b", "=c"], "several", written={"=c": "'=c"})
    content["suspects"][3]["given"] = []
    with opened(browser, tmp_path, content) as page:
        keys(page, "3", "Enter")  # a, and =c with it
        keys(page, "1", "3", "Enter")  # =c alone
        keys(page, "s")  # b
        keys(page, "1", "1", "Enter")  # as it was: kept
        assert page.inner_text("#decided") == "✓ Kept as it is"
        assert rows(saved(page))[1:] == [
            ["row 0", "a", "change", "a; =c"],
            ["row 1", "a", "change", "'=c"],
            ["row 2", "a", "change", "b"],
            ["row 3", "", "keep", ""],
        ]
        assert page.get_attribute("#choices button >> nth=0", "aria-pressed") == "false"


def test_several_labels_begin_with_what_a_spreadsheet_would_run(browser, tmp_path):
    content = told(1, ["-a", "b"], "several", written={"-a": "'-a"})
    with opened(browser, tmp_path, content) as page:
        keys(page, "2", "Enter")
        text = saved(page)
        assert rows(text)[1:] == [["row 0", "'-a", "change", "'-a; b"]]
        (tmp_path / "d.csv").write_text(text)
        keys(page, "u")
        page.set_input_files("#file", tmp_path / "d.csv")
        page.wait_for_selector("#notice:not([hidden])")
        assert page.inner_text("#decided") == "→ Changed to -a; b"


def test_a_number_is_typed(browser, tmp_path):
    with opened(browser, tmp_path, told(5, answers="number")) as page:
        keys(page, "7")
        page.keyboard.type(",25")
        keys(page, "Enter")  # 7.25
        keys(page, "-", "3", "Enter")
        keys(page, "1", ",", "2", "3", "4", "Enter")  # which may be a thousand and more, or one and some
        assert "could be two" in page.inner_text("#number-wrong")
        page.fill("#number", "12x")
        keys(page, "Enter")
        assert "no number" in page.inner_text("#number-wrong")
        keys(page, "Backspace", "Enter")  # 12
        keys(page, "s")
        keys(page, "1", "2", ".", "5", "0", "Enter")  # as given
        assert [row[2:] for row in rows(saved(page))[1:]] == [
            ["change", "7.25"], ["change", "-3"], ["change", "12"], ["change", "99"], ["keep", ""],
        ]  # fmt: skip


EVIL = (
    '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">'
    "<!--<script> {{ 7 * 7 }} \u2028 \u2029 \x00 \ud800 \u202e &amp; ]]> ${window.hacked = 3}"
)


def test_html_in_the_data_is_harmless(browser, tmp_path):
    content = text_page(EVIL, classes=[EVIL, "b"], digest=EVIL)
    content["suspects"][0] |= {"id": EVIL, "why": EVIL}
    words = {"name": EVIL, "data_name": EVIL, "examples": 1, "sentence": EVIL, "told": True}
    with opened(browser, tmp_path, content, words=words) as page:
        shown = page.inner_text("#seen")
        assert "</script><script>window.hacked = 1</script><img src=x" in shown
        assert "{{ 7 * 7 }}" in shown
        assert "&amp;" in shown
        assert "\\x00" in shown
        assert "\\ud800" in shown
        keys(page, "2", "?")
        assert "window.hacked" in page.inner_text("dialog")
        keys(page, "Escape")
        assert page.evaluate("window.hacked ?? null") is None
        assert rows(saved(page))[1][3] == "b"
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 3


def test_it_asks_nobody_for_anything_and_runs_no_script_but_its_own(browser, tmp_path):
    path = tmp_path / "review.html"
    with opened(browser, tmp_path, told(2)) as page:
        keys(page, "2", "d")
        saved(page)
        assert [url for url in page.asked if not url.startswith("blob:")] == [path.as_uri()]
    context = browser.new_context()
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.hacked = 1";
        document.body.append(script);
        const style = document.createElement("style");
        style.textContent = "body { display: none }";
        document.body.append(style);
    }""")
    assert page.evaluate("window.hacked ?? null") is None
    assert page.is_visible("body")
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'there', () => 'refused')") == "refused"
    assert sum("Content Security Policy" in line for line in said) >= 3
    context.close()


def test_ten_thousand_open_at_once_and_go_on_at_once(browser, tmp_path):
    started = time.perf_counter()
    with opened(browser, tmp_path, told(10_000)) as page:
        assert page.inner_text("#place") == "1 of 10,000 shown"
        assert time.perf_counter() - started < 5  # 0.3 on an idle machine
        assert page.locator("*").count() < 300
        started = time.perf_counter()
        keys(page, *["Space"] * 20)
        keys(page, "/")
        page.keyboard.type("word3")
        page.select_option("#sort", "unsure")
        assert page.inner_text("#place").endswith("of 1,429 shown")
        assert time.perf_counter() - started < 5


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_at_any_width(browser, tmp_path, width, scheme):
    content = told(3, ["word " * 30, "x" * 200])
    content["suspects"][0] |= {"id": "very/" * 40, "why": "because" * 30}
    content["suspects"][0]["seen"]["cells"] = ["y" * 200, "z " * 100]
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with opened(browser, tmp_path, content, **options) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        paper, ink = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
        assert ink != paper
        assert page.is_visible("#search") == (width > 760)  # folded away on a phone
        page.keyboard.press("/")
        assert page.is_visible("#search")


def test_focus_is_seen_and_every_control_has_a_name(browser, tmp_path):
    with opened(browser, tmp_path, told(3)) as page:
        reached = set()
        for _ in range(40):
            keys(page, "Tab")
            at = page.evaluate("""() => {
                const at = document.activeElement;
                return [at.id || at.className || at.textContent, getComputedStyle(at).outlineStyle, at.tagName];
            }""")
            if at[2] == "BODY" or at[0] in ("skip", *reached):
                continue
            reached.add(at[0])
            assert at[1] != "none", at
        assert {
            "save",
            "load",
            "help",
            "state",
            "given",
            "suggested",
            "sort",
            "search",
            "next",
            "keep",
            "drop",
        } <= reached
        names = page.evaluate("""() => [...document.querySelectorAll("button, input, select, progress")].map(
            (one) => one.ariaLabel || one.labels?.[0]?.textContent || one.textContent)""")
        assert all(name.strip() for name in names)
        assert page.get_attribute("#said", "role") == "status"
        page.locator("#next").focus()
        keys(page, "Space", "Enter")  # a button in focus is pressed, and nothing kept
        assert page.inner_text("#title") == "row 2"
        assert page.inner_text("#progress").startswith("0 of 3")
        keys(page, "d")
        assert "Dropped" in page.inner_text("#said")


def test_the_keys_can_be_switched_off(browser, tmp_path):
    with opened(browser, tmp_path, told(3)) as page:
        keys(page, "?")
        assert page.is_visible("dialog")
        keys(page, "d")  # nothing is decided behind it
        page.uncheck("#single")
        keys(page, "Escape")
        page.wait_for_selector("dialog", state="hidden")
        keys(page, "d", "Space", "2", "j")
        assert page.inner_text("#title") == "row 0"
        page.click("#drop")
        assert page.inner_text("#progress").startswith("1 of 3")


def test_a_key_that_is_held_down_decides_once_and_goes_on_as_long(browser, tmp_path):
    with opened(browser, tmp_path, told(9)) as page:
        for _ in range(4):
            page.keyboard.down("D")  # also with the capitals' lock
        page.keyboard.up("D")
        assert page.inner_text("#progress").startswith("1 of 9")
        for _ in range(4):
            page.keyboard.down("j")
        page.keyboard.up("j")
        assert page.inner_text("#title") == "row 5"


def test_what_cannot_be_told_is_said_at_the_top(browser, tmp_path):
    words = WORDS | {"told": False, "sentence": "nobody knows how many are wrong"}
    with opened(browser, tmp_path, told(2), words=words) as page:
        assert "Nobody knows how many are wrong." in page.inner_text("header")
        assert page.locator("#sort option").first.inner_text() == "distrust"
        assert page.locator("#sort option[value=unsure]").count() == 0


def test_keys_with_control_are_the_browsers_own(browser, tmp_path):
    with opened(browser, tmp_path, told(3)) as page:
        keys(page, "Control+d", "Alt+k", "Meta+u")
        assert page.inner_text("#progress").startswith("0 of 3")


@pytest.mark.parametrize("kind", ["table", "text", "images"])
def test_a_run_of_each_kind_is_reviewed(browser, finished, tmp_path, kind):
    path = write_review(finished(kind), tmp_path / "page.html", count=30)
    with opened(browser, tmp_path, path) as page:
        assert page.inner_text("#place") == "1 of 30 shown"
        assert len(page.inner_text("#why")) > 40
        if kind == "images":
            assert page.locator("#seen img").evaluate("one => one.decode().then(() => one.naturalWidth)") == 12
            assert page.locator("#near img").count() == 5
        elif kind == "table":
            assert page.locator("#seen tbody tr").count() == 3
            assert page.locator("#seen thead th").count() == 7
        else:
            assert "<script>" in page.inner_text("#seen")
            assert page.locator("#near li").count() == 5
        keys(page, "s", "Space", "d")
        assert len(rows(saved(page))) == 4


@pytest.mark.parametrize(
    ("answers", "classes"),
    [("one", ["a", "b"]), ("one", list("abcdefghijkl")), ("several", ["a", "b"]), ("number", ())],
)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_nothing_is_found_by_axe(browser, tmp_path, answers, classes, width, scheme):
    """What axe-core knows of names, roles, contrast and focus, on the page and in its help."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed: pip install reweigh[browser]"
    )
    options = {"viewport": {"width": width, "height": 844}, "color_scheme": scheme}
    with opened(browser, tmp_path, told(3, classes, answers), **options) as page:
        keys(page, "s", "k")
        for _ in range(2):
            found = axe.Axe().run(page).response["violations"]
            assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
            keys(page, "?")


def test_long_texts_are_scrolled_and_axe_finds_nothing_in_them(browser, tmp_path):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed: pip install reweigh[browser]"
    )
    with opened(browser, tmp_path, text_page("many words " * 300)) as page:
        near = page.locator("#near .scroll")
        assert near.evaluate("one => one.scrollHeight > one.clientHeight")
        near.focus()
        assert page.evaluate("document.activeElement.className") == "scroll"
        assert (
            page.evaluate("""() => document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true, cancelable: true }))""")
        )  # left to the browser
        assert axe.Axe().run(page).response["violations"] == []
