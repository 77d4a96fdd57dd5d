"""A cable from a board that has a port of its own to the far end of a line."""

from __future__ import annotations

import os
import select
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

__all__ = ["Splice"]

LOOK = 0.1  # seconds after which the thread looks whether it should end


class Splice:
    """Copies bytes both ways between the `port` of a board and a tty, such as end b of a line."""

    def __init__(self, port: str, tty: str) -> None:
        self._ends = [_open(port), os.open(tty, os.O_RDWR | os.O_NOCTTY)]
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"splice {port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Let go of both ends."""
        self._ended = True
        self._thread.join()
        for end in self._ends:
            os.close(end)

    def _run(self) -> None:
        to = dict(zip(self._ends, reversed(self._ends), strict=True))
        open_ends = list(self._ends)
        while not self._ended and open_ends:
            for end in select.select(open_ends, [], [], LOOK)[0]:
                try:
                    data = os.read(end, 4096)
                except OSError:  # EIO: a pty whose other side was closed
                    data = b""
                if not data:
                    open_ends.remove(end)
                while data:
                    data = data[os.write(to[end], data) :]


def _open(port: str) -> int:
    parts = urlsplit(port)
    if parts.path:
        return os.open(parts.path, os.O_RDWR | os.O_NOCTTY)
    host, number = parts.query.removeprefix("url=socket://").split("&")[0].split(":")
    with socket.create_connection((host, int(number))) as connected:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return os.dup(connected.fileno())
