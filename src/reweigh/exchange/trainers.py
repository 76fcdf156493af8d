"""The trainers by their names, and the way out: a finished run's weights for one of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reweigh.audit import audit_run
from reweigh.errors import BadInput
from reweigh.exchange.hugging_face import HuggingFace
from reweigh.exchange.marian import Marian
from reweigh.exchange.opennmt_py import OpenNMTpy
from reweigh.exchange.opennmt_tf import OpenNMTtf
from reweigh.exchange.opusfilter import OpusFilter
from reweigh.exchange.weighed import Trainer, Written, weighed, write_all
from reweigh.storage import home, make_folder
from reweigh.words import meant

TRAINERS: Mapping[str, Trainer] = {
    one.name: one for one in (Marian(), OpenNMTtf(), OpenNMTpy(), OpusFilter(), HuggingFace())
}


def export_weights(path: Path | str, target: Path | str, to: str, *, overwrite: bool = False, **opened: Any) -> Written:
    """Write the training pairs of a finished run with their weights, as another trainer takes them.

    Args:
        path: the run's folder.
        target: what the names of the files begin with.
        to: the trainer's name.
        overwrite: whether files may be replaced.
        opened: `data_root`, `model` and `task`, as `open_run` takes them.

    Raises:
        BadInput: if there is no such trainer or run, it learnt from no pairs of texts, or a file is there.
    """
    if to not in TRAINERS:
        raise BadInput(f"there is no trainer {to!r}: {meant(to, list(TRAINERS))}")
    place, pairs = home(target), weighed(audit_run(path, **opened))
    make_folder(place.parent)
    return write_all(TRAINERS[to], pairs, place, overwrite=overwrite)
