"""Measurements that anyone can repeat; `python -m benchmarks.step_cost` is the one to start with."""
