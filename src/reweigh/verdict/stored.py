"""The verdict in a run's folder: worked out once, kept as `verdict.json` beside the run's other files."""

from pathlib import Path

from reweigh.run.finished import FinishedRun, audited_data, open_run, trained_model
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.run_folder import RunFolder, json_bytes
from reweigh.run.job.evaluate import finite, outputs_on
from reweigh.run.job.prepare import with_held_back
from reweigh.run.world import usable_device
from reweigh.strict_json import check_kind, parse_object
from reweigh.verdict.compare import Note, compare
from reweigh.verdict.verdict import Verdict

_GAP = {"value": float, "margin": float | None, "count": int}
_KIND = {
    "measure": str, "score": float, "examples": str, "sentence": str,
    "rivals": [{"words": str, "score": float, "difference": _GAP}],
}  # fmt: skip


def verdict_of(
    path: Path | str,
    *,
    data_root: Path | str | None = None,
    model: str | None = None,
    task: str | None = None,
    note: Note = lambda sentence: None,
) -> Verdict:
    """The verdict on a finished run, which is read where it was worked out before, else worked out and kept.

    Args:
        path: the run's folder.
        data_root, model, task: as `open_run` takes them.
        note: told of each other way that is tried.

    Raises:
        BadInput: if the run is missing, not finished or damaged, or its data have changed.
    """
    run = open_run(path, data_root, model, task)
    found = read_verdict(run)
    if found is not None:
        return found
    data = with_held_back(run.config, audited_data(run))
    shape, outputs = tuple(data.train.x.shape[1:]), data.train.task.outputs
    device = usable_device(run.config.run.device)
    ours = trained_model(run, shape, outputs, data.encoding).to(device)
    found = compare(run.config, data, finite(outputs_on(ours, data.test, device)), note)
    folder = RunFolder(run.path)
    with folder.locked():
        run.digests.write(folder / files.VERDICT, json_bytes(found.as_json()))
    return found


def read_verdict(run: FinishedRun) -> Verdict | None:
    """The verdict that stands in a run's folder; None where there is none.

    Raises:
        BadInput: if it is damaged or was edited.
    """
    path = run.path / files.VERDICT
    if not path.exists():
        return None
    content = run.digests.read(path, files.LARGEST_JSON)
    found = parse_object(content, path)
    run.digests.check(path, content)
    check_kind(found, _KIND, path)
    return Verdict.from_json(found)
