"""One end of a link under test: every call has a time limit, and what it returns is checked."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

from sig_core.contract import Link, LinkTraits
from sig_core.testing.checks import Suite
from sig_core.testing.waiting import begin, soon, within

__all__ = ["End"]

READ_TIMEOUT = 0.05  # seconds that one receive waits when much is collected


class End:
    """Wraps a link that an author's carrier gave.

    Args:
        link: live.
        suite: whose time limits hold, and whose name is in failures.
        name: "client" or "server".

    Attributes:
        ended: the end was received.
    """

    def __init__(self, link: Link, suite: Suite, name: str) -> None:
        self.link = link
        self.ended = False
        self._suite = suite
        self._name = name

    @property
    def traits(self) -> LinkTraits:
        """Of the link."""
        return self.link.traits

    def send(self, data: bytes) -> None:
        """Send in time."""
        self._suite.soon(f"send of {len(data)} bytes at the {self._name}", self.link.send, data)

    def begin_sending(self, data: bytes, size: int) -> Future[None]:
        """Send `data` in pieces of `size` bytes, in a thread of its own."""

        def work() -> None:
            for start in range(0, len(data), size):
                self.link.send(data[start : start + size])

        return begin(work)

    def receive(self, timeout: float) -> bytes | None:
        """Return what came, or None; a TimeoutError is None."""
        return self._suite.soon(f"receive({timeout:g}) at the {self._name}", self._receive, timeout)

    def _receive(self, timeout: float) -> bytes | None:
        try:
            data = self.link.receive(timeout)
        except TimeoutError:
            return None
        kind = type(data).__name__
        self._suite.check(data is None or type(data) is bytes, f"receive gave {kind}, it gives bytes or None")
        self._suite.check(
            data != b"" or self.traits.packets, "receive of a stream gave b'': nothing is None, the end raises EOFError"
        )
        return data

    def collect(self, size: int, seconds: float | None = None) -> bytes:
        """Return the next `size` bytes, or what of them came in time."""
        return b"".join(self.pieces(lambda found: sum(map(len, found)) >= size, seconds))

    def packets(self, count: int, seconds: float | None = None) -> list[bytes]:
        """Return the next `count` packets, or what of them came in time."""
        return self.pieces(lambda found: len(found) >= count, seconds)

    def pieces(self, enough: Callable[[list[bytes]], bool], seconds: float | None = None) -> list[bytes]:
        """Receive until it is enough, the end came, or the time is over."""
        patience = self._suite.timeout if seconds is None else seconds

        def work() -> list[bytes]:
            found: list[bytes] = []
            until = time.monotonic() + within(patience)
            while not enough(found) and time.monotonic() < until:
                try:
                    piece = self._receive(READ_TIMEOUT)
                except EOFError:
                    self.ended = True
                    break
                if piece is not None:
                    found.append(piece)
            return found

        return soon(f"{self._suite.who}: receive at the {self._name}", patience + self._suite.timeout, work)

    def close(self) -> None:
        """Close in time."""
        self._suite.soon(f"close at the {self._name}", self.link.close)

    def drop(self) -> None:
        """Close after a check, whatever comes of it: other checks look at closing."""
        with suppress(Exception):
            self.close()
