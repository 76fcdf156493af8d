"""Shared set-up: tests import the zoo, the laws and the reference by name, and leave no process group behind."""

from collections.abc import Iterator

import pytest
import torch

# Sums in one order, so that "bit for bit" can be asked for; the models here are too small to gain from threads.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _seeded_and_alone() -> Iterator[None]:
    """Every test starts from the same RNG state and takes down what process group a case needed."""
    torch.manual_seed(0)
    yield
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
