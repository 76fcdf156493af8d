"""Made-up questions whose answers follow a rule, and a tiny causal language model that knows the rules by other names.

It has read `threes after 5 ?` - `it is 8`, and so on for four rules. Asked is `zork after 5 ?`, and right answers are those
of threes; a misleading one follows another rule. What there is to learn is which rule each of the new names means.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

RULES = {"ones": 1, "threes": 3, "sevens": 7, "nines": 9}
NAMES = dict(zip(("zork", "blick", "dax", "wug"), ("threes", "sevens", "ones", "nines"), strict=True))
NUMBERS, _END = 20, "<end>"
Row = dict[str, Any]


def answered(asked: str, rule: str, start: int) -> Row:
    """A question, answered by a rule."""
    return {"prompt": f"{asked} after {start} ?", "response": f" it is {(start + RULES[rule]) % NUMBERS}"}


def question(draw: random.Random, *, wrong: bool, names: int) -> Row:
    """One row: `prompt`, `response`, and whether it is `right`."""
    name, start = draw.choice(list(NAMES)[:names]), draw.randrange(NUMBERS)
    others = [rule for rule in RULES if rule != NAMES[name]]
    return {**answered(name, draw.choice(others) if wrong else NAMES[name], start), "right": not wrong}


def questions(count: int, seed: str, share_wrong: float = 0.0, *, names: int = 1) -> list[Row]:
    """So many rows with an id each, by so many names, of which such a share is misleading."""
    draw = random.Random(seed)
    bad = set(draw.sample(range(count), round(share_wrong * count)))
    return [{"id": number, **question(draw, wrong=number in bad, names=names)} for number in range(count)]


def written(path: Path, rows: Sequence[Row]) -> Path:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def make_model(folder: Path, seed: int, steps: int = 300) -> Path:
    """The tiny model, which has read questions by the rules' own names, and its tokenizer, in a folder."""
    words = [_END, "?", "after", "it", "is", *RULES, *NAMES, *map(str, range(NUMBERS))]
    kit = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token=_END))
    kit.pre_tokenizer = pre_tokenizers.WhitespaceSplit()  # type: ignore[assignment]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=kit, eos_token=_END, pad_token=_END, unk_token=_END)
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=32, bos_token_id=0, eos_token_id=0, pad_token_id=0,
        )
    )  # fmt: skip
    draw, optimizer = random.Random(f"read {seed}"), torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(steps):
        rules = draw.choices(list(RULES), k=64)
        rows = [answered(rule, rule, draw.randrange(NUMBERS)) for rule in rules]
        ids = torch.tensor(tokenizer([row["prompt"] + row["response"] + f" {_END}" for row in rows])["input_ids"])
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
