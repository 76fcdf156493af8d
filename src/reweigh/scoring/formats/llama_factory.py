"""LLaMA-Factory, its new code (`src/llamafactory/v1`): `loss_weight` on each message, whose content is a list of parts.

Weights are normalised within a micro-batch there: of one row alone a weight says nothing
(`v1/trainers/sft_trainer.py`). The classic data sets have no place for weights.
"""

from pathlib import Path
from typing import Any

from reweigh.scoring.formats.rows import LINES, Rows, Weighed, in_lines
from reweigh.scoring.texts.chat import ASSISTANT


class LlamaFactory:
    """One file of conversations, in the form that its converters make of others."""

    name = "llama-factory"

    def write(self, rows: Rows, folder: Path) -> list[str]:
        """JSON lines."""

        def told(one: Weighed) -> dict[str, Any]:
            return {
                "id": one.id,
                "messages": [
                    {
                        "role": turn["role"],
                        "content": [{"type": "text", "value": turn["content"]}],
                        "loss_weight": round(one.weight, 6) if turn["role"] == ASSISTANT else 0.0,
                    }
                    for turn in rows.columns.messages(one.row, one.where)
                ],
            }

        return in_lines(rows, folder, told)

    def step(self, folder: Path) -> str:
        """The code that reads it, and when a weight says nothing."""
        return (
            f"train on {folder / LINES} with LLaMA-Factory's v1 code and no converter, several rows a micro-batch: "
            "weights are normalised within one, and of one row alone they cancel"
        )
