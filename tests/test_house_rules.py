"""Nobody asks a rule's name: names stand in the rules' own files and in the registry, and there alone."""

import ast
from pathlib import Path

import reweigh
from reweigh.rules import registry

ROOT = Path(reweigh.__file__).parent
ALSO = {"uniform": {"data/noise.py"}}
"""A name that is a kind of label noise as well."""


def spoken():
    """Where a string is a rule's name, outside the room of the rules."""
    names = set(registry.names())
    for path in sorted(ROOT.rglob("*.py")):
        where = path.relative_to(ROOT).as_posix()
        if where.startswith("rules/"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in names and where not in ALSO.get(node.value, ()):
                yield f"{where}:{node.lineno}: {node.value}"


def test_no_rule_is_asked_for_by_its_name():
    assert list(spoken()) == []


def test_a_rule_is_named_in_its_own_file_alone():
    texts = {path.name: path.read_text() for path in (ROOT / "rules").glob("*.py")}
    for name in registry.names():
        holders = [file for file, text in texts.items() if f'"{name}"' in text and file != "registry.py"]
        assert len(holders) == 1, (name, holders)


def test_the_rules_are_found_and_the_default_comes_first():
    plain = {"l2rw", "uniform", "random", "proportion", "resampling", "hard-mining", "oracle"}
    learned = {"meta-weight-net", "class-aware", "deep-interaction"}
    assert plain | learned <= set(registry.names())
    assert registry.names()[0] == registry.DEFAULT == "l2rw"
    assert not any(registry.entry_of(name).learns for name in plain)
    assert all(registry.entry_of(name).learns for name in learned)
