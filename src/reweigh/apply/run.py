"""`reweigh apply`, as the command line and `Run.apply` call it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reweigh.apply.apply import Applied, apply_decisions
from reweigh.apply.auto import SURE, decided
from reweigh.apply.decisions import OPEN, Decision, read_decisions
from reweigh.apply.subject import subject_of
from reweigh.apply.written import check_output_folder
from reweigh.audit import audit_run, open_run
from reweigh.data.own import Sources
from reweigh.errors import BadInput
from reweigh.storage import home


def apply_run(
    path: Path | str,
    decisions: Path | str | Sequence[Decision] | None,
    output: Path | str,
    *,
    auto: bool = False,
    sure: float = SURE,
    overwrite: bool = False,
    **opened: Any,
) -> Applied:
    """Write the data of the finished run in the folder `path` again, cleaned.

    Args:
        path: the run's folder.
        decisions: of a reviewer: a file, or as they are; None for none.
        output: the folder to write.
        auto: decide without a review what is `sure` enough.
        sure: with which probability a decision without a review has to be right.
        overwrite: whether a folder that was written so before may be replaced.
        opened: `data_root`, `model` and `task`, as `open_run` takes them.

    Raises:
        BadInput: if there is no such run, its data have changed, or a decision cannot be applied.
        ReweighError: if the disk refuses.
    """
    if decisions is None and not auto:
        raise BadInput("nothing is decided: name a file of decisions, as `reweigh review` saves them, or add --auto")
    run, target = open_run(path, **opened), home(output)
    if isinstance(run.config.data, Sources):
        check_output_folder(target, run.config.data, overwrite=overwrite)
    said = read_decisions(decisions) if isinstance(decisions, Path | str) else list(decisions or ())
    told = [one for one in said if one.word != OPEN]
    undecided, subject = len(said) - len(told), subject_of(run)
    if not auto:
        return replace(apply_decisions(subject, told, target, overwrite=overwrite), undecided=undecided)
    found = decided(audit_run(path, **opened), sure, {one.id for one in told})
    applied = apply_decisions(subject, told, target, automatic=found.decisions, overwrite=overwrite)
    return replace(applied, automatic=found.sentence(), undecided=undecided)
