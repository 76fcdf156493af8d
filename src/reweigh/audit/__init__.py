"""The audit of a finished run: its training examples ranked by how far they were trusted, with another label to try."""

from reweigh.audit.audit import Audit as Audit
from reweigh.audit.export import write_export as write_export
from reweigh.audit.run import THRESHOLD as THRESHOLD
from reweigh.audit.run import audit_run as audit_run
from reweigh.run.finished import FinishedRun as FinishedRun
from reweigh.run.finished import open_run as open_run

__all__ = ["THRESHOLD", "Audit", "FinishedRun", "audit_run", "open_run", "write_export"]
