"""A finished run's `summary.json`, held to what its readers go on to use."""

from pathlib import Path
from typing import Any

from reweigh.digests import Digests
from reweigh.errors import BadInput
from reweigh.run.folder import run_folder as files
from reweigh.strict_json import check_kind, parse_object
from reweigh.tasks import MEASURES, known_task

USUAL = "test_accuracy"
_KIND = {
    "rule": str, "choice?": dict, "kinds?": dict, "task?": str, "epochs": int, "steps": int, "score?": str,
    "auroc": float | None, "wrong_labels": int | None, "examples": int, "clean_examples": int, "test_examples": int,
    "best_epoch?": int, "mass_per_class?": dict, "engine": str, "seconds": float,
    "temperature?": {"value": float | None, "examples": int},
}  # fmt: skip


def read_summary(path: Path, digests: Digests) -> dict[str, Any]:
    """The summary of a run.

    Raises:
        BadInput: if it is damaged, was edited, or lacks something.
    """
    content = digests.read(path, files.LARGEST_JSON)
    summary = parse_object(content, path)
    check_kind(summary, {**_KIND, **{f"{name}?": float | None for name in MEASURES}}, path)
    score = summary.get("score", USUAL)
    if "task" in summary and not known_task(summary["task"]):
        raise BadInput(
            f"{path} is of the task {summary['task']!r}, which is not known here: name its class with --task module:Class"
        )
    if summary["epochs"] < 1 or score not in MEASURES or score not in summary:
        raise BadInput(f"{path} has no 'epochs' and no score: put a good copy back, or train again")
    digests.check(path, content)
    return summary
