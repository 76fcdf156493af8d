"""A page in headless Chromium, which fails the test where it says an error or asks for anything."""

from contextlib import contextmanager


@contextmanager
def opened(browser, path, *, before=None, **options):
    """The page at `path` in a tab of its own; `before` is a script that runs first."""
    context = browser.new_context(**options)
    if before:
        context.add_init_script(before)
    page, said = context.new_page(), []
    page.asked = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(path.as_uri())
    try:
        yield page
        assert said == []
    finally:
        context.close()


def keys(page, *pressed):
    for key in pressed:
        page.keyboard.press(key)


def saved(page):
    """The file that the review page's button saves, reached and pressed by the keyboard, as text."""
    page.locator("#save").focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "decisions.csv"
    return download.value.path().read_bytes().decode()
