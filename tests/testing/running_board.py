"""A board of this process: a thread that connects it to whoever listens, again and again."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from sig_core.contract import Link
from sig_core.plugins import default_plugins
from tests.support import within
from tests.testing.reference_board import ReferenceBoard

LOOK = 0.01  # seconds that one look at the line takes at most
ROOM = 4096  # bytes


class RunningBoard:
    """Runs a board at the other end of a link, a context manager.

    Args:
        board: is driven by this thread alone.
        address: where its host listens.
    """

    def __init__(self, board: ReferenceBoard, address: str) -> None:
        self._board = board
        self._address = address
        self._ended = threading.Event()
        self._reset = threading.Event()
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def __enter__(self) -> RunningBoard:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join(within(10))

    def reset(self) -> None:
        """Press its reset button."""
        self._reset.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                link = default_plugins().connect(self._address)
            except OSError:
                self._ended.wait(0.01)
                continue
            try:
                self._serve(link)
            except (EOFError, OSError):
                continue
            finally:
                link.close()

    def _serve(self, link: Link) -> None:
        board = self._board
        board.reopened(time.monotonic())
        while not self._ended.is_set():
            now = time.monotonic()
            if self._reset.is_set():
                self._reset.clear()
                board.reset(now)
            due = board.tick(now)
            while board.has_output and (data := board.take(ROOM, now)):
                link.send(data)
            data = link.receive(max(0.0, min(LOOK, due - now)))
            if data:
                board.receive(data, time.monotonic())
