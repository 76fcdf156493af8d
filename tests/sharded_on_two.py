"""All that the usual tests ask of two ranks with a sharded model, in one pair of processes, whose start takes the time."""

import atexit
import functools
import shutil
import tempfile

import pytest

from two_ranks import on_ranks

FOLDER = tempfile.mkdtemp()
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


@functools.cache
def _asked():
    try:
        return on_ranks(2, _answers, FOLDER)
    except Exception as error:  # asked once, also where it fails
        return error


def on_two():
    """What each of two ranks has found, by the name of the question."""
    if isinstance(found := _asked(), Exception):
        pytest.fail(str(found))
    return found


def _answers(rank, folder):
    import test_laws_sharded as laws
    import test_sharded as single
    from learning import test_sharded as learning

    return {
        **{f"law {name}": laws.weighed_on(rank, *name.split()) for name in laws.QUICK},
        **{f"judging {kind}": laws.judging_on(rank, kind) for kind in laws.JUDGES},
        **{f"learning {kind}": learning.taught_on(rank, kind) for kind in learning.QUICK},
        **{name: question(rank) for name, question in single.QUESTIONS.items()},
        "kept": single.kept(rank, folder),
    }
