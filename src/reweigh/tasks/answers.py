"""What a person says who corrects a label, whatever is learnt."""

from enum import Enum


class Answers(Enum):
    """Of which sort a corrected label is: one of the classes, any of the labels, or a number."""

    ONE = "one"
    SEVERAL = "several"
    NUMBER = "number"
