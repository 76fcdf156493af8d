"""The command line: `reweigh` with its commands, a file each."""

from reweigh.cli.guard import main as main

__all__ = ["main"]
