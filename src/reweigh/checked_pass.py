"""The checked pass: what the student says of checked examples, without a gradient, for rules that want to be shown it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh._types import Batch, BatchGetter
from reweigh.culprits import clean_examples
from reweigh.distributed import together
from reweigh.errors import BadInput, NonFinite
from reweigh.rules import Shown
from reweigh.rules.rule import id_tensor, whole_labels
from reweigh.states import Seen, checked, watching
from reweigh.student import Student


def show(student: Student, batches: Sequence[Batch], places: Sequence[str], labels: BatchGetter, ids: Any) -> Shown:
    """The checked examples of these batches under the student, which is left as found.

    Args:
        student: with the loss of clean batches.
        batches: of checked examples.
        places: internal states to watch.
        labels, ids: find those of a batch.

    Raises:
        NonFinite: if the student's output or a state is not finite, with the ids of the examples.
        BadInput: if a state has other rows than the batch.
    """
    with together(next(iter(student.walk.devices), torch.device("cpu"))):
        parts = [_shown(student, batch, places, labels, ids) for batch in batches]
    seen = Seen({place: torch.cat([part.seen.states[place] for part in parts]) for place in places})
    logits = [part.seen.logits for part in parts]
    known = [part.ids for part in parts]
    seen.logits = None if any(one is None for one in logits) else torch.cat([one for one in logits if one is not None])
    all_ids = None if any(one is None for one in known) else torch.cat([one for one in known if one is not None])
    return Shown(seen, torch.cat([part.labels for part in parts]), all_ids, batches)


def _shown(student: Student, batch: Batch, places: Sequence[str], labels: BatchGetter, ids: Any) -> Shown:
    with watching(student.module, places) as found:
        losses = student.on(batch).losses_alone()
    seen = checked(found, places, len(losses)).detached()
    for values in (losses, *seen.states.values(), *(() if seen.logits is None else (seen.logits,))):
        if not bool(torch.isfinite(values).all()):
            raise NonFinite(
                "what the model says of the checked examples is not finite"
                f"{clean_examples(student, batch, ids)}: look at them, or lower the learning rate"
            )
    return Shown(seen, whole_labels(labels(batch), len(losses), losses.device), _whole_ids(ids(batch), len(losses)))


def _whole_ids(found: Any, size: int) -> Tensor | None:
    """Ids as (size,) int64 on the CPU; None where there are none.

    Raises:
        BadInput: if they are no whole numbers, one an example.
    """
    ids = id_tensor(found, size)
    if found is None or ids is not None:
        return ids
    raise BadInput(f"the checked examples' ids are no {size} whole numbers: pass ids=, a function that gives such")
