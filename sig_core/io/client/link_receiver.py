"""Receiving from the link of a client: one that can be polled, or one whose `receive` waits."""

from __future__ import annotations

import select
from collections.abc import Callable
from functools import partial
from typing import Final

from sig_core.contract import HasPending, Link, PollableLink
from sig_core.interrupts import pass_interrupt_on
from sig_core.io.client.no_link import NoLink
from sig_core.io.client.writer import counted, wait_ready
from sig_core.io.sync.busy_wait import BusyWait
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
        busy: looks for a moment before it sleeps; None: it sleeps at once.

    A call may be interrupted (see `sig_core/interrupts.py`). What was received then is given by the next call. On a
    link that does not say how much that was (`HasCounts`), it is not known: `torn` says that bytes may be missing.

    Attributes:
        busy: as given; who reads tells it what passes.
        torn: an interrupt came while such a link was read.
        unread: what was received; who has taken it empties this, else it is given again.
        no_link: stands for the link while there is none; None: there is one.
        flows: the last read brought so much that more is likely there; the next one does not poll first.
    """

    def __init__(self, link: Link, session: ClientSession, busy: BusyWait | None = None) -> None:
        self.busy = busy
        self.flows = False
        self.torn = False
        self.unread = b""
        self.no_link: NoLink | None = None
        self._session = session
        self._buffer = ReceiveBuffer(MAX_READ)
        self._use(link)

    def _use(self, link: Link) -> None:
        self._link = link
        self._counted = counted(link)
        self._pollable = link if isinstance(link, PollableLink) else None
        self._ready = _poller(self._pollable)
        if self.busy is not None and isinstance(link, HasPending):
            self.busy.policy.take_longer()
        self._wait = self._ready if self.busy is None else partial(self.busy.wait, self._ready)

    def wait_for_link(self) -> None:
        """Receive nothing any more, until `no_link` is offered another link; what was not taken comes again on that."""
        if self.no_link is None:
            self.flows, self.unread = False, b""
            self.no_link = NoLink(self._link.peer, self._take_link)
            self._use(self.no_link)

    def _take_link(self, link: Link, rest: bytes) -> None:
        self.unread, self.no_link = rest, None
        self._use(link)  # last: if that is closed again already, this raises, and who reads finds it out

    def receive(self, timeout: float) -> bytes:
        """Return what came; b"" if nothing did within `timeout` seconds, or earlier if the wait has a bound of its own.

        Raises:
            EOFError: the peer has ended.
            Exception: whatever the link raises.
        """
        self.torn = False
        if self.unread:
            return self.unread
        if self._pollable is None:
            return self._wait_in_link(min(timeout, RECEIVE_TIMEOUT))
        if not (self.flows or self._wait(min(timeout, MAX_WAIT) * 1000)):
            return b""
        hint, buffer = self._session.read_hint, self._buffer
        try:
            if self._counted is None or hint:
                data = self.unread = self._read_uncounted(hint)
            else:
                data = self.unread = buffer.read_counted(self._counted)
        except BlockingIOError:
            self.flows = self.torn = False
            return b""
        except BaseException:
            self.unread, buffer.rescued = buffer.rescued, b""
            raise
        if not data:
            raise EOFError
        self.flows = len(data) >= SMALL
        return data

    def _read_uncounted(self, hint: int) -> bytes:
        assert self._pollable is not None
        self.torn = True
        data = self._buffer.read(self._pollable, hint)
        self.torn = False
        return data

    def _wait_in_link(self, timeout: float) -> bytes:
        received: object = None
        self.torn = True
        try:
            received = self._link.receive(timeout)
        except TimeoutError as error:
            pass_interrupt_on(error)  # which may be one, too
        self.torn = False
        if received is None:
            return b""
        if not isinstance(received, bytes):
            raise TypeError(f"its receive gave {type(received).__name__}, not bytes")
        self.unread = received
        return received


def _poller(link: PollableLink | None) -> Callable[[float], object]:
    """Make what waits, some ms, until the link can be read; a poll object as old as the link saves 1 us a read."""
    if link is None or not hasattr(select, "poll"):
        return lambda milliseconds: wait_ready(link, milliseconds / 1000)
    poll = select.poll()
    poll.register(link.fileno(), select.POLLIN)
    if isinstance(link, HasPending):
        reads_ahead: HasPending = link
        return lambda milliseconds: reads_ahead.pending or poll.poll(milliseconds)
    return poll.poll
