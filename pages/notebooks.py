"""The tutorials as notebooks, from the same pages: commands become cells of bash, and what was printed is left out.

    python -m pages.notebooks            # docs/tutorials/*.ipynb

jupytext reads the Markdown; a notebook begins with a cell that writes the sample files and goes there.
"""

import re
from pathlib import Path

import jupytext
import nbformat

from pages.blocks import blocks_of

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"
_HEAD = "---\njupyter:\n  kernelspec:\n    display_name: Python 3\n    language: python\n    name: python3\n---\n\n"
_FIRST = "!reweigh demo --files samples\n%cd samples"
_OUTPUT = re.compile(r"(```python\n.*?^```\n)\n```text\n.*?^```\n", re.MULTILINE | re.DOTALL)


def notebook(page: Path) -> str:
    """The notebook of a tutorial, as JSON."""
    text = _OUTPUT.sub(r"\1", page.read_text(encoding="utf-8"))
    for block in reversed(blocks_of(text, python=False)):
        commands = "".join(f"{one.code}\n" for one in block.pasted)
        start = text.rindex("```console\n", 0, block.start)
        text = f"{text[:start]}```bash\n{commands}{text[block.end :]}"
    made = jupytext.reads(_HEAD + text, "md")
    made.cells.insert(1, nbformat.v4.new_code_cell(_FIRST))
    for place, cell in enumerate(made.cells):
        cell.id = f"cell-{place}"
    made.metadata = nbformat.from_dict({"kernelspec": made.metadata.kernelspec, "language_info": {"name": "python"}})
    return nbformat.writes(made) + "\n"


def write() -> None:
    """Each beside its page."""
    for page in sorted(TUTORIALS.glob("*.md")):
        page.with_suffix(".ipynb").write_text(notebook(page), encoding="utf-8")


if __name__ == "__main__":
    write()
