"""No module leads back to itself, also not by imports inside functions; and how large modules and signatures may be."""

import ast
import graphlib
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

import reweigh

ROOT = Path(reweigh.__file__).parent
TREES = {path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}

FACES = {"reweigher.py: __init__", "hosts/sklearn/base.py: __init__", "rules/deep_interaction.py: __init__",
         "rules/rightness.py: __init__", "api/fitting.py: fit", "direction.py: clean_direction",
         "cli/apply.py: apply", "cli/audit.py: audit", "cli/exchange.py: export", "cli/exchange.py: import_",
         "cli/predict.py: predict", "cli/train.py: train", "cli/score.py: score", "cli/score.py: select",
         "scoring/call.py: score", "scoring/selecting.py: select"}  # fmt: skip
"""What people call with as many arguments as there are things to say."""
MIRRORS = {"multi_head_attention", "_embedding_bag", "batch_norm", "_batch_norm", "attention", "_attention"}
"""What has the signature of a function of PyTorch's."""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def imported(node: ast.AST, package: str, known: set[str]) -> Iterator[str]:
    """The modules that a module takes names from, wherever it does, except for type checking."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.If) and "TYPE_CHECKING" in ast.unparse(inner.test):
            continue
        if isinstance(inner, ast.ImportFrom):
            above = ".".join(package.split(".")[: len(package.split(".")) + 1 - inner.level]) if inner.level else ""
            whence = ".".join(part for part in (above, inner.module) if part)
            for alias in inner.names:
                yield from [one for one in (f"{whence}.{alias.name}", whence) if one in known][:1]
        elif isinstance(inner, ast.Import):
            yield from (alias.name for alias in inner.names if alias.name in known)
        else:
            yield from imported(inner, package, known)


def graph(trees: dict[Path, ast.Module]) -> dict[str, set[str]]:
    known = {name_of(path) for path in trees}
    packages = {path: name_of(path if path.name == "__init__.py" else path.parent / "__init__.py") for path in trees}
    return {name_of(path): set(imported(tree, packages[path], known)) for path, tree in trees.items()}


def test_no_module_leads_back_to_itself():
    arrows = graph(TREES)
    assert len(arrows) > 250
    assert sum(map(len, arrows.values())) > 1000
    graphlib.TopologicalSorter(arrows).prepare()  # raises CycleError, with the circle


def test_a_circle_by_an_import_inside_a_function_is_found():
    codes = {"a.py": "from .b import x", "b.py": "def x():\n    from . import a", "__init__.py": ""}
    trees = {ROOT / "made_up" / name: ast.parse(code) for name, code in codes.items()}
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(graph(trees)).prepare()


def test_modules_are_small():
    sizes = {
        path.relative_to(ROOT).as_posix(): sum(bool(line.strip()) for line in path.read_text().splitlines())
        for path in TREES
        if path.name != "__init__.py"
    }
    assert {path: size for path, size in sizes.items() if size > 250} == {}
    assert statistics.median(sizes.values()) <= 80


def test_no_function_takes_more_than_eight_arguments():
    many = set()
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                a = node.args
                taken = [one.arg for one in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
                if len([one for one in taken if one not in ("self", "cls", "ctx")]) > 8 and node.name not in MIRRORS:
                    many.add(f"{path.relative_to(ROOT).as_posix()}: {node.name}")
    assert many <= FACES
