"""From decisions on suspects to a cleaned data set, in the layout that it came in."""

from reweigh.apply.apply import Applied as Applied
from reweigh.apply.decisions import Decision as Decision
from reweigh.apply.decisions import decisions_of as decisions_of
from reweigh.apply.decisions import read_decisions as read_decisions
from reweigh.apply.decisions import write_decisions as write_decisions
from reweigh.apply.run import apply_run as apply_run
