"""OpusFilter: both sides, and a file of scores as its step `score` writes them, an object a line."""

import json
from pathlib import Path

from reweigh.exchange.weighed import Weighed, beside, in_lines, sides
from reweigh.exchange.yaml_text import yaml_of

KEY = "ReweighFilter"


class OpusFilter:
    """Three files of as many lines, and steps that sort by the score."""

    name = "opusfilter"

    def files(self, pairs: Weighed, target: Path) -> dict[Path, str]:
        """Source, target, scores, and YAML."""
        texts, scores = sides(pairs, target), beside(target, "scores.jsonl")
        rows = [json.dumps({KEY: round(float(weight), 6)}) for weight in pairs.weights]
        outputs = [str(beside(target, f"sorted.{name}")) for name in pairs.names]
        sort = {
            "inputs": [*map(str, texts), str(scores)],
            "outputs": [*outputs, str(beside(target, "sorted.jsonl"))],
            "values": str(scores),
            "key": KEY,
            "type": "float",
            "reverse": True,
        }
        config = yaml_of({"steps": [{"type": "sort", "parameters": sort}]})
        return {**texts, scores: in_lines(rows), beside(target, "yaml"): config}

    def steps(self, pairs: Weighed, target: Path) -> list[str]:
        """What the steps do."""
        return [f"`opusfilter {beside(target, 'yaml')}` sorts by the weight, the most trusted first: keep the head"]
