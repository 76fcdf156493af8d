"""The ledger: what became of each example, epoch by epoch, in Parquet files that any tool reads."""

from reweigh.ledger.collector import Collector
from reweigh.ledger.history import History
from reweigh.ledger.ledger import Ledger
from reweigh.ledger.merge import Columns, no_rows
from reweigh.ledger.summary import Summary, Totals

__all__ = ["Collector", "Columns", "History", "Ledger", "Summary", "Totals", "no_rows"]
