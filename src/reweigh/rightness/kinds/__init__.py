"""The kinds of wrong targets that come with the library, each in a file of its own."""

from reweigh.rightness.kinds import at_random as at_random
from reweigh.rightness.kinds import draws_all as draws_all
from reweigh.rightness.kinds import exchanged as exchanged
from reweigh.rightness.kinds import flipped as flipped
from reweigh.rightness.kinds import of_a_neighbour as of_a_neighbour
from reweigh.rightness.kinds import tempting as tempting
