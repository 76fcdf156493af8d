"""Files of a process's own go when nobody needs them, and when whoever made them is dead."""

import gc
import os
import pickle
import subprocess
import sys

import pytest

from reweigh.data.scratch import IN_MEMORY, Scratch, in_memory, room
from reweigh.errors import ReweighError


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "here"))
    return tmp_path / "here"


def test_a_folder_is_there_as_long_as_its_object(place):
    one, other = Scratch(), Scratch()
    (one / "rows").write_bytes(b"x")
    assert len(list(place.iterdir())) == 2
    del one
    gc.collect()
    assert list(place.iterdir()) == [other.path]


def test_a_forked_process_leaves_it(place):
    scratch = Scratch()
    child = os.fork()
    if child == 0:
        del scratch
        gc.collect()
        os._exit(0)
    os.waitpid(child, 0)
    assert scratch.path.exists()


def test_what_a_killed_process_left_goes_with_the_next(place):
    code = "import os\nfrom reweigh.data.scratch import Scratch\ns = Scratch()\nos.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False, env=dict(os.environ))
    (left,) = place.iterdir()
    alive = Scratch()
    assert set(place.iterdir()) == {alive.path}
    assert left != alive.path


def test_a_disk_that_refuses_is_a_sentence(place):
    with pytest.raises(ReweighError, match=r"kept below .*here .*no space left.*TMPDIR"), room(place):
        raise OSError(28, "No space left on device")
    place.parent.joinpath("file").write_text("")
    os.environ["TMPDIR"] = str(place.parent / "file")
    with pytest.raises(ReweighError, match="cannot write"):
        Scratch()


@pytest.mark.parametrize(("said", "found"), [("", 256 << 20), ("12", 12), ("many", 256 << 20)])
def test_how_much_may_be_in_memory(monkeypatch, said, found):
    monkeypatch.setenv(IN_MEMORY, said)
    assert in_memory() == found


def test_a_copy_sent_to_another_process_does_not_own_the_folder(place):
    import numpy as np

    from reweigh.data.stored_files import ColumnFiles

    files = ColumnFiles((3, 1))
    files[:, 0] = np.arange(3)
    stored = files.stored()
    again = pickle.loads(pickle.dumps(stored))
    assert again[1:].tolist() == [[1], [2]]
    del again
    gc.collect()
    assert stored[0].tolist() == [0]
