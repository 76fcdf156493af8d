"""LoRA fine-tuning where half of the answers mislead and a few dozen are checked: weights a sequence, or a token.

    python recipes/finetune_lora.py                                          # a tiny model and data that it makes itself
    python recipes/finetune_lora.py --hosts trl --rows plain L2RW            # by TRL's SFTTrainer (pip install trl)
    python recipes/finetune_lora.py --model hf:NAME_OR_FOLDER --data mix.jsonl --target checked.jsonl --test new.jsonl

Rows are prompts with responses, conversations or texts, as `reweigh score` reads them; where they say whether they are
`right`, the AUROC of the weights is told. Every row of the table makes as many steps; the loss is that of new right answers
after the last one, in nats a token. A run is a line of `--results`, and is not made again.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from questions import make_model, questions, written
from reweigh import L2RW, Reweigher
from reweigh.hosts.transformers import causal_lm_loss, causal_lm_token_loss
from reweigh.metrics import auroc
from reweigh.rules import RandomRectified, Rule, SmoothedL2RW, Uniform
from reweigh.scoring.files import Row, find_shards
from reweigh.scoring.model import Loaded, Named, load
from reweigh.scoring.texts import Encoded, columns_of
from reweigh.scoring.texts import Named as Columns
from runs import add_result, as_markdown, cell, read_results, show

RESULTS = Path(__file__).parent.parent / "docs" / "results" / "finetune_lora.jsonl"
IGNORED, MADE_UP = -100, "made up"
COUNTS = {"mix": 2000, "target": 64, "test": 500}
Batch = dict[str, Tensor]


class Way(NamedTuple):
    """A row of the table: how rows weigh, sequences or tokens, and what is learnt from."""

    rule: Callable[[], Rule]
    per: str = "example"
    learns: str = "mix"


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


@dataclass(frozen=True)
class Texts:
    """N rows as tokens, with their ids from 0, and which of them are known to be right; None where nobody says."""

    rows: list[Encoded]
    right: Tensor | None

    def batch(self, places: Sequence[int]) -> Batch:
        """Tokens and labels (B, T), filled up at their ends, and ids (B,)."""
        ids = [torch.tensor(self.rows[place].ids) for place in places]
        counts = [torch.tensor(self.rows[place].counts) for place in places]
        labels = [torch.where(those, tokens, IGNORED) for tokens, those in zip(ids, counts, strict=True)]
        return {
            "input_ids": pad_sequence(ids, batch_first=True),
            "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
            "id": torch.tensor(places),
        }

    @property
    def whole(self) -> Batch:
        """All of them."""
        return self.batch(range(len(self.rows)))

    def select(self, places: Sequence[int]) -> "Texts":
        """Some of them."""
        return Texts([self.rows[place] for place in places], None if self.right is None else self.right[list(places)])

    def __add__(self, more: "Texts") -> "Texts":
        return Texts(self.rows + more.rows, None)


def read(path: Path, loaded: Loaded) -> Texts:
    """The rows of a file, a pattern or a folder of which a token counts."""
    shards = find_shards(path)
    columns, found, right = columns_of(shards, Columns()), list[Encoded](), list[Any]()
    for shard in shards:
        truth = ("right",) if "right" in shard.columns else ()
        for window in shard.kind.windows(shard.path, (*columns.names, *truth)):
            told = [columns.told(row, _where(shard.path, row), loaded.encoder.tokenizer) for row in window]
            for one, row in zip(loaded.encoder(told), window, strict=True):
                if one.counted:
                    found.append(one)
                    right.append(row.get("right"))
    return Texts(found, None if None in right else torch.tensor(right, dtype=torch.bool))


def _where(path: Path, row: Row) -> str:
    return f"a row of {path}"


def learnt_from(way: Way, mix: Texts, target: Texts) -> Texts:
    """What a row of the table learns from; right answers alone only somebody knows who knows the truth."""
    if way.learns == "right":
        if mix.right is None:
            raise SystemExit("nobody says which rows are right: leave out the row 'right answers alone'")
        return mix.select(torch.nonzero(mix.right).flatten().tolist())
    return {"mix": mix, "both": mix + target, "target": target}[way.learns]


def by_loop(network: Any, way: Way, train: Texts, target: Texts, job: Job, more: argparse.Namespace) -> Tensor | None:
    """A loop of one's own; returns each row's mean weight, (N,), of tokens the sum of theirs, NaN of rows not seen."""
    loss = causal_lm_loss if way.per == "example" else causal_lm_token_loss
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=more.lr, weight_decay=0.0)
    reweigher = Reweigher(
        network, loss, rule=way.rule(), clean=_on(target.whole, network), per=way.per, clean_batch_size=more.batch_size
    )
    sums, visits = torch.zeros(2, len(train.rows))
    draw = torch.Generator().manual_seed(job.seed)
    network.train()
    for _ in range(job.steps):
        places = torch.randint(len(train.rows), (more.batch_size,), generator=draw)
        optimizer.zero_grad()
        _, weights = reweigher.backward(_on(train.batch(places.tolist()), network))
        optimizer.step()
        sums.index_add_(0, places, weights.float().cpu().view(len(places), -1).sum(1))
        visits.index_add_(0, places, torch.ones(len(places)))
    return None if isinstance(reweigher.rule, Uniform) else sums / visits


def by_trl(network: Any, way: Way, train: Texts, target: Texts, job: Job, more: argparse.Namespace) -> None:
    """TRL's SFTTrainer; weights of its rows are not told."""
    import trl  # an extra of the recipe
    from datasets import Dataset

    from reweigh.hosts.transformers import ReweighTrainer

    class ReweighSFT(ReweighTrainer, trl.SFTTrainer):  # type: ignore[misc]
        """Supervised fine-tuning with weights."""

    def rows_of(texts: Texts) -> Dataset:
        both = [(row.ids, row.counts) for row in texts.rows]
        labels = [[i if c else IGNORED for i, c in zip(ids, counts, strict=True)] for ids, counts in both]
        return Dataset.from_dict({"input_ids": [ids for ids, _ in both], "labels": labels})

    loss = causal_lm_token_loss if way.per == "token" else None
    with tempfile.TemporaryDirectory() as folder:
        told = trl.SFTConfig(
            folder, per_device_train_batch_size=more.batch_size, learning_rate=more.lr, weight_decay=0.0, seed=job.seed,
            max_steps=job.steps, lr_scheduler_type="constant", report_to="none", disable_tqdm=True, save_strategy="no",
            use_cpu=next(network.parameters()).device.type == "cpu", logging_strategy="no", bf16=False, max_length=None,
            gradient_checkpointing=False,
        )  # fmt: skip
        trainer = ReweighSFT(
            model=network, args=told, train_dataset=rows_of(train), processing_class=more.tokenizer, rule=way.rule(),
            clean=rows_of(target), per_example_loss=loss, reweigh={"per": way.per, "clean_batch_size": more.batch_size},
        )  # fmt: skip
        trainer.train()


