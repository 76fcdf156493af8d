"""A finished run as one page to look at: self-contained HTML, no network, one script of its own."""

from reweigh.report.page import write_report

__all__ = ["write_report"]
