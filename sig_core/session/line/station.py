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
from sig_core.session.door import Door
from sig_core.session.line.stream_on_line import StreamOnLine

__all__ = ["Station", "StationOwner"]


class StationOwner(Protocol):
    """Makes the sessions of stations. It is called under the lock of the exchange, and runs no user code."""

    def make_session(self, station: Station, terms: SynAck) -> BoardSession | StreamOnLine:
        """Return a session for whoever answers there.

        Args:
            station: where it answers.
            terms: what it said of itself.
        """

    def session_ended(self, session: BoardSession | StreamOnLine) -> None:
        """Note that a session has ended; its `error` says why."""

    def tick_at(self, when: float) -> None:
        """Let the station tick at `when`, monotonic seconds, at the latest."""

    def report(self, station: Station, text: str, *, warning: bool) -> None:
        """Log something about a station: as a warning, or as information."""


class Station:
    """A line, and the session of whoever answers on it.

    Args:
        peer: printable, for messages and logs.
        owner: makes the sessions, and is told when they end.
        new_sid: returns a random number, 1 .. 2**32-1.
        terms: what this side offers.
        clock: returns monotonic seconds.

    Attributes:
        line: the reliable line, over all its links.
        session: of the board or program; None: nobody is there.
        door: through which they come in; None: there are no rules.
        due: when `tick` is needed next, monotonic seconds.
        on_change: called when there may be something to send, or to do; None: there is no link now.
        on_replaced: called when another link takes the place of this one; None: there is no link now.
    """

    def __init__(
        self, peer: str, owner: StationOwner, new_sid: Callable[[], int], terms: Terms, clock: Callable[[], float]
    ) -> None:
        self.peer = peer
        self.session: BoardSession | StreamOnLine | None = None
        self.door: Door | None = None
        self.due = NEVER
        self.on_change: Callable[[], None] | None = None
        self.on_replaced: Callable[[], None] | None = None
        self._owner = owner
        self._clock = clock
        self.line = HostLine(self, terms, new_sid, clock())

    @property
    def is_needed(self) -> bool:
        """Whether to keep it: it has a link, or its session waits for the next one."""
        return self.has_link or self.line.has_session

    @property
    def has_link(self) -> bool:
        """Whether a link leads there now."""
        return self.on_change is not None

    def counts(self) -> dict[str, int]:
        """Return what went wrong on the line; "ignored": packets and messages that had no place there."""
        return {**self.line.counts(), "ignored": self.line.ignored}

    # -- the link below

    def attach(self, on_change: Callable[[], None], on_replaced: Callable[[], None]) -> None:
        """Use another link from now on; the one before, if it is still there, is told.

        Args:
            on_change, on_replaced: of the new link; see the attributes.
        """
        if self.on_replaced is not None:
            self.on_replaced()
        self.on_change, self.on_replaced = on_change, on_replaced
        self.line.attach(self._clock())
        self.tick(self._clock())

    def detach(self) -> None:
        """The link is gone."""
        self.on_change = self.on_replaced = None
        self.line.detach(self._clock())
        self.tick(self._clock())

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the link."""
        if self.session is not None:
            self.session.port.traffic.bytes_in += len(data)
        self.line.receive(data, now)
        if self.session is not None:
            self.session.flush_events(now)
        if self.line.has_output:
            self._notify()  # `due` is updated when that is taken
        else:
            self._update_due(now)

    def take(self, room: int) -> bytes:
        """Take bytes for the link."""
        now = self._clock()
        data = self.line.take(room, now)
        self._update_due(now)
        return data

    def sent(self, count: int) -> None:
        """Note that so many bytes left."""
        if self.session is not None:
            self.session.port.traffic.bytes_out += count

    def end(self) -> None:
        """End in order: whoever is there is told, if there is a link."""
        self.line.finish(self._clock())

    # -- time

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._update_due(now)
        self._notify()

    def _update_due(self, now: float) -> None:
        self.due = self.line.tick(now)
        session = self.session
        if session is not None:
            self.due = min(self.due, now + session.tick(now))
            if session.finished:
                self.line.hang_up(now)
                self.due = now
        self._owner.tick_at(self.due)

    def _notify(self) -> None:
        if self.on_change is not None and self.line.has_output:
            self.on_change()

    def changed(self) -> None:
        """Note that the session has something to send, or pauses or resumes reading."""
        if self.session is not None:
            self.line.allow(0 if self.session.reading_paused else FULL_CREDIT)
        self._notify()

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
            self.session = self._owner.make_session(self, peer)
        self._owner.report(self, "connected" if fresh else "back again, nothing is lost", warning=False)

    def disconnected(self) -> None:
        """See `UpperLayer`."""
        self._owner.report(self, "does not answer; its session is kept for a while", warning=False)

    def ended(self, error: SigError, doubtful: int) -> None:
        """See `UpperLayer`."""
        session, self.session = self.session, None
        if session is not None:
            session.end(error, doubtful)
            self._owner.session_ended(session)

    def printed(self, text: str) -> None:
        """See `UpperLayer`."""
        self._owner.report(self, f"says: {text.rstrip()}", warning=False)

    def warned(self, text: str) -> None:
        """See `UpperLayer`."""
        self._owner.report(self, text, warning=True)
