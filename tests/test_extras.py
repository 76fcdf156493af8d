"""The extras of pyproject.toml: `[all]` is all of them, and a sentence about a missing library names one that brings it."""

import re
import tomllib
from pathlib import Path

import reweigh

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OF_DEVELOPERS = {"all", "peers", "browser", "docs", "notebooks", "dev"}
CALLED = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""Packages by the name of their module, where it is another."""


def brought(extra: str) -> set[str]:
    """The packages that an extra brings, those of the extras that it names included."""
    found = set()
    for one in EXTRAS[extra]:
        name, inner = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", one).groups()
        if name == "reweigh":
            found = found.union(*map(brought, inner.split(",")))
        else:
            found.add(name.lower().replace("_", "-"))
    return found


def test_all_brings_what_each_extra_brings():
    every = set().union(*(brought(extra) for extra in EXTRAS.keys() - OF_DEVELOPERS))
    assert brought("all") == every
    assert {"tokenizers", "mlflow", "onnx", "polars"} <= every


def test_what_is_missing_is_brought_by_the_extra_that_the_sentence_names():
    asked = set()
    for path in Path(reweigh.__file__).parent.rglob("*.py"):
        asked |= set(re.findall(r"require\(\"([\w.]+)\", \"(\w+)\"\)", path.read_text()))
    outside = {
        (module.partition(".")[0], extra) for module, extra in asked if not module.startswith(("reweigh", "torch"))
    }
    assert len(outside) > 10
    for module, extra in outside:
        assert CALLED.get(module, module.replace("_", "-")) in brought(extra), (module, extra)
