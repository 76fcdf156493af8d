"""Counts of what must never happen: random inputs, each part with its seed, into docs/results/torture.json (`make torture`).

A part is a module with `run(seed, count)`, which says how many it has "tried" and lists what went "wrong" or was "lost".
"""
