"""`score(...)`: a data set scored in one pass, and the file of scores."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reweigh import distributed
from reweigh.arrow import parquet
from reweigh.errors import BadInput
from reweigh.run.together import restarted
from reweigh.run.watcher import SILENT, Watcher
from reweigh.run.world import World
from reweigh.scoring.engines import ENGINES
from reweigh.scoring.files import Shard, digest_of, find_shards
from reweigh.scoring.model import Loaded, load
from reweigh.scoring.model import Named as NamedModel
from reweigh.scoring.parts import Parts, check_same, mark_in, parts_of
from reweigh.scoring.plan import How, Plan
from reweigh.scoring.preconditioner import as_adam_applies
from reweigh.scoring.scorer import Target
from reweigh.scoring.target import target_of
from reweigh.scoring.texts import Columns, Encoded, columns_again, columns_of, spoken
from reweigh.scoring.texts import Named as NamedColumns
from reweigh.scoring.worker import TARGET, target_content, windows_of
from reweigh.storage import home, make_folder, write_bytes
from reweigh.tables import check_free
from reweigh.words import counted, meant


@dataclass(frozen=True)
class Scored:
    """A file of scores.

    Attributes:
        path: where it is.
        rows: how many there are.
        done: how many were scored now; the others were before.
        empty: rows of which no token counts, which have no scores.
        scores: the columns of scores.
    """

    path: Path
    rows: int
    done: int
    empty: int
    scores: tuple[str, ...]

    def sentence(self) -> str:
        """What there is now."""
        before = "" if self.done == self.rows else f", {self.rows - self.done:,} of them before"
        left = f"; {counted(self.empty, 'row')} without a token that counts {'has' if self.empty == 1 else 'have'} none"
        return f"{counted(self.rows, 'row')} scored by {' and '.join(self.scores)}{before}{left if self.empty else ''}"


def score(
    data: Path | str,
    *,
    model: str,
    target: Path | str,
    output: Path | str = "scores.parquet",
    by: str = "both",
    adapter: str | None = None,
    text: str | None = None,
    prompt: str | None = None,
    response: str | None = None,
    messages: str | None = None,
    id: str | None = None,
    layers: str | None = "body",
    precondition: str = "none",
    optimizer: str | None = None,
    max_length: int | None = None,
    batch_size: int = 16,
    precision: str = "fp32",
    device: str = "auto",
    engine: str = "torch",
    workers: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    watcher: Watcher = SILENT,
) -> Scored:
    """Score each row of a data set by how it lies to a small target set, in one pass with a causal language model.

    Of each row three numbers: its loss; its alignment ⟨∇ℓ_i, v⟩ with the gradient v of the target set's mean loss
    (greater: a step on it lowers the target's loss more); and the cosine of its hidden states, position-weighted means
    (`representation.py`), with the target set's. Rows of which no token counts have none.

    Args:
        data: Parquet or JSON lines: a file, a pattern or a folder; each file is a shard.
        model: "hf:" and the folder or name of a causal language model of Hugging Face.
        target: the target set, as `data`, in the same columns.
        output: the file of scores, Parquet.
        by: "alignment", "representation" (no backward pass) or "both".
        adapter: the folder or name of an adapter (peft) on the model; alignments are then over its parameters alone.
        text, prompt, response, messages: the columns that texts are in; found by the usual names if left out.
        id: the column that rows are called by; one of that name if left out, else FILE:ROW.
        layers: the submodules whose parameters take part in alignments, "body" for all but embeddings and what is
            tied to them, None for all.
        precondition: "adam" applies v as the Adam would whose state is in `optimizer`; "target" divides it by the root
            of the target rows' second moments.
        optimizer: that file.
        max_length: of longer rows so many tokens are taken; what the model takes if left out, 1,024 at most.
        batch_size: rows a batch.
        precision: "fp32" or "bf16".
        device: "auto", "cpu", "cuda" and the like.
        engine: "torch", this process or all that torchrun has started; "ray", by actors of Ray Data.
        workers: how many actors; as many as the machine has GPUs, or one, if left out.
        resume: go on with scores that were begun: shards that are done stay.
        overwrite: replace the file of scores, and what was begun of it.
        watcher: who looks on.

    Raises:
        BadInput: in one sentence, for data, a target, a model or settings that cannot be used, or that are not those
            that the scores were begun with.
        NonFinite: if a number of a row is not finite, with ids.
        MissingExtra: if a library is not installed.
    """
    named = NamedColumns(text, prompt, response, messages, id)
    how = How(by, layers, precondition, None if optimizer is None else str(optimizer), batch_size, device)
    which = NamedModel(model, adapter, precision, max_length)
    if engine not in ENGINES:
        raise BadInput(f"there is no engine {engine!r} to score by: {meant(engine, list(ENGINES))}")
    if resume and overwrite:
        raise BadInput("--resume and --overwrite contradict each other: give one of them")
    world, place = World.here(device), home(output)
    resume = resume or restarted()
    ENGINES[engine].check(world, workers)
    world.on_main(lambda: _check_output(place, resume=resume, overwrite=overwrite))
    with distributed.alone():  # each process computes by itself
        loaded = load(which, world.device)
    plan = world.on_main(lambda: _planned(loaded, which, how, named, data, target, place))
    if world.is_main:
        watcher.note(spoken(plan.columns, plan.shards, plan.id))
    todo = world.on_main(lambda: _begin(plan, loaded, target, place, resume=resume, watcher=watcher))
    watcher.phase("scoring", steps=sum(plan.shards[number].rows for number in todo))
    done = ENGINES[engine].score(plan, loaded, todo, world, workers, watcher)
    return world.on_main(lambda: _finished(plan, place, done))


def _check_output(place: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse what cannot be written, before any work is done."""
    if place.suffix.lower() != ".parquet":
        raise BadInput(
            f"{place} does not end in .parquet: scores are written as Parquet, so name the file so by --output"
        )
    if not resume:
        check_free(place, overwrite=overwrite)
    if (parts_of(place) / TARGET).exists() and not (resume or overwrite):
        raise BadInput(f"{place} was begun and is not complete: go on with --resume, or begin anew with --overwrite")
    make_folder(place.parent)


def _planned(
    loaded: Loaded, which: NamedModel, how: How, named: NamedColumns, data: Path | str, target: Path | str, place: Path
) -> Plan:
    """The work, with what every worker is to know of it; nothing is written yet."""
    shards = [shard for shard in find_shards(data) if shard.path != place.resolve()]  # which may lie among them
    columns = columns_of(shards, named)
    id_ = named.id or _usual_id(shards)
    rows, seen = find_shards(target), hashlib.sha256()
    of_target = columns_of(rows, replace(named, id=None))
    for window in _encoded(loaded, rows, of_target):
        seen.update(json.dumps(window).encode())
    settings = {
        "by": how.by, "layers": how.layers, "precondition": how.precondition,
        "optimizer": None if how.optimizer is None else digest_of(home(how.optimizer)),
        "precision": which.precision, "max_length": loaded.encoder.longest,
        "columns": [columns.kind, *columns.names], "id": id_,
    }  # fmt: skip
    mark = {
        "model": {"name": which.model, "adapter": which.adapter, "digest": loaded.digest},
        "target": {"name": str(target), "digest": seen.hexdigest(), "columns": [of_target.kind, *of_target.names]},
        "settings": settings,
        "shards": [shard.as_json() for shard in shards],
    }
    return Plan(which, how, tuple(shards), columns, id_, parts_of(place), mark)


def _begin(plan: Plan, loaded: Loaded, target: Path | str, place: Path, *, resume: bool, watcher: Watcher) -> list[int]:
    """The folder of parts with the target in it, and the shards that are to be done."""
    parts = Parts(plan.folder, plan.mark, plan.how.scores)
    begun = (plan.folder / TARGET).exists()
    if resume and place.exists() and not begun:
        check_same(mark_in(place), plan.mark, str(place))
        return []
    if resume and begun:
        parts.go_on(str(place))
    else:
        watcher.phase("the target set")
        found = _target(plan, loaded, target)
        parts.begin()
        write_bytes(plan.folder / TARGET, target_content(found))
    return parts.undone(plan.shards)


def _target(plan: Plan, loaded: Loaded, target: Path | str) -> Target:
    how, (kind, *names) = plan.how, plan.mark["target"]["columns"]
    windows = _encoded(loaded, find_shards(target), columns_again(kind, names))
    found = target_of(loaded, windows, how.scores, how.layers, how.batch_size, own=how.precondition == "target")
    if how.optimizer is None or found.direction is None:
        return found
    return found._replace(direction=as_adam_applies(found.direction, loaded.network, how.optimizer))


def _encoded(loaded: Loaded, shards: Sequence[Shard], columns: Columns) -> Iterator[list[Encoded]]:
    for shard in shards:
        for window in windows_of(shard, columns, loaded.encoder, None):
            yield window.rows


def _usual_id(shards: Sequence[Shard]) -> str | None:
    return "id" if all("id" in shard.columns for shard in shards if shard.rows) else None


def _finished(plan: Plan, place: Path, done: int) -> Scored:
    """All parts joined, where they are not yet."""
    if (plan.folder / TARGET).exists():
        Parts(plan.folder, plan.mark, plan.how.scores).join(range(len(plan.shards)), place)
    return Scored(place, sum(shard.rows for shard in plan.shards), done, _nulls(place), tuple(plan.how.scores))


def _nulls(place: Path) -> int:
    """How many rows have no scores, as the file's own statistics tell."""
    with parquet.ParquetFile(place) as file:
        column = file.schema_arrow.names.index("loss")
        groups = (file.metadata.row_group(number) for number in range(file.num_row_groups))
        return sum(group.column(column).statistics.null_count for group in groups if group.num_rows)
