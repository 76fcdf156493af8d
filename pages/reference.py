"""The reference of commands and options, from the commands themselves.

python -m pages.reference        # docs/reference.md
"""

import re
from pathlib import Path

from reweigh.cli.app import app

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
_HEAD = "<!-- Made by `python -m pages.reference`: change the settings in src/reweigh/settings, not this page. -->\n\n"


def reference() -> str:
    """The page as Markdown."""
    made = app.generate_docs(output_format="markdown", usage_name="reweigh")
    made = re.sub(r"## Table of Contents\n.*?(?=\*\*Commands)", "", made, count=1, flags=re.DOTALL)  # the theme has one
    made = re.sub(
        r"^(reweigh .*?) -m [\w.]+", r"\1", made, flags=re.MULTILINE
    )  # how this was started, not how reweigh is
    made = made.replace("# reweigh\n", "# Commands and options\n", 1).replace("```console\n", "```text\n")
    return f"{_HEAD}{made.strip()}\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
