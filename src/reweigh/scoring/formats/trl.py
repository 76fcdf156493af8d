"""TRL: its own columns and one of weights, which SFTTrainer drops unless it is carried.

It is lost with columns that the model does not name, in packing, and in the collator (`trl/trainer/sft_trainer.py`).
"""

from pathlib import Path
from typing import Any

from reweigh.errors import BadInput
from reweigh.scoring.formats.rows import LINES, Rows, Weighed, in_lines


class Trl:
    """One file, with the columns that `load_dataset` and SFTTrainer know: messages, prompt and completion, or text."""

    name = "trl"

    def write(self, rows: Rows, folder: Path) -> list[str]:
        """JSON lines."""

        def told(one: Weighed) -> dict[str, Any]:
            return {"id": one.id, **rows.columns.standard(one.row, one.where), rows.name: round(one.weight, 6)}

        if rows.name in ("id", "messages", "prompt", "completion", "text"):
            raise BadInput(f"--column is {rows.name!r}, which TRL has for something else: name another")
        return in_lines(rows, folder, told)

    def step(self, folder: Path) -> str:
        """What drops the weights."""
        return (
            f"load_dataset('json', data_files='{folder / LINES}') has them: SFTTrainer drops them unless "
            "remove_unused_columns=False, packing=False, and a collator and a compute_loss of your own carry them "
            "(docs/language_models.md)"
        )
