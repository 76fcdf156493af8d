"""The documentation as it is built: what axe-core knows of names, roles, contrast and focus, on every page."""

import functools
import http.server
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *said):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the built pages, and their names."""
    pytest.importorskip("material", reason="mkdocs-material is not installed: pip install reweigh[docs]")
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", folder]
    subprocess.run(build, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", sorted(str(p.relative_to(folder)) for p in folder.rglob("*.html"))
    server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 400)])
def test_axe_finds_nothing_on_any_page(browser, site, scheme, width):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed: pip install reweigh[browser]"
    )
    address, pages = site
    assert len(pages) > 40
    found = {}
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for page in pages:
        tab.goto(f"{address}/{page}", wait_until="load")
        tab.wait_for_function("document.querySelector('.md-search')?.getAttribute('aria-label') === 'Search'")
        violations = axe.Axe().run(tab).response["violations"]
        if violations:
            found[page] = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in violations]
    tab.close()
    assert not found
