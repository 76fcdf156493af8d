"""The command line: `reweigh demo`, `reweigh train`, `reweigh audit`, `reweigh report`, `reweigh predict`."""

from reweigh.cli.guard import main as main

__all__ = ["main"]
