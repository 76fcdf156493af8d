"""`reweigh score` and `reweigh select`: a data set scored by a language model, and what of it is worth keeping."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from reweigh.cli.live import Line, Screen
from reweigh.cli.options import Flag
from reweigh.cli.show import console, console_for
from reweigh.cli.voice import ALOUD, Answer, Voice
from reweigh.printable import printable
from reweigh.run.together import together
from reweigh.scoring import FORMATS
from reweigh.scoring import score as score_data
from reweigh.scoring import select as select_rows
from reweigh.scoring.engines import ENGINES
from reweigh.scoring.model import PRECISIONS
from reweigh.scoring.plan import PRECONDITIONS
from reweigh.scoring.scorer import ALIGNMENT, BY, REPRESENTATION
from reweigh.storage import home
from reweigh.words import sentence

By: TypeAlias = Literal[tuple(BY)]  # type: ignore[valid-type]
Score: TypeAlias = Literal[(ALIGNMENT, REPRESENTATION)]  # type: ignore[valid-type]
Precondition: TypeAlias = Literal[PRECONDITIONS]  # type: ignore[valid-type]
Precision: TypeAlias = Literal[tuple(PRECISIONS)]  # type: ignore[valid-type]
Engine: TypeAlias = Literal[tuple(ENGINES)]  # type: ignore[valid-type]
Format: TypeAlias = Literal[tuple(name for name in FORMATS if name != "own")]  # type: ignore[valid-type]


def score(
    data: str,
    /,
    *,
    model: str,
    target: str,
    output: Path = Path("scores.parquet"),
    by: By = "both",
    adapter: str | None = None,
    text: str | None = None,
    prompt: str | None = None,
    response: str | None = None,
    messages: str | None = None,
    id: Annotated[str | None, Parameter(name="--id-column")] = None,
    layers: str = "body",
    precondition: Precondition = "none",
    optimizer: Path | None = None,
    max_length: int | None = None,
    batch_size: int = 16,
    precision: Precision = "fp32",
    device: str = "auto",
    engine: Engine = "torch",
    workers: int | None = None,
    resume: Flag = False,
    overwrite: Flag = False,
    voice: Voice = ALOUD,
) -> Answer | None:
    """Score texts by how much a language model learns from each for a small target set.

    Example: reweigh score data/ --model hf:gpt2 --target checked.jsonl

    Each row gets its loss, its alignment with the gradient of the target set, and how near its hidden states lie to
    the target's. Scoring that was stopped goes on with --resume, file by file. Start it by torchrun for several
    processes.

    Args:
        data: Parquet or JSON lines: a file, a pattern in quotes, or a folder.
        model: hf:NAME_OR_FOLDER, a causal language model of Hugging Face.
        target: The target set, in the same form.
        output: The file of scores.
        by: The scores: alignment, representation (no backward pass) or both.
        adapter: A LoRA adapter on the model, by peft: alignments are over it alone.
        text: The column of texts, where it is not called text.
        prompt: The column of prompts, with --response, of which the latter count.
        response: The column of responses.
        messages: The column of conversations, where what the assistant says counts.
        id: The column that rows are called by, where it is not called id.
        layers: Whose parameters take part in alignments: body (all but embeddings), all, or a pattern of names.
        precondition: Divide the target's gradient as Adam would: none, adam (by --optimizer), or target (by its own
            second moments).
        optimizer: The state of an Adam, as the Trainer's optimizer.pt.
        max_length: Tokens a row; what the model takes if left out, 1024 at most.
        batch_size: Rows a batch.
        precision: fp32 or bf16.
        device: auto, cpu, cuda and the like.
        engine: Who does the work: torch (this process, or all that torchrun started), or ray.
        workers: How many actors of ray.
        resume: Go on with scores that were begun.
        overwrite: Replace the file of scores.
    """
    with together() as is_main, console_for(is_main), Line() as line:
        found = score_data(
            data, model=model, target=target, output=output, by=by, adapter=adapter, text=text, prompt=prompt,
            response=response, messages=messages, id=id, layers=None if layers == "all" else layers,
            precondition=precondition, optimizer=None if optimizer is None else str(optimizer), max_length=max_length,
            batch_size=batch_size, precision=precision, device=device, engine=engine, workers=workers, resume=resume,
            overwrite=overwrite, watcher=Screen(line),
        )  # fmt: skip
        if not is_main:
            return None
    console.print(f"{sentence(found.sentence())[:-1]}: {printable(found.path)}", soft_wrap=True)
    command = f"reweigh select {printable(found.path)} --keep 0.3 --output kept"
    console.print(f"Next: {command}", soft_wrap=True)
    content = {"output": str(found.path), "rows": found.rows, "done": found.done, "empty": found.empty}
    return Answer(printable(found.path), {**content, "scores": list(found.scores), "next": [command]})


def select(
    scores: Path,
    /,
    *,
    keep: str | None = None,
    by: Score | None = None,
    output: Path = Path("kept"),
    weights: Flag = False,
    format: Format | None = None,
    column: str = "weight",
    data: str | None = None,
    overwrite: Flag = False,
    voice: Voice = ALOUD,
) -> Answer:
    """Keep the scored rows that help most, or give all of them a weight.

    Example: reweigh select scores.parquet --keep 0.3 --output kept

    Kept rows are written as they stand in their files. With --weights all rows are, each with a weight, their mean
    one: alike for rows that --keep keeps and zero for others, or the score where it is above zero.

    Args:
        scores: The file that `reweigh score` wrote.
        keep: A share of the rows, as 0.3 or 30%, or a number of them, as 1000.
        by: alignment or representation; the former if both are there.
        output: The folder to write.
        weights: Write all rows with their weights.
        format: For a program: ms-swift, llama-factory, trl or marian; or all rows in one file, jsonl or parquet.
        column: What weights are called, where the program does not say.
        data: Where the scored files lie now, if they have moved.
        overwrite: Replace an earlier selection.
    """
    found = select_rows(
        scores, keep=keep, by=by, output=output, weights=weights, format=format, column=column, data=data,
        overwrite=overwrite,
    )  # fmt: skip
    console.print(f"{sentence(found.sentence())[:-1]}: {printable(home(found.path))}", soft_wrap=True)
    if found.step:
        console.print(f"To use them: {printable(found.step)}.", soft_wrap=True)
    content = {"rows": found.rows, "kept": found.kept, "by": found.by, "step": found.step or None}
    return Answer(printable(found.path), {"output": str(found.path), "files": list(found.files), **content})
