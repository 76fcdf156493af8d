import os
import signal
import threading

import pytest

from reweigh.run.interrupt import CtrlC


def press():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c_waits_for_the_next_check():
    before = signal.getsignal(signal.SIGINT)
    with CtrlC() as ctrl_c:
        ctrl_c.check()
        press()
        with pytest.raises(KeyboardInterrupt):
            ctrl_c.check()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_one_stops_at_once():
    with CtrlC():
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_in_another_thread_it_changes_nothing():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work():
        with CtrlC():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
