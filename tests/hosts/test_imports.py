"""The core stays free of the hosts' libraries, and says what to install where one is missing."""

import subprocess
import sys

import pytest

import reweigh

HOSTS = ("sklearn", "lightning", "transformers", "accelerate")


def _run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_reweigh_imports_no_host():
    done = _run(f"import reweigh, sys; print([h for h in {HOSTS} if h in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("missing", "code", "extra"),
    [
        ("sklearn", "from reweigh import ReweighClassifier", "sklearn"),
        ("transformers", "import reweigh.hosts.transformers", "transformers"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(missing, code, extra):
    done = _run(f"import sys; sys.modules[{missing!r}] = None; {code}")
    assert done.stderr.strip().endswith(
        f"{missing} is not installed: run `pip install 'reweigh[{extra}]'` and try again"
    )


def test_all_names_are_there():
    pytest.importorskip("sklearn")
    assert all(getattr(reweigh, name) is not None for name in reweigh.__all__)
