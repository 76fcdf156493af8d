"""Peak memory of a step under `fully_shard`: reweigh's beside FSDP2's own plain step, on one of the ranks.

    python -m benchmarks.fsdp_memory [--ranks 2]

A Transformer language model, each of its blocks and the whole under `fully_shard`, trained by AdamW on ranks of this machine
(gloo). Measured is the resident set of a rank, a process of its own (`benchmarks/memory.py`), over that before the model is
made and after a small one was trained likewise: parameters, what the optimizer holds, gradients, what the graph keeps, what
is gathered, and what operations and messages need for a moment. The peak is that of a step when all states are there. Two
shapes: one in which what the graph keeps is most of it, one in which parameters are. (PyTorch's profiler is no use here: it
misses what gloo's threads free.)
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn
from torch.distributed.fsdp import fully_shard

from benchmarks.memory import CLEAR, measurable, read_status, settle
from reweigh import L2RW, Learning, MetaWeightNet, Reweigher

BAR = 1.3


class Shape(NamedTuple):
    """A model and its batches; B and M are each rank's."""

    name: str
    width: int
    layers: int
    words: int
    length: int
    batch: int
    clean: int


SHAPES = (
    Shape("mostly activations", 128, 6, 1000, 64, 16, 4),
    Shape("mostly parameters", 384, 6, 2000, 32, 4, 2),
)
SMALL = Shape("small", 16, 2, 10, 8, 2, 2)
HOW: dict[str, Callable[[Any], dict[str, Any]] | None] = {
    "plain step": None,
    "L2RW": lambda optimizer: {"rule": L2RW()},
    "Meta-Weight-Net, K = 1": lambda optimizer: {"rule": MetaWeightNet(), "optimizer": optimizer},
    "Meta-Weight-Net, K = 2": lambda optimizer: {
        "rule": MetaWeightNet(), "optimizer": optimizer, "learning": Learning(horizon=2, every=1)
    },
}  # fmt: skip


class Model(nn.Module):
    """Words to the next ones."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.words, shape.width)
        self.places = nn.Parameter(torch.randn(shape.length, shape.width) / 50)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(shape.width, 4, 4 * shape.width, 0.0, batch_first=True, norm_first=True)
            for _ in range(shape.layers)
        )
        self.head = nn.Linear(shape.width, shape.words)

    def forward(self, words: Tensor) -> Tensor:
        """(B, T) to (B, T, words)."""
        x = self.words(words) + self.places
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.head(x)
        return out


def losses(model: nn.Module, batch: Tensor) -> Tensor:
    """(B,), the mean over the words of each."""
    return F.cross_entropy(model(batch[:, :-1]).mT, batch[:, 1:], reduction="none").mean(1)


def on_rank(rank: int, ranks: int, shape: Shape, how: str, folder: str) -> None:
    """One process: the peak of its last step, in bytes, goes to a file."""
    torch.set_num_threads(1)
    store = distributed.FileStore(f"{folder}/store", ranks)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=ranks)
    peak_of_a_step(rank, SMALL, how, warm_up=2)  # what libraries allocate once
    settle()
    baseline = read_status("VmRSS")
    torch.save(peak_of_a_step(rank, shape, how, warm_up=4) - baseline, f"{folder}/{rank}.pt")


def peak_of_a_step(rank: int, shape: Shape, how: str, warm_up: int) -> int:
    """The largest resident set during a step after some; the fifth is none at which engines are checked."""
    torch.manual_seed(0)
    model = Model(shape)
    for part in (*model.blocks, model):
        fully_shard(part)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    torch.manual_seed(rank)
    clean, train = (torch.randint(shape.words, (size, shape.length + 1)) for size in (shape.clean, shape.batch))
    options = HOW[how]
    by_rule = None if options is None else Reweigher(model, losses, clean=[clean], **options(optimizer))
    for step in range(warm_up + 1):
        if step == warm_up:
            settle()
            CLEAR.write_text("5")
        optimizer.zero_grad()
        if by_rule is None:
            losses(model, train).mean().backward()
        else:
            by_rule.backward(train)
        optimizer.step()
        if by_rule is not None:
            by_rule.after_step()
    return read_status("VmHWM")


def peak(ranks: int, shape: Shape, how: str) -> int:
    """Of the rank that needs the most."""
    os.environ["MALLOC_MMAP_THRESHOLD_"] = os.environ["MALLOC_TRIM_THRESHOLD_"] = str(64 * 1024)
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(on_rank, (ranks, shape, how, folder), nprocs=ranks)
        return max(torch.load(f"{folder}/{rank}.pt") for rank in range(ranks))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    options = parser.parse_args()
    if not measurable():
        raise SystemExit("this machine does not say how large a process has been: run it on Linux")
    print(f"| {options.ranks} ranks | peak MB of a rank | of the plain step |", "|---|---|---|", sep="\n")
    for shape in SHAPES:
        plain = 0
        for how in HOW:
            found = peak(options.ranks, shape, how)
            plain = plain or found
            print(f"| {shape.name}: {how} | {found / 1e6:.1f} | {found / plain:.2f} |", flush=True)
    print(f"\nthe bar is {BAR}")


if __name__ == "__main__":
    main()
