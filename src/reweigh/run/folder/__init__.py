"""A run's folder: its files, their digests, and what a resume holds against them."""
