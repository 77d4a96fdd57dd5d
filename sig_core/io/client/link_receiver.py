"""Receiving from the link of a client: one that can be polled, or one whose `receive` waits."""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sig_core.contract import Link, PollableLink
from sig_core.io.client.writer import wait_ready
from sig_core.io.sync.receive_buffer import SMALL, ReceiveBuffer
from sig_core.session.binary.client import ClientSession

__all__ = ["MAX_WAIT", "LinkReceiver"]

MAX_WAIT: Final = 1.0  # seconds that one read waits at most: so often the peer's silence is looked at
RECEIVE_TIMEOUT: Final = 0.25  # seconds after which a `receive` that can't be interrupted looks whether it should end
MAX_READ: Final = 32 * 1024  # bytes of one read: small events enough to keep listeners busy for a millisecond


class LinkReceiver:
    """Receives from one link. It has no lock: who calls `receive` holds the role to read.

    Args:
        link: to receive from.
        session: knows how much is missing of a frame that is huge.

    Attributes:
        flows: the last read brought so much that more is likely there; the next one does not poll first.
    """

    def __init__(self, link: Link, session: ClientSession) -> None:
        self.flows = False
        self._link = link
        self._pollable = link if isinstance(link, PollableLink) else None
        self._session = session
        self._ready = _poller(self._pollable)
        self._buffer = ReceiveBuffer(MAX_READ)

    def receive(self, timeout: float) -> bytes:
        """Return what came; b"" if nothing did within `timeout` seconds, or earlier if the wait has a bound of its own.

        Raises:
            EOFError: the peer has ended.
            Exception: whatever the link raises.
        """
        if self._pollable is None:
            return self._wait_in_link(min(timeout, RECEIVE_TIMEOUT))
        if not (self.flows or self._ready(min(timeout, MAX_WAIT) * 1000)):
            return b""
        try:
            data = self._buffer.read(self._pollable, self._session.read_hint)
        except BlockingIOError:
            self.flows = False
            return b""
        if not data:
            raise EOFError
        self.flows = len(data) >= SMALL
        return data

    def _wait_in_link(self, timeout: float) -> bytes:
        with suppress(TimeoutError):
            received = self._link.receive(timeout)
            if received is None or isinstance(received, bytes):
                return received or b""
            raise TypeError(f"its receive gave {type(received).__name__}, not bytes")
        return b""


def _poller(link: PollableLink | None) -> Callable[[float], object]:
    """Make what waits, some ms, until the link can be read; a poll object as old as the link saves 1 us a read."""
    if link is None or not hasattr(select, "poll"):
        return lambda milliseconds: wait_ready(link, milliseconds / 1000)
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    return poll.poll
