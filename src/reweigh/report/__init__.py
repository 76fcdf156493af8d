"""A finished run as one page to look at: self-contained HTML, no script, no network."""

from reweigh.report.page import write_report

__all__ = ["write_report"]
