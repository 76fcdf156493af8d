"""The table of the README, from what the recipes have measured.

python -m pages.front        # between the marks in README.md; the results lie in docs/results
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "recipes"))  # which is a folder of scripts

import verdict  # noqa: E402
from runs import as_markdown, read_results, with_table  # noqa: E402

README, RESULTS = ROOT / "README.md", ROOT / "docs" / "results"
SETS = {
    "adult to the rarer 30 %": "UCI Adult, 30 % of a class wrong",
    "cifar10n, one annotator": "CIFAR-10N, labels of one human",
    "hausa, distant labels": "Hausa titles, labels from rules",
    "rare uniform 10 %": "rare classes (2 %), 10 % wrong",
    "digits pair 40 %": "digits, 40 % one too high",
}
"""Sets of `recipes/verdict.py`, and what they are called in the README."""
HEAD = ("macro-F1", "plain training", "reweigh", "the best other way", "gain")


def rows() -> list[list[str]]:
    """A row a set: the default beside plain training and the best of five other ways, and the gain over the latter.

    The checked rows are a part of the training rows, as mostly they are.
    """
    found = read_results(RESULTS / "verdict" / "results.jsonl", verdict.Job)
    return [_of_verdict(found, name, words) for name, words in SETS.items()]


def _of_verdict(found: verdict.Found, name: str, words: str) -> list[str]:
    standing = verdict.standing(found, name, "f1", verdict.SEEN)
    assert standing is not None, f"{name} has not been run: see recipes/verdict.py"
    best, gain, _ = standing
    ways = (verdict.PLAIN_SEEN, verdict.SEEN, verdict.PLAIN_SEEN if best == "plain" else best)
    plain, ours, other = (list(verdict.of_set(found, name, way, "f1").values()) for way in ways)
    return [
        words,
        verdict.spread(plain, 1),
        verdict.spread(ours, 1),
        f"{verdict.spread(other, 1)} ({best})",
        _signed(gain),
    ]


def _signed(gain: float) -> str:
    return f"**+{gain:.1f}**" if gain > 0 else f"−{-gain:.1f}"


def table() -> str:
    """As Markdown."""
    return as_markdown([HEAD, *rows()])


def filled(page: str) -> str:
    """The page with the table between its marks."""
    return with_table(page, table(), "<!-- table -->\n", "<!-- end -->")


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
