"""What is at the other end of a line, over all the links that lead there: a board, or a program that answers as one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sig_core.clock import NEVER
from sig_core.errors import SigError
from sig_core.line.handshake import Syn, SynAck
from sig_core.line.host import HostLine
from sig_core.line.line import FULL_CREDIT
from sig_core.line.upper_layer import Terms
from sig_core.session.board.session import BoardSession
from sig_core.session.line.stream_on_line import StreamOnLine

__all__ = ["Station", "StationOwner"]


class StationOwner(Protocol):
    """Who takes stations in. It is called under the lock of the exchange, and runs no user code."""

    def session_for(self, station: Station, terms: SynAck) -> BoardSession | StreamOnLine:
        """Return the session of whoever answers there."""

    def ended(self, session: BoardSession | StreamOnLine) -> None:
        """That session has ended; its `error` says why."""

    def due(self, when: float) -> None:
        """A tick of the station is needed at `when`, monotonic seconds."""

    def said(self, station: Station, text: str, *, warning: bool) -> None:
        """Log something about a station."""


class Station:
    """A line, and the session of whoever answers on it.

    Args:
        peer: printable, for messages and logs.
        keeper: see there.
        new_sid: gives a random number, 1 .. 2**32-1.
        terms: what this side offers.
        clock: gives monotonic seconds.

    Attributes:
        line: the board link.
        session: of the board or program; None: nobody is there.
        due: when `tick` is needed next, monotonic seconds.
        on_change: called when something may be to send, or to do; None: no link leads there now.
    """

    def __init__(
        self, peer: str, keeper: StationOwner, new_sid: Callable[[], int], terms: Terms, clock: Callable[[], float]
    ) -> None:
        self.peer = peer
        self.session: BoardSession | StreamOnLine | None = None
        self.due = NEVER
        self.on_change: Callable[[], None] | None = None
        self.on_replaced: Callable[[], None] | None = None
        self._keeper = keeper
        self._clock = clock
        self.line = HostLine(self, terms, new_sid, clock())

    @property
    def is_kept(self) -> bool:
        """Whether it matters: a link leads there, or its session waits for the next one."""
        return self.on_change is not None or self.line.has_session

    def counts(self) -> dict[str, int]:
        """Tell what went wrong on the line; "ignored": packets and messages that had no place there."""
        return {**self.line.counts(), "ignored": self.line.ignored}

    # -- the link below

    def attach(self, on_change: Callable[[], None], on_replaced: Callable[[], None]) -> None:
        """Use this link from now on; the one before, if it is still there, is told that it was replaced."""
        if self.on_replaced is not None:
            self.on_replaced()
        self.on_change, self.on_replaced = on_change, on_replaced
        self.line.attach(self._clock())
        self._update()

    def detach(self) -> None:
        """The link is gone."""
        self.on_change = self.on_replaced = None
        self.line.detach(self._clock())
        self._update()

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the link."""
        if self.session is not None:
            self.session.port.traffic.bytes_in += len(data)
        self.line.receive(data, now)
        if self.session is not None:
            self.session.settle(now)
        if self.line.has_output:
            self._tell()  # what is due is reckoned when that is taken
        else:
            self._reckon(now)

    def take(self, room: int) -> bytes:
        """Take bytes for the link."""
        now = self._clock()
        data = self.line.take(room, now)
        self._reckon(now)
        return data

    def sent(self, count: int) -> None:
        """Note that so many bytes left."""
        if self.session is not None:
            self.session.port.traffic.bytes_out += count

    def end(self) -> None:
        """End in order: whoever is there is told, if a link leads there."""
        self.line.finish(self._clock())

    # -- time

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._reckon(now)
        self._tell()

    def _reckon(self, now: float) -> None:
        self.due = self.line.tick(now)
        session = self.session
        if session is not None:
            self.due = min(self.due, now + session.tick(now))
            if session.finished:
                self.line.hang_up(now)
                self.due = now
        self._keeper.due(self.due)

    def _update(self) -> None:
        self.tick(self._clock())

    def _tell(self) -> None:
        if self.on_change is not None and self.line.has_output:
            self.on_change()

    def changed(self) -> None:
        """Note that the session has something to send, or wants more, or less, of the peer."""
        if self.session is not None:
            self.line.allow(0 if self.session.reading_paused else FULL_CREDIT)
        self._tell()

    # -- what is above the line

    @property
    def has_message(self) -> bool:
        """See `UpperLayer`."""
        return self.session is not None and self.session.has_message

    def next_message(self, room: int) -> bytes | None:
        """See `UpperLayer`."""
        return None if self.session is None else self.session.next_message(room)

    def message(self, data: bytes, now: float) -> None:
        """See `UpperLayer`."""
        if self.session is not None:
            self.session.message(data, now)

    def connected(self, peer: Syn | SynAck, fresh: bool, now: float) -> None:
        """See `UpperLayer`."""
        assert isinstance(peer, SynAck)
        if fresh:
            self.session = self._keeper.session_for(self, peer)
        self._keeper.said(self, "connected" if fresh else "back again, nothing is lost", warning=False)

    def disconnected(self) -> None:
        """See `UpperLayer`."""
        self._keeper.said(self, "does not answer; its session is kept for a while", warning=False)

    def ended(self, error: SigError, doubtful: int) -> None:
        """See `UpperLayer`."""
        session, self.session = self.session, None
        if session is not None:
            session.end(error, doubtful)
            self._keeper.ended(session)

    def printed(self, text: str) -> None:
        """See `UpperLayer`."""
        self._keeper.said(self, f"says: {text.rstrip()}", warning=False)

    def noted(self, text: str) -> None:
        """See `UpperLayer`."""
        self._keeper.said(self, text, warning=True)
