"""The Python examples of the README and of the docs run as tests."""

import torch
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

torch.set_num_threads(1)  # small models gain nothing from more, and wait for each other where two processes run

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()], patterns=["*.md"], excludes=["docs/tutorials/*.md"]
).pytest()
