"""The notebooks are those of the tutorials' pages, and run."""

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("jupytext", reason="jupytext is not installed: pip install reweigh[docs]")

import nbformat
from pages.blocks import blocks_of
from pages.notebooks import TUTORIALS, notebook

PAGES = sorted(TUTORIALS.glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_notebooks_are_up_to_date(page):
    assert page.with_suffix(".ipynb").read_text() == notebook(page), "run `python -m pages.notebooks`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_is_a_cell_and_no_output(page):
    made = nbformat.reads(notebook(page), as_version=4)
    nbformat.validate(made)
    cells = "\n".join(cell.source for cell in made.cells if cell.cell_type == "code")
    pasted = [one for block in blocks_of(page.read_text(), python=True) for one in block.pasted]
    assert len(pasted) > 5
    for one in pasted:
        assert one.code.strip() in cells
        assert not any(len(line) > 20 and line in cells for line in one.shown)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_notebooks_run(page, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed: pip install reweigh[notebooks]")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    made = nbformat.reads(notebook(page), as_version=4)
    client = nbclient.NotebookClient(made, timeout=900, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert (tmp_path / "samples" / "runs").is_dir()
