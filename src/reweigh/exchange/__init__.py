"""What a run has learnt, for other programs: suspects to review, decisions from there, pairs with weights to train on."""

from reweigh.exchange.formats import FORMATS as FORMATS
from reweigh.exchange.formats import export_run as export_run
from reweigh.exchange.formats import import_decisions as import_decisions
from reweigh.exchange.trainers import TRAINERS as TRAINERS
from reweigh.exchange.trainers import export_weights as export_weights
