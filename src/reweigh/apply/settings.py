"""The settings to train with again: those of the run, on the cleaned data."""

from pathlib import Path
from typing import Any

from reweigh.data.own import Sources
from reweigh.run.finished import FinishedRun

SETTINGS = "settings.json"


def settings_again(run: FinishedRun, train: Path, clean: Path, test: Path | None) -> dict[str, Any]:
    """By name, as `Settings.of` takes them; a rule that was chosen is chosen again, since fewer labels are wrong now."""
    sources, found = run.config.data, run.config.flat()
    assert isinstance(sources, Sources)
    given = sources.test if test is None else str(test.resolve())
    marks = [name for name in (sources.clean_column, sources.clean_target) if name is not None]
    found |= {
        "train": str(train.resolve()),
        "clean": str(clean.resolve()),
        "test": None if given is None else str(Path(given).resolve()),
        "clean_column": None,
        "clean_target": None,
        "clean_ids": None,
        "drop": [*sources.drop, *marks],
    }
    if "choice" in run.summary:
        found |= {"rule": None, "rule_option": None}
    return {name: value for name, value in found.items() if value is not None}
