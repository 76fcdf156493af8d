"""The settings of a run: what may be set, what is usual, and what is refused."""
