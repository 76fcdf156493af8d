"""`reweigh demo`."""

import itertools
import shlex
import time
from dataclasses import asdict
from pathlib import Path

from reweigh.cli.live import Line
from reweigh.cli.options import Flag
from reweigh.cli.show import console, demo_table
from reweigh.cli.voice import ALOUD, Answer, Voice
from reweigh.printable import printable
from reweigh.run.demo import (
    METHODS,
    OURS,
    PLAIN,
    SHOWN,
    STEPS,
    Method,
    Row,
    run_demo,
    table,
    write_demo,
    wrong_among_shown,
)
from reweigh.run.folder.run_folder import make_folder
from reweigh.samples import SAMPLES, write_samples
from reweigh.storage import home

QUICK_STEPS = 60


def demo(
    *,
    seeds: int = 5,
    output: Path = Path("reweigh-demo"),
    quick: Flag = False,
    files: Path | None = None,
    voice: Voice = ALOUD,
) -> Answer:
    """Train on digits of which 40 % are mislabelled, in five ways, and compare. About a minute, no download.

    1,341 handwritten digits to learn from, 40 % of which get one same wrong label, and 10 checked images a class. Plain
    training, the clean images alone, random weights and L2RW all train the same network on the same schedule.

    Args:
        seeds: Train each method so many times, from different seeds.
        output: The folder for the pictures and numbers.
        quick: A few steps only: to see that it runs.
        files: Train nothing, and write sample files for the commands of the documentation to this new folder.
    """
    if files is not None:
        return _write_files(home(files))
    output = home(output)
    steps, started = QUICK_STEPS if quick else STEPS, time.perf_counter()
    make_folder(output)  # refused now rather than after a minute of work
    console.print("Digits, 40 % of the labels flipped to one class, 10 clean images a class.")
    console.print(f"{len(METHODS)} ways to train, {seeds} seeds, {steps} steps each.\n")
    done = itertools.count(1)
    with Line() as line:
        line.begin("training", max(seeds, 1) * len(METHODS) * steps)

        def on_step(method: Method, seed: int) -> None:
            line.show(f"seed {seed}: {method.name:<{_NAMES}}")
            line.step(next(done))

        outcomes = run_demo(seeds, steps=steps, on_step=on_step)
    rows, written = table(outcomes), write_demo(outcomes, output)
    console.print(demo_table(rows, seeds))
    console.print(_verdict(rows))
    found = wrong_among_shown(outcomes)
    console.print(f"Of the {SHOWN} images that L2RW distrusts most, {found} are really mislabelled.")
    console.print(f"\nDone in {time.perf_counter() - started:.0f} seconds. Look at:")
    for file in written:
        console.print(f"  {printable(file)}", soft_wrap=True)
    console.print("\nThe same at full size:")
    console.print(f"  {_FULL}")
    content = {"methods": [asdict(row) for row in rows], "files": [str(file) for file in written], "next": [_FULL]}
    return Answer(_verdict(rows), content)


def _write_files(folder: Path) -> Answer:
    write_samples(folder)
    console.print(f"Sample files for every command of the documentation are in {printable(folder)}.", soft_wrap=True)
    console.print("Go there, and paste:\n")
    console.print(f"cd {shlex.quote(str(folder))}", soft_wrap=True)
    for sample in SAMPLES:
        console.print(f"\n# {sample.title}", soft_wrap=True)
        for command in sample.commands:
            console.print(command, soft_wrap=True)
    commands = [command for sample in SAMPLES for command in sample.commands]
    return Answer(str(folder), {"folder": str(folder), "next": commands})


_FULL = "reweigh train --dataset mnist --noise background:0.4 --output runs/mnist"
_NAMES = max(len(method.name) for method in METHODS)


def _verdict(rows: list[Row]) -> str:
    by_name = {row.name: row for row in rows}
    gain = 100 * (by_name[OURS.name].accuracy - by_name[PLAIN.name].accuracy)
    return f"L2RW is {abs(gain):.1f} points {'above' if gain >= 0 else 'below'} plain training."
