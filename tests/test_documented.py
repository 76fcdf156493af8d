"""Every public function, and every class that one makes, has an example that runs: in a page, the README or `examples/`."""

import importlib
import inspect
import re
from pathlib import Path

import reweigh

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

HANDED_OUT = {
    "Aligns", "Audit", "AuditTable", "Corruption", "DownloadFailed", "Evidence", "History",
    "Portion", "Prediction", "Run", "Scored", "Selected",
    "Shown", "Split", "Splits", "StepReport", "Summary", "Suspects", "TrainedModel",
    "Weighted",
}  # fmt: skip
"""What functions hand out or ask for: nobody makes one, and examples use it without its name."""


def code() -> str:
    blocks = [block for page in PAGES for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)]
    return "\n".join([*blocks, *(path.read_text() for path in (ROOT / "examples").glob("*.py"))])


def documented() -> set[str]:
    """The names under which `docs/api` shows functions and classes, and those of `reweigh` itself."""
    found = set(reweigh.__all__) - {"__version__"}
    targets = [
        t for page in (ROOT / "docs" / "api").glob("*.md") for t in re.findall(r"^::: (\S+)", page.read_text(), re.M)
    ]
    for target in targets:
        try:
            module = importlib.import_module(target)
        except ImportError:
            found.add(target.rpartition(".")[2])
            continue
        own = {
            name
            for name, value in vars(module).items()
            if (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__.startswith(target)
        }
        found |= {name for name in own if not name.startswith("_")}
    return found


def test_each_has_an_example():
    used, names = set(re.findall(r"\w+", code())), documented()
    assert len(names) > 80
    assert sorted(names - used - HANDED_OUT) == []


def test_what_is_handed_out_is_documented():
    assert documented() >= HANDED_OUT
