"""LoRA fine-tuning where half of the answers mislead and a few dozen are checked: weights a sequence, or a token.

    python recipes/finetune_lora.py                                          # a tiny model and data that it makes itself
    python recipes/finetune_lora.py --hosts trl --rows plain L2RW            # by TRL's SFTTrainer (pip install trl)
    python recipes/finetune_lora.py --table --page docs/results_language_models.md           # the table into its page
    python recipes/finetune_lora.py --model hf:NAME_OR_FOLDER --data mix.jsonl --target checked.jsonl --test new.jsonl

Rows are prompts with responses, conversations or texts, as `reweigh score` reads them; where they say whether they are
`right`, the AUROC of the weights is told. Every row of the table makes as many steps; the loss is that of new right answers
after the last one, in nats a token. A run is a line of `--results`, and is not made again.
"""

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor

from lora_loops import HOSTS, Course, Way, loss_on
from lora_texts import Texts, read
from questions import make_model, questions, written
from reweigh import L2RW
from reweigh.metrics import auroc
from reweigh.rules import RandomRectified, SmoothedL2RW, Uniform
from reweigh.scoring.model import Named, load
from reweigh.storage import write_bytes
from runs import add_result, as_markdown, cell, read_results, show, with_table

RESULTS = Path(__file__).parent.parent / "docs" / "results" / "finetune_lora.jsonl"
BEGIN, END = "<!-- table, by recipes/finetune_lora.py -->\n", "<!-- end of the table -->"
MADE_UP = "made up"
COUNTS = {"mix": 2000, "target": 64, "test": 500}


ROWS: dict[str, Way] = {
    "right answers alone": Way(Uniform, learns="right"),
    "plain": Way(Uniform),
    "plain + checked": Way(Uniform, learns="both"),
    "checked alone": Way(Uniform, learns="target"),
    "random": Way(RandomRectified),
    "L2RW": Way(L2RW),
    "L2RW, tokens": Way(L2RW, "token"),
    "smoothed": Way(SmoothedL2RW),
    "smoothed, tokens": Way(SmoothedL2RW, "token"),
    "smoothed + checked": Way(SmoothedL2RW, learns="both"),
}


@dataclass(frozen=True)
class Job:
    """One run."""

    model: str
    data: str
    host: str
    row: str
    seed: int
    steps: int


def learnt_from(way: Way, mix: Texts, target: Texts) -> Texts:
    """What a row of the table learns from; right answers alone only somebody knows who knows the truth."""
    if way.learns == "right":
        if mix.right is None:
            raise SystemExit("nobody says which rows are right: leave out the row 'right answers alone'")
        return mix.select(torch.nonzero(mix.right).flatten().tolist())
    return {"mix": mix, "both": mix + target, "target": target}[way.learns]


def run(job: Job, files: dict[str, Path], more: argparse.Namespace) -> dict[str, Any]:
    """A fresh adapter, trained and asked about new right answers."""
    way, began = ROWS[job.row], time.perf_counter()
    loaded = load(Named(f"hf:{files['model']}"), torch.device(more.device))
    mix, target, test = (read(files[name], loaded) for name in ("mix", "target", "test"))
    torch.manual_seed(job.seed)
    adapter = LoraConfig(r=more.rank, lora_alpha=2 * more.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    network = get_peft_model(loaded.network, adapter)
    before, train = loss_on(network, test, more.batch_size), learnt_from(way, mix, target)
    course = Course(job.steps, job.seed, more.batch_size, more.lr)
    mean = HOSTS[job.host](network, way, train, target, course, loaded.encoder.tokenizer)
    return {
        **asdict(job),
        "loss": loss_on(network, test, more.batch_size),
        "before": before,
        "auroc": None if mean is None or mix.right is None else ranked(mean[: len(mix.rows)], mix.right),
        "seconds": round(time.perf_counter() - began, 1),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        **{name: getattr(more, name) for name in ("lr", "rank", "batch_size")},
    }


def ranked(mean: Tensor, right: Tensor) -> float:
    """The AUROC of mean weights (N,), NaN where there is none, for wrong rows."""
    seen = ~mean.isnan()
    return auroc(-mean[seen], ~right[seen])


def made_up(folder: Path, seed: int, names: int) -> dict[str, Path]:
    """The model, a mix of which one half misleads, checked answers and new ones."""
    wrong = {"mix": 0.5}
    rows = {
        part: questions(count, f"{part} {seed}", wrong.get(part, 0.0), names=names) for part, count in COUNTS.items()
    }
    files = {name: written(folder / f"{name}.jsonl", some) for name, some in rows.items()}
    return {"model": make_model(folder / "model", seed), **files}


def table(results: dict[Job, dict[str, Any]]) -> list[list[str]]:
    """Mean ± standard deviation over the seeds; rows without a run are said to have none."""
    found = [["model", "data", "loop", "weights", "loss of new right answers", "AUROC in %", "seconds"]]
    for group in sorted({(job.model, job.data, job.host) for job in results}):
        for row in ROWS:
            each = [one for job, one in results.items() if (job.model, job.data, job.host, job.row) == (*group, row)]
            ranks = [100 * one["auroc"] for one in each if one["auroc"] is not None]
            seconds = f"{max(one['seconds'] for one in each):.0f}" if each else ""
            told = cell([one["loss"] for one in each]) if each else "not run"
            found.append([*group, row, told, cell(ranks) if ranks else "", seconds])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="LoRA fine-tuning where half of the answers mislead.")
    parser.add_argument("--model", default=MADE_UP, help="hf: and a folder or a name; a tiny one is made without")
    parser.add_argument("--data", type=Path, help="rows to learn from")
    parser.add_argument("--target", type=Path, help="checked rows")
    parser.add_argument("--test", type=Path, help="new right rows")
    parser.add_argument("--names", type=int, default=1, help="of the made-up questions; up to 4")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--hosts", nargs="+", choices=list(HOSTS), default=["loop"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="only show what is there")
    parser.add_argument("--page", type=Path, help="a page that gets the table, between its marks")
    args = parser.parse_args()
    own = [name for name in ("data", "target", "test") if getattr(args, name) is not None]
    if (args.model == MADE_UP and own) or (args.model != MADE_UP and len(own) < 3):
        parser.error("a model of your own goes with --data, --target and --test, and they with it")
    for seed in () if args.table else args.seeds:
        with tempfile.TemporaryDirectory() as name:
            if args.model == MADE_UP:
                files = made_up(Path(name), seed, args.names)
            else:
                files = {
                    "model": Path(args.model.removeprefix("hf:")),
                    "mix": args.data,
                    "target": args.target,
                    "test": args.test,
                }
            for host, row in product(args.hosts, args.rows):
                data = f"{args.names} of the names" if args.data is None else args.data.name
                job = Job(args.model, data, host, row, seed, args.steps)
                if job not in read_results(args.results, Job):
                    add_result(args.results, run(job, files, args))
    rows = table(read_results(args.results, Job))
    show(rows, "LoRA fine-tuning")
    print(as_markdown(rows))
    if args.page is not None:
        page = with_table(args.page.read_text("utf-8"), as_markdown(rows), BEGIN, END)
        write_bytes(args.page, page.encode())


if __name__ == "__main__":
    main()
