"""One loop by Python and with recorded passes: the same weights, in less time.

python -m examples.recorded              # operations made again one by one
python -m examples.recorded --compile    # and compiled, which takes a minute or more
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

from reweigh import L2RW, Reweigher


def make_model():
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
    return torch.nn.ModuleDict({
        "embed": torch.nn.Embedding(50, 16),
        "body": torch.nn.TransformerEncoder(layer, 3, enable_nested_tensor=False),
        "head": torch.nn.Linear(16, 2),
    })  # fmt: skip


def per_example_loss(model, batch):
    states = model["body"](model["embed"](batch["x"]))
    return F.cross_entropy(model["head"](states.mean(1)), batch["y"], reduction="none")


def make_batch(seed, size):
    draw = torch.Generator().manual_seed(seed)
    return {"x": torch.randint(50, (size, 8), generator=draw), "y": torch.randint(2, (size,), generator=draw)}


def train(capture, steps):
    """Milliseconds of a step once all has been checked and recorded, and the weights of the last batch; None is plain."""
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    clean = make_batch(-1, 4)
    reweigher = Reweigher(model, per_example_loss, rule=L2RW(), clean=[clean], capture=capture or "off")
    taken, weights = [], None
    for step in range(steps):
        batch, start = make_batch(step, 16), time.perf_counter()
        if capture is None:
            optimizer.zero_grad()
            per_example_loss(model, batch).mean().backward()
            optimizer.step()
        else:
            weights = reweigher.step(batch, optimizer).weights
        taken.append(1000 * (time.perf_counter() - start))
    if capture not in (None, "off"):
        print(reweigher.explain().splitlines()[-1])
    return statistics.median(taken[steps // 2 :]), weights


def main(arguments=None):
    parser = argparse.ArgumentParser(description="One loop by Python and with recorded passes.")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--compile", action="store_true", help="compile what was recorded, too")
    options = parser.parse_args(arguments)
    plain, _ = train(None, options.steps)
    by_python, weights = train("off", options.steps)
    print(f"plain {plain:.1f} ms, weighed by Python {by_python:.1f} ms ({by_python / plain:.1f})")
    for capture in ("replay", "compile") if options.compile else ("replay",):
        ms, others = train(capture, options.steps)
        torch.testing.assert_close(others, weights, rtol=1e-4, atol=1e-5)
        print(f"{capture}: {ms:.1f} ms ({ms / plain:.1f}), the same weights")


if __name__ == "__main__":
    main()
