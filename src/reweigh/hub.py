"""The library of Hugging Face, which says nothing while it loads: what is wrong is said once, by whoever asked."""

import contextlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from reweigh.errors import require


@contextlib.contextmanager
def quiet() -> Iterator[Any]:
    """transformers, silent within the block: neither what is new or left out in a model, nor how often a hub was tried.

    Raises:
        MissingExtra: if transformers is not installed.
    """
    transformers = require("transformers", "transformers")
    logging, of_hub = transformers.utils.logging, import_module("huggingface_hub").utils.logging  # it brings that
    before, bars = (logging.get_verbosity(), of_hub.get_verbosity()), logging.is_progress_bar_enabled()
    try:
        logging.set_verbosity_error()
        of_hub.set_verbosity_error()
        logging.disable_progress_bar()
        yield transformers
    finally:
        logging.set_verbosity(before[0])
        of_hub.set_verbosity(before[1])
        if bars:
            logging.enable_progress_bar()
