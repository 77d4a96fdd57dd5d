"""`half-open+`: a link on which nothing arrives any more, and that does not end: a cable that was pulled."""

from __future__ import annotations

import errno
import logging
import threading
import time

from sig_core.address import Address
from sig_core.contract import Link

__all__ = ["HalfOpen", "HalfOpenLink", "half_open"]

LONGEST = 86_400.0  # seconds
log = logging.getLogger("sig")


class HalfOpen:
    """Wraps a link: `half-open+tcp://127.0.0.1:3000?after=10s`.

    From then on what this end sends is swallowed, nothing that comes is read, and no end is seen: only signs of life
    that stay away tell that it is dead.

    Options:
        after: seconds, 0 .. 86,400; default 0: from the beginning.
    """

    options = frozenset({"after"})

    def check(self, address: Address) -> None:
        """Raise ConfigError for a value that is out of its range."""
        _after(address)

    def __call__(self, link: Link, address: Address, /) -> HalfOpenLink:
        """Return the link."""
        return HalfOpenLink(link, _after(address))


class HalfOpenLink:
    """A link through another one, until its time has come.

    Args:
        inner: live; it is closed with this one.
        after: seconds.
    """

    def __init__(self, inner: Link, after: float) -> None:
        self.peer = inner.peer
        self.traits = inner.traits
        self._inner = inner
        self._after, self._dead_at = after, time.monotonic() + after
        self._swallowed = 0
        self._first = threading.Lock()  # taken by the first close, for ever
        self._closed = threading.Event()

    def send(self, data: bytes, /) -> None:
        """See `Link`."""
        self._check()
        if self._left > 0:
            self._inner.send(data)
        else:
            self._swallowed += len(data)

    def receive(self, timeout: float, /) -> bytes | None:
        """See `Link`."""
        self._check()
        until = time.monotonic() + timeout
        if self._left > 0:
            data = self._inner.receive(min(timeout, self._left))
            if data is not None:
                return data
        if self._left <= 0:
            self._closed.wait(max(0.0, until - time.monotonic()))
            self._check()
        return None

    def close(self) -> None:
        """See `Link`."""
        if not self._first.acquire(blocking=False):
            return
        self._closed.set()
        self._inner.close()
        log.info("%s: half-open after %g s: %s bytes were swallowed", self.peer, self._after, f"{self._swallowed:,}")

    @property
    def _left(self) -> float:
        return self._dead_at - time.monotonic()

    def _check(self) -> None:
        if self._closed.is_set():
            raise OSError(errno.EBADF, f"{self.peer}: closed on this side; open another one")


def _after(address: Address) -> float:
    return address.seconds("after", 0.0, 0.0, LONGEST)


half_open = HalfOpen()
