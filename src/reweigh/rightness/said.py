"""What a student says of checked examples, of those of all ranks."""

import hashlib
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from reweigh import distributed
from reweigh.errors import BadInput


class Said(NamedTuple):
    """Of m checked examples on the CPU: logits (m, K), features (m, D) each, right labels (m,), and ids (m,) if known."""

    logits: Tensor
    spaces: list[Tensor]
    labels: Tensor
    ids: Tensor | None

    def of_all_ranks(self) -> "Said":
        """Of the examples of all ranks, which may have their own, each example once. All ranks must call.

        Raises:
            BadInput: if a label is none of the model's classes.
        """
        found = self if len(set(distributed.everywhere(self.mark()))) == 1 else _joined(distributed.everywhere(self))
        lowest, highest, classes = int(found.labels.min()), int(found.labels.max()), found.logits.shape[1]
        if not 0 <= lowest <= highest < classes:
            raise BadInput(
                f"the checked labels run from {lowest} to {highest} and the model has {classes} outputs: "
                "number the classes 0, 1, …"
            )
        return found

    def mark(self) -> str:
        """The same where it is of the same examples, as where every rank is shown all of them."""
        of = hashlib.blake2b()
        for numbers in (self.labels, self.logits) if self.ids is None else (self.ids,):
            of.update(np.ascontiguousarray(numbers.numpy()).data)
        return of.hexdigest()


def _joined(parts: list[Said]) -> Said:
    """One behind the other; of those with the same id the first."""
    logits, labels = torch.cat([part.logits for part in parts]), torch.cat([part.labels for part in parts])
    spaces = [torch.cat(each) for each in zip(*(part.spaces for part in parts), strict=True)]
    known = [part.ids for part in parts if part.ids is not None]
    if len(known) < len(parts):
        return Said(logits, spaces, labels, None)
    ids = torch.cat(known)
    kept = torch.from_numpy(np.sort(np.unique(ids.numpy(), return_index=True)[1]))
    return Said(logits[kept], [space[kept] for space in spaces], labels[kept], ids[kept])
