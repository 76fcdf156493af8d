"""Ctrl-C between steps.

Python raises KeyboardInterrupt wherever it happens to be: between a checkpoint's renaming and the note that it
is there, or inside a callback of torch that swallows it. Here the first ctrl-C only asks, and the run stops
after the step at hand; a second one stops it at once.
"""

import signal
import threading
from types import FrameType
from typing import Any


class CtrlC:
    """Within the block a ctrl-C is remembered until `check` raises it. Outside the main thread it does nothing.

    Attributes:
        asked: whether it was pressed.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> "CtrlC":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Stop here if that was asked for.

        Raises:
            KeyboardInterrupt: if ctrl-C was pressed since the block began.
        """
        if self.asked:
            raise KeyboardInterrupt

    def _ask(self, signum: int, frame: FrameType | None) -> None:
        self.check()
        self.asked = True
