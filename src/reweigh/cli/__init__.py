"""The command line: `reweigh demo`, `reweigh train`."""

from reweigh.cli.guard import main as main

__all__ = ["main"]
