"""Suspects for other tools that people review with, and what was decided there."""

from reweigh.exchange.formats import FORMATS as FORMATS
from reweigh.exchange.formats import export_run as export_run
from reweigh.exchange.formats import import_decisions as import_decisions