HOSTS = {"loop": by_loop, "trl": by_trl}


def _on(batch: Batch, network: nn.Module) -> Batch:
    device = next(network.parameters()).device
    return {name: values.to(device) for name, values in batch.items()}


@torch.no_grad()
def loss_on(network: nn.Module, texts: Texts, size: int) -> float:
    """In nats a token, of all tokens that count."""
    network.eval()
    summed = counted = 0.0
    for start in range(0, len(texts.rows), size):
        batch = texts.batch(range(start, min(start + size, len(texts.rows))))
        losses, counts = causal_lm_token_loss(network, _on(batch, network))
        summed, counted = summed + float(losses[counts].sum()), counted + int(counts.sum())
    return summed / counted


def run(job: Job, files: dict[str, Path], more: argparse.Namespace) -> dict[str, Any]:
    """A fresh adapter, trained and asked about new right answers."""
    way, began = ROWS[job.row], time.perf_counter()
    loaded = load(Named(f"hf:{files['model']}"), torch.device(more.device))
    more.tokenizer = loaded.encoder.tokenizer
    mix, target, test = (read(files[name], loaded) for name in ("mix", "target", "test"))
    torch.manual_seed(job.seed)
    adapter = LoraConfig(r=more.rank, lora_alpha=2 * more.rank, target_modules="all-linear", task_type="CAUSAL_LM")
    network = get_peft_model(loaded.network, adapter)
    before, train = loss_on(network, test, more.batch_size), learnt_from(way, mix, target)
    mean = HOSTS[job.host](network, way, train, target, job, more)
    return {
        **asdict(job),
        "loss": loss_on(network, test, more.batch_size),
        "before": before,
        "auroc": None if mean is None or mix.right is None else ranked(mean, mix.right),
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


if __name__ == "__main__":
    main()
