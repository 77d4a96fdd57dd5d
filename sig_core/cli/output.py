"""Lines to standard output: at once on a terminal, gathered in a pipe."""

from __future__ import annotations

import sys
import threading
import time

__all__ = ["Output"]

EVERY = 0.05  # seconds that a line waits in a pipe at most
MOST = 20_000  # lines that may wait before who writes them has to
ROOM = 5.0  # seconds after which who waits looks again


class Output:
    """A queue of lines; callbacks put, the main thread writes.

    Attributes:
        done: set it to end `run`.
    """

    def __init__(self) -> None:
        self.done = threading.Event()
        self._lines: list[bytes] = []
        self._room = threading.Event()
        self._room.set()

    def put(self, line: bytes) -> None:
        """Add a line, without its end; waits while too many are not written yet."""
        self._lines.append(line)
        if len(self._lines) >= MOST:
            self._room.clear()
            while len(self._lines) >= MOST and not self.done.is_set():
                self._room.wait(ROOM)

    def run(self, seconds: float | None = None) -> bool:
        """Write until `done` is set; true if it was, false if the seconds were over.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        end = None if seconds is None else time.monotonic() + seconds
        try:
            while not self.done.is_set():
                left = EVERY if end is None else min(EVERY, end - time.monotonic())
                if left <= 0:
                    return False
                self.done.wait(left)
                self.flush()
            return True
        finally:
            self.done.set()
            self._room.set()

    def flush(self) -> None:
        """Write what waits."""
        lines = self._lines[:]  # the list is never replaced: a callback may be appending
        if lines:
            del self._lines[: len(lines)]
            self._room.set()
            sys.stdout.buffer.write(b"\n".join(lines) + b"\n")
            sys.stdout.buffer.flush()
