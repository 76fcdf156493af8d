"""Nobody outside the tasks' own room asks which task it is: neither by its name, nor by its class."""

import ast
from pathlib import Path

from reweigh import tasks
from reweigh.tasks.registry import known_tasks

SOURCE = Path(tasks.__file__).parents[1]
KINDS = [kind for kind in known_tasks() if kind.__module__.startswith("reweigh.")]
NAMES = {spelled for kind in KINDS for spelled in (kind.name, kind.name.replace("-", "_"))}
CLASSES = {kind.__name__ for kind in KINDS}


def spoken(path: Path) -> list[str]:
    """Names of tasks as constants or keywords, and their classes, in a module."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            found.append(str(node.value))
        elif isinstance(node, ast.Name) and node.id in CLASSES:
            found.append(node.id)
        elif isinstance(node, ast.Attribute) and node.attr in CLASSES:
            found.append(node.attr)
    return found


def test_no_task_is_asked_for_by_name_outside_its_room():
    assert {"classification", "multi_label", "regression", "translation"} <= NAMES
    paths = [path for path in SOURCE.rglob("*.py") if path.parent.name != "tasks"]
    assert len(paths) > 200
    assert {str(path.relative_to(SOURCE)): names for path in paths if (names := spoken(path))} == {}


def test_the_count_counts():
    assert spoken(SOURCE / "tasks" / "regression.py") == ["regression"]
    assert spoken(SOURCE / "tasks" / "language_model.py") == ["language-model"]


def test_no_template_asks_which_task_it_is():
    for page in SOURCE.rglob("*.html"):
        assert not [name for name in NAMES if name in page.read_text()], page
