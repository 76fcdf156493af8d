"""ms-swift: `loss_scale` on each of the assistant's messages.

Left to itself it takes any scale above zero for one, and trains 0.3 like 1.0 (`swift/loss_scale/base.py`,
`template/base.py`).
"""

from pathlib import Path
from typing import Any

from reweigh.scoring.formats.rows import LINES, Rows, Weighed, in_lines
from reweigh.scoring.texts.chat import ASSISTANT


class MsSwift:
    """One file of conversations."""

    name = "ms-swift"

    def write(self, rows: Rows, folder: Path) -> list[str]:
        """JSON lines."""

        def told(one: Weighed) -> dict[str, Any]:
            turns: list[dict[str, Any]] = [dict(turn) for turn in rows.columns.messages(one.row, one.where)]
            for turn in turns:
                if turn["role"] == ASSISTANT:
                    turn["loss_scale"] = round(one.weight, 6)
            return {"id": one.id, "messages": turns}

        return in_lines(rows, folder, told)

    def step(self, folder: Path) -> str:
        """The option without which weights are lost."""
        return (
            f"train with `swift sft --dataset {folder / LINES} --is_binary_loss_scale false ...` (4.2 or later), since "
            "it takes every weight above zero for one otherwise"
        )
