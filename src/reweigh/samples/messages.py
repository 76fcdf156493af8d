"""Texts: what customers might write to a shop, made from parts of sentences, by the department that should read them.

A quarter of the training labels are wrong; `messages-truth.csv` tells which.
"""

import random
from pathlib import Path

from reweigh.samples.sample import Sample, mislabelled, row_name, write_csv

WRONG, LEARNT, CHECKED, TESTED, NEW = 0.25, 400, 60, 120, 30
_PARTS = {
    "delivery": (
        ("The parcel", "My order", "The courier", "The box with the {thing}"),
        ("has not arrived", "came to the wrong address", "is three days late", "was left in the rain", "cannot be tracked"),
        ("Where is it now?", "When will it come?", "Please ask the driver.", "Nobody rang the bell."),
    ),
    "payment": (
        ("The invoice", "My card", "The price of the {thing}", "The voucher"),
        ("was charged twice", "is not accepted", "shows the wrong sum", "still waits for approval", "lacks the tax"),
        ("Please correct the bill.", "I want my money back.", "Can I pay later?", "The bank says it is fine."),
    ),
    "returns": (
        ("The {thing}", "One of the two", "What I bought", "This {thing}"),
        ("does not fit", "broke on the first day", "has a scratch", "is not what I ordered", "makes a strange noise"),
        ("I would like to exchange it.", "How do I send it back?", "Is it under warranty?", "Please send another."),
    ),
}  # fmt: skip
_THINGS = ("lamp", "kettle", "jacket", "chair", "radio", "bicycle pump")
_OPENINGS = ("", "Hello, ", "Dear team, ", "Good morning. ", "Again: ")


def write_messages(folder: Path) -> None:
    """`messages.csv` to learn from, `messages-checked.csv`, `messages-test.csv`, `messages-new.csv` without labels."""
    draw = random.Random(0)
    made: dict[str, str] = {}  # no text twice
    while len(made) < LEARNT + CHECKED + TESTED + NEW:
        department = draw.choice(list(_PARTS))
        made.setdefault(_message(department, draw), department)
    rows = list(made.items())
    for name, count in (("messages-checked", CHECKED), ("messages-test", TESTED)):
        write_csv(folder / f"{name}.csv", ["text", "department"], rows[:count])
        rows = rows[count:]
    write_csv(folder / "messages-new.csv", ["text"], [[text] for text, _ in rows[:NEW]])
    rows = rows[NEW:]
    truth = [label for _, label in rows]
    given = mislabelled(truth, WRONG, draw)
    write_csv(
        folder / "messages.csv",
        ["text", "department"],
        [[text, label] for (text, _), label in zip(rows, given, strict=True)],
    )
    write_csv(folder / "messages-truth.csv", ["id", "label"], [[row_name(k), label] for k, label in enumerate(truth)])


def _message(department: str, draw: random.Random) -> str:
    subject, trouble, wish = map(draw.choice, _PARTS[department])
    if draw.random() < 0.3:  # what all departments hear, so that a single word does not tell
        wish = draw.choice(("Please help.", "I am waiting for an answer.", "Thank you."))
    subject = subject.format(thing=draw.choice(_THINGS))
    return f"{draw.choice(_OPENINGS)}{subject} {trouble}. {wish}"


MESSAGES = Sample(
    "texts with a department each (messages.csv, messages-checked.csv, messages-test.csv, messages-new.csv)",
    write_messages,
    (
        "reweigh train --train messages.csv --clean messages-checked.csv --text text --target department "
        "--output runs/texts",
        "reweigh review runs/texts",
        "reweigh predict runs/texts messages-new.csv --output departments.csv",
    ),
)
