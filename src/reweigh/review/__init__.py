"""The suspects of a finished run as one page on which a person decides, offline, and takes the decisions away as a file."""

from reweigh.review.page import write_review as write_review

__all__ = ["write_review"]
