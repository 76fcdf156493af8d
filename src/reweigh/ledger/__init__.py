"""The ledger: what became of each example, epoch by epoch, in Parquet files that any tool reads."""

from reweigh.ledger.history import History
from reweigh.ledger.ledger import Ledger
from reweigh.ledger.summary import Summary

__all__ = ["History", "Ledger", "Summary"]
