"""What a client reads while its session waits for the next link."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sig_core.contract import Link, LinkTraits

__all__ = ["NoLink"]


class NoLink:
    """Brings nothing, until there is a link again: then who reads takes that.

    Args:
        peer: names it in errors.
        take: called with the link, and what came of it already, by who holds the role to read.

    Attributes:
        is_taken: there was a link, and it was taken.
    """

    traits = LinkTraits(packets=False, reliable=True)

    def __init__(self, peer: str, take: Callable[[Link, bytes], None]) -> None:
        self.peer = peer
        self.is_taken = False
        self._take = take
        self._is_there = threading.Event()
        self._next: tuple[Link, bytes] | None = None

    def offer(self, link: Link, rest: bytes) -> None:
        """Have who reads take a link. `rest`: bytes that came of it already."""
        self._next = link, rest
        self._is_there.set()

    def send(self, data: bytes, /) -> None:
        """Nothing is sent here."""

    def receive(self, timeout: float, /) -> bytes | None:
        """Wait `timeout` seconds at most for a link, and take it; there is nothing to give."""
        if self._is_there.wait(timeout) and self._next is not None:
            (link, rest), self._next = self._next, None
            try:
                self._take(link, rest)
            finally:
                self.is_taken = True
        return None

    def close(self) -> None:
        """There is nothing to close."""
