"""Pairs of sentences, German and English, made word by word; some English sides belong to other pairs or are copies."""

import random
from pathlib import Path

from reweigh.samples.sample import Sample, write_csv

LEARNT, CHECKED, NEW = 400, 120, 20
_WHO = {
    "der Hund": "the dog", "die Katze": "the cat", "das Kind": "the child", "die Lehrerin": "the teacher",
    "mein Bruder": "my brother", "unsere Nachbarin": "our neighbour",
}  # fmt: skip
_DOES = {"sieht": "sees", "sucht": "looks for", "findet": "finds", "malt": "paints", "kauft": "buys"}
_WHAT = {
    "das rote Haus": "the red house", "einen alten Baum": "an old tree", "das kleine Boot": "the small boat",
    "frisches Brot": "fresh bread", "den Schlüssel": "the key", "eine Blume": "a flower",
}  # fmt: skip
_WHEN = {"heute": "today", "am Morgen": "in the morning", "im Winter": "in winter", "oft": "often", "": ""}


def write_sentences(folder: Path) -> None:
    """`pairs.tsv` and `pairs-checked.tsv` with the columns `de` and `en`, and `new.de`, a sentence a line."""
    draw = random.Random(0)
    every = [_pair(draw) for _ in range(LEARNT + CHECKED + NEW)]
    checked, new, pairs = every[:CHECKED], every[CHECKED : CHECKED + NEW], every[CHECKED + NEW :]
    write_csv(folder / "pairs-checked.tsv", ["de", "en"], checked, "\t")
    (folder / "new.de").write_text("".join(f"{german}\n" for german, _ in new), encoding="utf-8")
    english = [pair[1] for pair in pairs]
    moved = english[: LEARNT // 5]
    english[: len(moved)] = [*moved[1:], moved[0]]  # misaligned by one
    for place in range(len(moved), len(moved) + LEARNT // 10):
        english[place] = pairs[place][0]  # not translated
    rows = [(german, text) for (german, _), text in zip(pairs, english, strict=True)]
    draw.shuffle(rows)
    write_csv(folder / "pairs.tsv", ["de", "en"], rows, "\t")


def _pair(draw: random.Random) -> tuple[str, str]:
    parts = [draw.choice(list(words.items())) for words in (_WHO, _DOES, _WHAT, _WHEN)]
    german, english = (" ".join(part[side] for part in parts if part[side]) for side in (0, 1))
    return f"{german[0].upper()}{german[1:]}.", f"{english[0].upper()}{english[1:]}."


SENTENCES = Sample(
    "pairs of sentences, some of which do not belong together (pairs.tsv, pairs-checked.tsv, new.de)",
    write_sentences,
    (
        "reweigh train --task translation --train pairs.tsv --clean pairs-checked.tsv --source de --target en "
        "--output runs/de-en",
        "reweigh predict runs/de-en new.de --output new.en.txt",
    ),
)
