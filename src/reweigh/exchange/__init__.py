"""What a run has learnt, for other programs."""

from reweigh.exchange.trainers import TRAINERS as TRAINERS
from reweigh.exchange.trainers import export_weights as export_weights
