"""A job trained while its run's folder is kept: what is saved at each epoch, and what is said where it stops.

Of several processes the main one writes and speaks; the others train along, and hand over what only they have.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch

from reweigh.digests import Digests
from reweigh.errors import ReweighError
from reweigh.ledger import Ledger
from reweigh.run import Callback, Step
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.checkpoint import checkpoint_bytes
from reweigh.run.folder.named_again import resume_command
from reweigh.run.folder.run_folder import RunFolder, line_bytes
from reweigh.run.interrupt import CtrlC
from reweigh.run.job.job import Job
from reweigh.run.job.loop import Notes, train_along
from reweigh.run.results import write_results
from reweigh.run.watcher import Plan, Watcher


class Interrupted(Exception):
    """The user stopped the run (ctrl-C); what was saved is complete, and the text says how to go on."""


class _Saving(Callback):
    """Shows the watcher every step and epoch, and saves: the lines of metrics first, then the checkpoint."""

    def __init__(
        self,
        job: Job,
        folder: RunFolder,
        digests: Digests,
        lines: list[dict[str, Any]],
        watcher: Watcher,
        ctrl_c: CtrlC,
    ) -> None:
        self._job, self._folder, self._digests, self._lines = job, folder, digests, lines
        self._watcher, self._ctrl_c, self.kept = watcher, ctrl_c, job.epochs_done

    def on_step(self, step: Step) -> None:
        self._watcher.step(step.done)
        self._ctrl_c.check()

    def on_epoch(self, line: dict[str, Any]) -> None:
        job = self._job
        self._lines.append(line)
        self._watcher.epoch(line)
        if job.epochs_done % job.config.run.checkpoint_every == 0 or job.epochs_done == job.epochs:
            self._save()

    def on_end(self) -> None:
        if self._job.epochs_done < self._job.epochs and not self._job.stopped:
            self._job.stopped = True
            self._save()

    def _save(self) -> None:
        state = self._job.state_dict()
        if self._job.world.is_main:
            self._digests.write(self._folder / files.METRICS, line_bytes(self._lines))
            self._digests.write(self._folder / files.CHECKPOINT, checkpoint_bytes(state))
        self.kept = self._job.epochs_done


def carry_on(
    job: Job,
    folder: RunFolder,
    digests: Digests,
    mark: str,
    lines: list[dict[str, Any]],
    watcher: Watcher,
    callbacks: Sequence[Callback],
) -> dict[str, Any]:
    """Train to the end and write what came out; returns the summary. `lines` are those of the epochs that are done.

    Raises:
        Interrupted: on ctrl-C.
        ReweighError: as training does, with what was saved.
    """
    ctrl_c, is_main = CtrlC(), job.world.is_main
    saving = _Saving(job, folder, digests, lines, watcher, ctrl_c)
    try:
        ledger = _ledger(folder, saving.kept, mark, digests) if job.config.run.ledger and is_main else None
        with ctrl_c if is_main else nullcontext():
            watcher.started(_plan(job))
            train_along(job, Notes(job, ledger), callbacks, [saving])
            summary = write_results(job, folder, lines, digests) if is_main else {}
        if ctrl_c.asked:
            raise Interrupted(f"stopped; the run in {folder.path} is complete")
        return summary
    except KeyboardInterrupt as stopped:
        raise _interrupted(job, folder, saving.kept) from stopped
    except ReweighError as failed:
        if ctrl_c.asked:
            raise _interrupted(job, folder, saving.kept) from failed
        if saving.kept == 0:
            raise
        raise type(failed)(f"{failed} ({_epochs(saving.kept)} of {job.epochs} saved in {folder.path})") from failed
    except RuntimeError as failed:
        if not ctrl_c.asked:
            raise
        raise _interrupted(job, folder, saving.kept) from failed  # the other processes have left already


def _interrupted(job: Job, folder: RunFolder, kept: int) -> Interrupted:
    again = resume_command(folder.path, job.config.named_code, job.world.size)
    return Interrupted(f"stopped; {_epochs(kept)} of {job.epochs} saved in {folder.path}: go on with `{again}`")


def _plan(job: Job) -> Plan:
    data, config = job.data, job.config
    kept = int(torch.isin(data.train.ids, data.clean.ids).sum())
    return Plan(
        data=config.data.name,
        given=len(data.train) - kept,
        kept=kept,
        clean=len(data.clean),
        test=len(data.test),
        wrong=None if data.truth is None else int(data.truth.sum()),
        model=config.student.model,
        rule=config.weights.rule,
        steps=job.steps,
        epochs=job.epochs,
        done=job.epochs_done * job.steps_an_epoch,
        score=job.task.score,
    )


def _ledger(folder: RunFolder, kept: int, mark: str, digests: Digests) -> Ledger:
    """The ledger, to be gone on with; the parts that are kept are as they were written."""
    ledger = Ledger(folder / files.LEDGER, epochs_done=kept, run=mark, digests=digests)
    if kept:
        for _ in Ledger.read(folder / files.LEDGER, digests):
            pass
    return ledger


def _epochs(count: int) -> str:
    return "no epoch" if count == 0 else "epoch 1" if count == 1 else f"epochs 1 to {count}"
