"""Processes of which one is done before the others would be waited for: all of them are told before the first step."""

from reweigh import distributed
from reweigh.errors import BadInput


def refuse_uneven(batches: int | float | None, remedy: str) -> None:
    """All processes must call, each with how many `batches` it has an epoch, None where nobody knows.

    Raises:
        BadInput: if these differ, on all of them; `remedy` says what to do.
    """
    counts = distributed.everywhere(batches)
    if len(set(counts)) > 1:
        raise BadInput(
            f"the processes have {', '.join(map(str, counts))} batches an epoch, and one that is done would be waited for: "
            f"{remedy}"
        )
