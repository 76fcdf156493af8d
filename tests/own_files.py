"""Small data of people's own, one of each kind, with labels that are wrong and a part that was checked."""

import csv
import random
from pathlib import Path

import numpy as np
from PIL import Image

WORDS = {"sport": ["ball", "goal", "team", "match", "score"], "food": ["bread", "soup", "salt", "oven", "taste"]}


def write_csv(path, header, rows):
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def three_parts(folder, header, rows, spoil, end=".csv"):
    """noisy (its last cell spoilt for a third), checked and new, of rows drawn once."""
    noisy, checked, new = rows[:300], rows[300:360], rows[360:]
    spoilt = [spoil(row) if i % 3 == 0 else row for i, row in enumerate(noisy)]
    for name, part in (("noisy", spoilt), ("checked", checked), ("new", new)):
        write_csv(folder / f"{name}{end}", header, part)


def table(folder):
    """`buys` follows age and colour; a third of the noisy rows say yes."""
    draw, rows = random.Random(0), []
    for _ in range(400):
        age, colour = draw.uniform(18, 80), draw.choice(["red", "green", "=blue"])
        income = "" if draw.random() < 0.1 else f"{draw.gauss(30, 9):.2f}"
        rows.append([f"{age:.4f}", colour, income, "yes" if age > 50 and colour != "red" else "no"])
    three_parts(folder, ["age", "colour", "income", "buys"], rows, lambda row: [*row[:-1], "yes"])
    return ["--target", "buys"]


def regression(folder):
    """`price` is linear in size, with a step for a garden; a third of the noisy rows are far too high."""
    draw, rows = random.Random(1), []
    for _ in range(400):
        size, garden = draw.uniform(20, 200), draw.choice(["yes", "no"])
        rows.append(
            [f"{size:.4f}", garden, f"{2000 * size + (90_000 if garden == 'yes' else 0) + draw.gauss(0, 5000):.2f}"]
        )
    three_parts(folder, ["size", "garden", "price"], rows, lambda row: [*row[:-1], f"{float(row[-1]) + 600_000:.2f}"])
    return ["--target", "price"]


def multi_label(folder):
    """Tags that follow two numbers; a third of the noisy rows carry "warm"."""
    draw, rows = random.Random(2), []
    for _ in range(400):
        heat, light = draw.gauss(0, 1), draw.gauss(0, 1)
        tags = [name for name, there in (("warm", heat > 0), ("bright", light > 0)) if there]
        rows.append([f"{heat:.3f}", f"{light:.3f}", ";".join(tags)])
    spoil = lambda row: [*row[:-1], ";".join(sorted({*filter(None, row[-1].split(";")), "warm"}))]  # noqa: E731
    three_parts(folder, ["heat", "light", "tags"], rows, spoil)
    return ["--target", "tags", "--task", "multi-label"]


def text(folder):
    """Sentences of five words; a third of the noisy ones are said to be about sport."""
    draw, rows = random.Random(3), []
    for k in range(400):
        topic = draw.choice(list(WORDS))
        rows.append([f"t{k}", " ".join(draw.choices(WORDS[topic], k=5)) + " <script>", topic])
    three_parts(folder, ["key", "title", "topic"], rows, lambda row: [*row[:-1], "sport"])
    return ["--target", "topic", "--text", "title", "--id-column", "key"]


def images(folder):
    """12x12 pixels, bright at the left or at the right; a third of the noisy ones lie in the folder "left".

    They are learnt by a network of their size, since they are like nothing in ImageNet.
    """
    draw = np.random.default_rng(4)
    for part, count in (("noisy", 120), ("checked", 40), ("new", 20)):
        for k in range(count):
            side = ("left", "right")[k % 2]
            pixels = draw.integers(0, 90, (12, 12, 3), dtype=np.uint8)
            pixels[:, : 6 if side == "left" else None][:, -6:] += 120
            place = folder / part / ("left" if part == "noisy" and k % 3 == 0 else side)
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{k:03}.png")
    return ["--model", "lenet"]


def arrays(folder):
    """Six numbers a row; the class is the sign of the first."""
    draw = np.random.default_rng(5)
    for part, count in (("noisy", 300), ("checked", 60), ("new", 40)):
        x = draw.normal(size=(count, 6)).astype(np.float32)
        y = (x[:, 0] > 0).astype(np.int64)
        if part == "noisy":
            y[::3] = 1
        np.savez(folder / f"{part}.npz", x=x, y=y)
    return []


KINDS = {
    "table": (table, ".csv"), "regression": (regression, ".csv"), "multi-label": (multi_label, ".csv"),
    "text": (text, ".csv"), "images": (images, ""), "arrays": (arrays, ".npz"),
}  # fmt: skip


def command(kind, folder, output, *more):
    """`reweigh train` on data of that kind, which are written into `folder`, with L2RW and no more than that."""
    return bare(kind, folder, output, "--rule", "l2rw", "--quick", *more)


def bare(kind, folder, output, *more):
    """The same with the rule that is usual."""
    make, end = KINDS[kind]
    folder.mkdir(parents=True, exist_ok=True)
    options = make(folder)
    said = ["train", "--train", f"{folder}/noisy{end}", "--clean", f"{folder}/checked{end}", *options]
    return [*said, "--output", str(output), *more]
