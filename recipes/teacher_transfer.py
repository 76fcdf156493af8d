"""Does a trained teacher help another student? Digits with 40 % of the labels flipped to the next class.

    python recipes/teacher_transfer.py            # some minutes on two cores

A teacher (surface and interaction, reading the input of the last layer) is trained with an MLP on one split and noise; then
it is applied, frozen, to a new MLP and to a LeNet on other splits and noise, beside plain training and a teacher that learns
along with that very student. 600 steps of 100, SGD 0.05 with momentum 0.9, test accuracy in % at the last step, mean ±
standard deviation (n − 1) over the seeds.
"""

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from rich.progress import track

from reweigh.run.start import start
from reweigh.run.watcher import SILENT
from reweigh.settings import Settings
from runs import as_markdown, cell, show

STATE = {"mlp": "layers.5:input", "lenet": "output:input"}
SETTINGS: dict[str, Any] = {
    "dataset": "digits", "noise": "pair:0.4", "steps": 600, "lr": 0.05, "threads": 1, "teacher_lr": 0.003,
    "teacher_reads": ("surface", "interaction"),
}  # fmt: skip


def accuracy(folder: Path, model: str, seed: int, **settings: Any) -> float:
    """Of one run, in percent."""
    config = Settings.of(**SETTINGS, model=model, seed=seed, teacher_states=(STATE[model],), **settings)
    return float(100 * start(config, folder, SILENT, overwrite=True)["test_accuracy"])


def measure(seeds: int) -> list[list[str]]:
    """The table."""
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in track(range(seeds), "teachers and students"):
            first = Path(folder) / "first"
            accuracy(first, "mlp", seed, rule="deep-interaction")
            teacher = str(first / "teacher.safetensors")
            for model in STATE:
                ways: dict[str, dict[str, Any]] = {
                    "plain training": {"rule": "uniform"},
                    "plain training, noisy + clean": {"rule": "uniform", "keep_clean_in_train": True},
                    "a teacher that learns along": {"rule": "deep-interaction"},
                    "the trained teacher, frozen": {"rule": "deep-interaction", "teacher": teacher},
                    "the same after 100 plain steps": {
                        "rule": "deep-interaction",
                        "teacher": teacher,
                        "warm_up": 100,
                    },
                }
                for name, settings in ways.items():
                    result = accuracy(Path(folder) / "run", model, 1000 + seed, **settings)
                    found.setdefault(name, {}).setdefault(model, []).append(result)
    rows = [["test accuracy in %, mean ± std (runs)", "MLP (as it was trained with)", "LeNet"]]
    return rows + [[name, *(cell(values) for values in by_model.values())] for name, by_model in found.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description="Does a trained teacher help another student?")
    parser.add_argument("--seeds", type=int, default=5)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rows = measure(parser.parse_args().seeds)
    show(rows, "a trained teacher and another student")
    print(as_markdown(rows))


if __name__ == "__main__":
    main()
