"""The ledger: what became of each example, epoch by epoch, in Parquet files that any tool reads."""

from reweigh.ledger.collector import Collector as Collector
from reweigh.ledger.history import History as History
from reweigh.ledger.ledger import Ledger as Ledger
from reweigh.ledger.merge import Columns as Columns
from reweigh.ledger.merge import no_rows as no_rows
from reweigh.ledger.summary import Summary as Summary
from reweigh.ledger.summary import Totals as Totals

__all__ = ["Collector", "Columns", "History", "Ledger", "Summary", "Totals", "no_rows"]
