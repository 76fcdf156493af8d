"""A terminal of 80 columns: what a command draws on it, and what stands there in the end."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

ROWS, COLUMNS = 60, 80
_PIECES = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


class Drawn:
    """What stands on a terminal after `content` was written to it; `most` lines at any time, `widest` of them.

    It knows the few control codes that a live line is made of; whoever writes others is told so.
    """

    def __init__(self, content):
        self.lines, self.most, self.widest, self.hidden = [""], 1, 0, False
        self.seen = set()  # every line that ever stood there
        row, column = 0, 0
        for piece in _PIECES.finditer(content):
            number, code, move, text = piece.groups()
            if text:
                line = self.lines[row].ljust(column)
                self.lines[row] = line[:column] + text + line[column + len(text) :]
                column += len(text)
                self.widest = max(self.widest, column)
            elif move == "\r":
                column = 0
            elif move == "\n":
                row, column = row + 1, 0
                self.lines += [""] * (row + 1 - len(self.lines))
            elif code == "A":
                row -= int(number or 1)
            elif code == "K":
                self.seen.add(self.lines[row].rstrip())
                self.lines[row] = ""
            elif (code, number) in (("l", "?25"), ("h", "?25")):
                self.hidden = code == "l"
            else:
                assert code == "m", piece[0]
            self.most = max(self.most, sum(1 for line in self.lines if line))
        self.lines = [line.rstrip() for line in self.lines]
        while self.lines and not self.lines[-1]:
            self.lines.pop()
        self.seen |= set(self.lines)


def recorded(arguments, columns=COLUMNS, at=None):
    """What `reweigh` with these arguments draws, and its exit code; ctrl-C is pressed once `at` stands there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "reweigh", *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(theirs)
    content = b""
    while True:
        try:
            more = os.read(ours, 65536)
        except OSError:  # nobody has it open any more
            break
        if not more:
            break
        content += more
        if at is not None and at.encode() in content:
            process.send_signal(2)
            at = None
    os.close(ours)
    return Drawn(content.decode()), process.wait(timeout=60)
