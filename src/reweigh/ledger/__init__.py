"""The ledger: what became of each example, epoch by epoch, in Parquet files that any tool reads."""

from reweigh.ledger.history import History as History
from reweigh.ledger.ledger import Ledger as Ledger
from reweigh.ledger.summary import Summary as Summary

__all__ = ["History", "Ledger", "Summary"]
