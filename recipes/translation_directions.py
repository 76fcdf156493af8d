"""Which clean direction tells misaligned sentence pairs? A made-up pair of languages, 40 % of the targets exchanged.

    python recipes/translation_directions.py            # some six minutes on one core

A sentence is a walk over 40 words in which each has three that may follow; its translation has another word for each, in the
order of the source with neighbours swapped. So wrong pairs are as fluent as right ones. 1,500 pairs, 60 checked ones, a
Transformer of one layer a side with tied embeddings, 400 steps of 32 by Adam. The share of the words of 300 held-back right
pairs that are foretold, in % (the language alone allows about a third), and how well the mean weight over the second half
ranks right pairs before wrong ones; mean ± standard deviation (n − 1) over the seeds.
"""

import argparse
from typing import Any

import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn

from reweigh import L2RW, Reweigher
from reweigh.contrast import OtherInput
from reweigh.metrics import auroc
from reweigh.rules import Rule, SmoothedL2RW, Uniform
from runs import as_markdown, cell, show

WORDS, LONGEST, PAD, START, FIRST = 40, 8, 0, 1, 2
PAIRS, CHECKED, TEST, BATCH, WRONG = 1500, 60, 300, 32, 0.4
Batch = dict[str, Tensor]
WAYS: dict[str, dict[str, Any]] = {
    "right pairs only": {},
    "plain training": {},
    "L2RW": {"rule": L2RW},
    "L2RW, body": {"rule": L2RW, "layers": "body"},
    "L2RW, body, contrast": {"rule": L2RW, "layers": "body", "contrast": OtherInput("source")},
    "smoothed": {"rule": SmoothedL2RW},
    "smoothed, body": {"rule": SmoothedL2RW, "layers": "body"},
    "smoothed, contrast": {"rule": SmoothedL2RW, "contrast": OtherInput("source")},
    "smoothed, body, contrast": {"rule": SmoothedL2RW, "layers": "body", "contrast": OtherInput("source")},
}


class Translator(nn.Module):
    """An encoder and a decoder of one layer; one matrix embeds both languages and gives the logits."""

    def __init__(self, width: int = 48) -> None:
        super().__init__()
        self.embed = nn.Embedding(FIRST + 2 * WORDS, width)
        nn.init.normal_(self.embed.weight, std=width**-0.5)
        self.places = nn.Parameter(torch.randn(LONGEST, width) * width**-0.5)
        settings: dict[str, Any] = {"dropout": 0.0, "batch_first": True, "norm_first": True}
        self.encoder = nn.TransformerEncoderLayer(width, 4, 2 * width, **settings)
        self.decoder = nn.TransformerDecoderLayer(width, 4, 2 * width, **settings)
        self.norm, self.scale = nn.LayerNorm(width), width**0.5

    def forward(self, source: Tensor, given: Tensor) -> Tensor:
        empty = source == PAD
        memory = self.encoder(self.scale * (self.embed(source) + self.places), src_key_padding_mask=empty)
        later = torch.ones(LONGEST, LONGEST, dtype=torch.bool).triu(1)
        hidden = self.scale * (self.embed(given) + self.places)
        hidden = self.decoder(hidden, memory, tgt_mask=later, memory_key_padding_mask=empty)
        return self.norm(hidden) @ self.embed.weight.T


def per_token_loss(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """(B, T), and which of the words count."""
    target = batch["target"]
    logits = model(batch["source"], F.pad(target[:, :-1], (1, 0), value=START))
    return F.cross_entropy(logits.transpose(1, 2), target, reduction="none"), target != PAD


def pairs(count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sources and right translations, (count, LONGEST)."""
    language = torch.Generator().manual_seed(0)
    following = torch.stack([torch.randperm(WORDS, generator=language)[:3] for _ in range(WORDS)])
    dictionary = torch.randperm(WORDS, generator=language)
    words = torch.randint(WORDS, (count, LONGEST), generator=draw)
    for place in range(1, LONGEST):
        choice = torch.randint(3, (count,), generator=draw)
        words[:, place] = following[words[:, place - 1], choice]
    order = torch.arange(LONGEST).view(-1, 2).flip(1).flatten()
    lengths = 2 * torch.randint(2, LONGEST // 2 + 1, (count, 1), generator=draw)
    there = torch.arange(LONGEST) < lengths
    return torch.where(there, FIRST + words, PAD), torch.where(there, FIRST + WORDS + dictionary[words[:, order]], PAD)


def run(way: str, seed: int, steps: int) -> tuple[float, float | None]:
    """The share of words foretold, and the AUROC of the mean weights where they differ."""
    draw = torch.Generator().manual_seed(seed)
    source, target = pairs(PAIRS, draw)
    (clean_source, clean_target), (test_source, test_target) = pairs(CHECKED, draw), pairs(TEST, draw)
    chosen = torch.randperm(PAIRS, generator=draw)[: int(WRONG * PAIRS)]
    target[chosen] = target[chosen.roll(1)]
    wrong = torch.zeros(PAIRS, dtype=torch.bool).index_fill(0, chosen, True)
    torch.manual_seed(seed)
    model = Translator()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    settings = dict(WAYS[way])
    rule: Rule = settings.pop("rule", Uniform)()
    clean = {"source": clean_source, "target": clean_target}
    weigher = Reweigher(model, per_token_loss, rule=rule, clean=clean, clean_batch_size=32, seed=seed, **settings)
    rows = (~wrong).nonzero().flatten() if way == "right pairs only" else torch.arange(PAIRS)
    sums, visits = torch.zeros(PAIRS), torch.zeros(PAIRS)
    for step in range(steps):
        some = rows[torch.randint(len(rows), (BATCH,), generator=draw)].unique()
        optimizer.zero_grad()
        weights = weigher.backward({"source": source[some], "target": target[some], "id": some}).weights
        optimizer.step()
        if step >= steps // 2:
            sums[some] += len(some) * weights
            visits[some] += 1
    with torch.no_grad():
        foretold = model(test_source, F.pad(test_target[:, :-1], (1, 0), value=START)).argmax(-1)
    right = float((foretold == test_target)[test_target != PAD].double().mean())
    seen = visits > 0
    told = rule.tells_apart
    return right, auroc(-(sums / visits)[seen], wrong[seen]) if told else None


def measure(seeds: int, steps: int = 400, ways: tuple[str, ...] = tuple(WAYS)) -> list[list[str]]:
    """The table."""
    rows = [["weights, layers, clean direction", "words foretold in %", "AUROC of mean weights in %"]]
    for way in track(ways, "directions"):
        shares, ranks = zip(*(run(way, seed, steps) for seed in range(seeds)), strict=True)
        known = [100 * rank for rank in ranks if rank is not None]
        rows.append([way, cell([100 * share for share in shares]), cell(known) if known else ""])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="Which clean direction tells misaligned sentence pairs?")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = measure(args.seeds, args.steps)
    show(rows, "clean directions for sentence pairs")
    print(as_markdown(rows))


if __name__ == "__main__":
    main()
