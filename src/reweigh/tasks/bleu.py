"""BLEU and chrF of texts, as sacreBLEU has them (Post, 2018).

A corpus's BLEU follows from counts of each pair of texts, which are kept: scores of many resamples of the same pairs then
cost no more than sums. It is the same number as `BLEU.corpus_score` gives.
"""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from reweigh.errors import require

_ORDERS = 4


def bleu(said: Sequence[str], wanted: Sequence[str], language: str = "") -> float:
    """From 0 to 100; NaN of nothing. `language` is that of the targets, by which words are told apart in Chinese."""
    if not said:
        return float("nan")
    counts = np.array([_counts(*pair, language) for pair in zip(said, wanted, strict=True)]).sum(0).tolist()
    kit = require("sacrebleu.metrics", "translation")
    return float(kit.BLEU.compute_bleu(counts[:_ORDERS], counts[_ORDERS:-2], counts[-2], counts[-1]).score)


def chrf(said: Sequence[str], wanted: Sequence[str]) -> float:
    """chrF2, from 0 to 100; NaN of nothing."""
    kit = require("sacrebleu.metrics", "translation")
    return float(kit.CHRF().corpus_score(list(said), [list(wanted)]).score) if said else float("nan")


def signatures(language: str = "") -> dict[str, str]:
    """With which settings and version, by the names of the scores."""
    kit = require("sacrebleu.metrics", "translation")
    found = {"test_bleu": _metric(language), "test_chrf": kit.CHRF()}
    for metric in found.values():
        metric.corpus_score(["a"], [["a"]])  # before that it does not know how many references there are
    return {name: str(metric.get_signature()) for name, metric in found.items()}


def _metric(language: str, **more: Any) -> Any:
    tokens = {"tokenize": "zh"} if language.lower().startswith("zh") else {}
    return require("sacrebleu.metrics", "translation").BLEU(**tokens, **more)


@functools.cache
def _of_sentences(language: str) -> Any:
    return _metric(language, effective_order=True)  # it does not matter to the counts, and is not warned of


@functools.lru_cache(maxsize=200_000)
def _counts(said: str, wanted: str, language: str) -> tuple[int, ...]:
    """n-grams that agree and n-grams in all, four each, and both lengths."""
    found = _of_sentences(language).sentence_score(said, [wanted])
    return (*found.counts, *found.totals, found.sys_len, found.ref_len)
