"""Operations with a second derivative in closed form, where PyTorch's is a dear composition of many passes."""

from reweigh.alignment.twice.closed import graph_only as graph_only
from reweigh.alignment.twice.table import TWICE as TWICE

__all__ = ["TWICE", "graph_only"]
