"""Hugging Face data sets: JSON lines with a column of pairs that is called as the task is, and one of weights.

Trainers there drop columns that a model's forward does not name (`remove_unused_columns`), and know no weights of their own.
"""

import json
from pathlib import Path

from reweigh.exchange.weighed import Weighed, beside


class HuggingFace:
    """One file, an object a pair."""

    name = "hf"

    def files(self, pairs: Weighed, target: Path) -> dict[Path, str]:
        """JSON lines."""
        source, goal = pairs.names
        rows = zip(pairs.ids, pairs.sources, pairs.targets, pairs.weights.tolist(), pairs.right.tolist(), strict=True)
        lines = [
            json.dumps(
                {
                    "id": name,
                    pairs.task: {source: one, goal: other},
                    "weight": round(weight, 6),
                    "right": None if right != right else round(right, 6),
                },
                ensure_ascii=False,
            )
            for name, one, other, weight, right in rows
        ]
        return {self._place(target): "".join(f"{line}\n" for line in lines)}

    def steps(self, pairs: Weighed, target: Path) -> list[str]:
        """How it is loaded."""
        place = self._place(target)
        return [
            f'load_dataset("json", data_files="{place}") has the column weight: train with remove_unused_columns=False and '
            "a loss that uses it"
        ]

    def _place(self, target: Path) -> Path:
        return target if target.suffix == ".jsonl" else beside(target, "jsonl")
