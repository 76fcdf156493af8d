"""What `reweigh score` costs beside a plain forward pass: rows a second by alignment, by representation, and by both.

    python -m benchmarks.scoring                             # Llama's kind, 4 layers of 256; rows of 16 to 48 tokens
    python -m benchmarks.scoring --kind gpt2 --layers 6 --width 384 --rows 256 --longest 128

A round scores all rows each way in turn, batch by batch, so that whatever else the machine does falls on all alike;
times are CPU seconds of one thread, each divided by the plain pass's of the same round, which works out the rows'
losses without a gradient. A first round is left out, for what a process pays once. The engine's checks at the batches
1, 2, 4, 8, ... of a kind of shapes are within the time: over a long data set they vanish. Reading, cutting into
tokens and writing are the same for all and left out.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import nn

from reweigh.allocator import keep_freed_memory
from reweigh.errors import require
from reweigh.scoring.model import Loaded
from reweigh.scoring.scorer import BY, Scorer, losses
from reweigh.scoring.target import target_of
from reweigh.scoring.texts import Encoded, Part, batches

VOCABULARY, BARS = 4096, {"alignment": 3.5, "representation": 1.1}


def make_model(kind: str, layers: int, width: int, longest: int) -> nn.Module:
    transformers = require("transformers", "transformers")
    torch.manual_seed(0)
    if kind == "llama":
        config = transformers.LlamaConfig(
            vocab_size=VOCABULARY, max_position_embeddings=longest, hidden_size=width, intermediate_size=4 * width,
            num_hidden_layers=layers, num_attention_heads=width // 64 or 1, num_key_value_heads=1, use_cache=False,
        )  # fmt: skip
        llama: nn.Module = transformers.LlamaForCausalLM(config).eval()
        return llama
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_positions=longest, n_embd=width, n_layer=layers, n_head=width // 64 or 1,
        bos_token_id=0, eos_token_id=0, use_cache=False,
    )  # fmt: skip
    model: nn.Module = transformers.GPT2LMHeadModel(config).eval()
    return model


def make_rows(count: int, longest: int, seed: int = 0) -> list[Encoded]:
    draw = random.Random(seed)
    lengths = [draw.randint(max(2, longest // 3), longest) for _ in range(count)]
    return [Encoded([draw.randrange(VOCABULARY) for _ in range(n)], [False] + [True] * (n - 1)) for n in lengths]


def ways(model: nn.Module, target: Sequence[Encoded]) -> dict[str, Callable[[Part], object]]:
    """The plain pass and each way to score, as functions of a batch."""
    loaded = Loaded(model, None, torch.device("cpu"))  # type: ignore[arg-type]  # nothing is cut into tokens here

    def plain(part: Part) -> object:
        with torch.no_grad():
            return losses(model, part.batch)

    found: dict[str, Callable[[Part], object]] = {"plain": plain}
    for by, scores in BY.items():
        scorer = Scorer(loaded, target_of(loaded, [target], scores, "body", 16, own=False))
        found[by] = lambda part, scorer=scorer: scorer(part, [""] * len(part.places))
    return found


def measure(by: dict[str, Callable[[Part], object]], parts: Sequence[Part], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each way in each round that counts."""
    seconds: dict[str, list[float]] = {name: [] for name in by}
    for _ in range(rounds + 1):
        spent = dict.fromkeys(by, 0.0)
        for part in parts:
            for name, way in by.items():
                start = time.process_time()
                way(part)
                spent[name] += time.process_time() - start
        for name in by:
            seconds[name].append(spent[name])
    return {name: each[1:] for name, each in seconds.items()}


def told(name: str, seconds: Sequence[float], plain: Sequence[float], rows: int) -> str:
    """A way as a row of the table."""
    ratios = [one / other for one, other in zip(seconds, plain, strict=True)]
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {name} | {rows / statistics.median(seconds):.0f} | {spread} | {BARS.get(name, '')} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """A line a way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scoring", description="What scoring costs.")
    parser.add_argument("--kind", choices=["llama", "gpt2"], default="llama")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--longest", type=int, default=48, help="tokens of the longest rows (default 48)")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3, help="that count (default 3)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    keep_freed_memory()
    model = make_model(options.kind, options.layers, options.width, options.longest)
    parts = list(batches(make_rows(options.rows, options.longest), options.batch_size))
    seconds = measure(ways(model, make_rows(16, options.longest, seed=1)), parts, options.rounds)
    print("| by | rows a second | plain forward passes | at most |\n|---|---|---|---|")
    for name, each in seconds.items():
        print(told(name, each, seconds["plain"], options.rows), flush=True)


if __name__ == "__main__":
    main()
