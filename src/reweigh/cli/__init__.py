"""The command line: `reweigh demo`, `reweigh train`, `reweigh audit`, `reweigh report`, `reweigh predict`,
`reweigh export`."""

from reweigh.cli.guard import main as main

__all__ = ["main"]
