"""A finished run's `summary.json`, held to what its readers go on to use."""

from pathlib import Path
from typing import Any

from reweigh.digests import Digests
from reweigh.errors import BadInput
from reweigh.strict_json import check_kind, parse_object
from reweigh.training import run_folder as files
from reweigh.training.tasks import SCORES

USUAL = "test_accuracy"
_KIND = {
    "rule": str, "task?": str, "epochs": int, "steps": int, "score?": str, "auroc": float | None,
    "wrong_labels": int | None, "examples": int, "clean_examples": int, "test_examples": int,
    "mass_per_class?": dict, "engine": str, "seconds": float,
    **{f"{name}?": float | None for name in SCORES},
}  # fmt: skip


def read_summary(path: Path, digests: Digests) -> dict[str, Any]:
    """The summary of a run.

    Raises:
        BadInput: if it is damaged, was edited, or lacks something.
    """
    content = digests.read(path, files.LARGEST_JSON)
    summary = parse_object(content, path)
    check_kind(summary, _KIND, path)
    if summary["epochs"] < 1 or summary.get("score", USUAL) not in SCORES or summary.get("score", USUAL) not in summary:
        raise BadInput(f"{path} has no 'epochs' and no score: put a good copy back, or train again")
    digests.check(path, content)
    return summary
