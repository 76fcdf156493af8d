"""`reweigh score` on a million short rows, beside a plain forward pass over the same files: rows a second, and peak memory.

    python -m benchmarks.many_rows                           # a million rows in twenty files of Parquet: ten minutes or so
    python -m benchmarks.many_rows --rows 50000 --processes 2

Rows have three to nine words; the model is of Llama's kind, two layers of width 32, made here. The plain pass reads the
files, cuts rows into tokens and works out their losses, in a process of its own as each way to score. With --processes 2
the rows are scored by torchrun as well, and the files have to hold the same scores. Times are CPU seconds of one thread,
the start of Python among them.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import torch

from benchmarks.scoring import BARS
from reweigh.errors import require
from reweigh.scoring.scorer import losses
from reweigh.scoring.texts import Encoded, batches

WORDS = ["".join(letters) for letters in product("bdfglm", "aeiou", "nrst")]
FILES, TARGET = 20, 32
SAME = 1e-6


def make(folder: Path, count: int) -> None:
    """The files of rows, the target set and the model."""
    pyarrow, parquet = require("pyarrow", "score"), require("pyarrow.parquet", "score")
    transformers, tokenizers = require("transformers", "transformers"), require("tokenizers", "transformers")
    draw = random.Random(0)

    def text(words: Sequence[str], longest: int) -> str:
        return " ".join(draw.choice(words) for _ in range(draw.randint(3, longest)))

    (folder / "data").mkdir()
    for number in range(FILES):
        rows = [text(WORDS, 9) for _ in range(count // FILES)]
        ids = [f"r{number * len(rows) + row}" for row in range(len(rows))]
        parquet.write_table(pyarrow.table({"id": ids, "text": rows}), folder / "data" / f"{number:03}.parquet")
    targets = {"id": [f"t{row}" for row in range(TARGET)], "text": [text(WORDS[:30], 6) for _ in range(TARGET)]}
    parquet.write_table(pyarrow.table(targets), folder / "target.parquet")
    special = ["<s>", "</s>", "<unk>"]
    by_word = tokenizers.models.WordLevel({word: n for n, word in enumerate(special + WORDS)}, unk_token="<unk>")
    cut = tokenizers.Tokenizer(by_word)
    cut.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
    transformers.PreTrainedTokenizerFast(tokenizer_object=cut, **named).save_pretrained(folder / "model")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(WORDS) + 3, max_position_embeddings=32, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, use_cache=False, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder / "model")


def plain(folder: Path, size: int) -> None:
    """A forward pass over all rows, in batches of that size."""
    transformers, parquet = require("transformers", "transformers"), require("pyarrow.parquet", "score")
    torch.set_num_threads(1)
    cut = transformers.AutoTokenizer.from_pretrained(folder / "model")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder / "model").eval()
    with torch.no_grad():
        for file in sorted((folder / "data").iterdir()):
            pieces = cut(parquet.read_table(file)["text"].to_pylist())["input_ids"]
            for part in batches([Encoded(one, [False] + [True] * (len(one) - 1)) for one in pieces], size):
                losses(model, part.batch)


def cost(command: Sequence[str | Path]) -> tuple[float, float]:
    """CPU seconds of a command, and the most memory that it held, in MiB; it has to end well."""
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=alone, stdout=subprocess.DEVNULL) as process:
        _, code, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def apart(one: Path, other: Path) -> float:
    """The largest difference of two files of scores, relative to the largest score."""
    parquet = require("pyarrow.parquet", "score")
    mine, yours = (parquet.read_table(path) for path in (one, other))
    assert mine["id"] == yours["id"]
    found = 0.0
    for name in {"loss", "alignment", "representation"} & set(mine.column_names):
        here, there = (torch.from_numpy(table[name].to_numpy()).double() for table in (mine, yours))
        found = max(found, float((here - there).abs().max() / here.abs().max()))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """A line a way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_rows", description="What scoring many rows costs.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--processes", type=int, default=1, help="score by so many processes as well")
    parser.add_argument("--plain", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.plain:
        return plain(options.plain, options.batch_size)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, options.rows)
        here, size = [sys.executable, "-m"], ["--batch-size", str(options.batch_size)]
        base, memory = cost([*here, "benchmarks.many_rows", "--plain", folder, *size])
        print("| by | CPU seconds | rows a second | plain passes | at most | peak MiB |\n|---|---|---|---|---|---|")
        print(f"| plain | {base:.0f} | {options.rows / base:,.0f} | 1 | | {memory:.0f} |", flush=True)
        told = ["score", folder / "data", "--model", f"hf:{folder}/model", "--target", folder / "target.parquet", *size]
        for by, bar in BARS.items():
            out = folder / f"{by}.parquet"
            spent, memory = cost([*here, "reweigh", *told, "--by", by, "--output", out])
            ratio = f"{spent / base:.2f} | {bar} | {memory:.0f}"
            print(f"| {by} | {spent:.0f} | {options.rows / spent:,.0f} | {ratio} |", flush=True)
            if options.processes > 1:
                many = folder / f"{by}-many.parquet"
                start = [*here, "torch.distributed.run", "--standalone", "--nproc-per-node", str(options.processes)]
                cost([*start, "-m", "reweigh", *told, "--by", by, "--output", many])
                print(f"by {options.processes} processes: scores apart by {apart(out, many):.1e} (at most {SAME:.0e})")
    return None


if __name__ == "__main__":
    main()
