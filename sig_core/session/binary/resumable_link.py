"""One link of a client's session that may outlive it, at the server: its `LinkSession`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from sig_core.errors import CarrierError, LinkClosed, LinkLost, SigError
from sig_core.protocol.hello import Resume
from sig_core.session.base import SessionState, State
from sig_core.session.binary.server import ServerSession
from sig_core.session.kept_stream import KeptStream

__all__ = ["ResumableLink"]

CLOSED = State.CLOSED


def _nobody() -> None:
    return None


class LinkOwner(Protocol):
    """Knows the sessions that outlive their links."""

    def note_cut(self, link: ResumableLink) -> None:
        """Note that a link was cut, and its session waits for the next one."""

    def note_end(self, link: ResumableLink) -> None:
        """Note that the session of a link has ended."""


class ResumableLink(SessionState):
    """Stands between a session and one of its links. When that is cut, the session waits for the next one.

    Args:
        session: whose link it is.
        stream: keeps what is sent.
        owner: is told of the end of the link.
        head: is sent before all else, and is no part of the stream.

    Attributes:
        session: as given.
        See `LinkSession`.
    """

    keeps_half_open = False
    is_stranger = False

    def __init__(
        self,
        session: ServerSession,
        stream: KeptStream,
        owner: LinkOwner,
        head: bytes = b"",
    ) -> None:
        self._move(State.OPEN)
        self.session = session
        self.peer = session.peer
        self.client = session.client
        self.reading_paused = session.reading_paused
        self.on_change: Callable[[], None] = _nobody
        self._stream = stream
        self._owner = owner
        self._head = head
        self._is_cut = False
        session.on_change = stream.on_due = self._changed

    @property
    def lost(self) -> Counter[str]:
        """Events that did not reach the client; see `LinkSession`."""
        return self.session.lost

    @property
    def ended(self) -> ServerSession | None:
        """The session, if it has ended with this link."""
        return None if self._is_cut or self.session.error is None else self.session

    @property
    def terms(self) -> Resume:
        """On which the session outlives its link."""
        return self._stream.terms()

    def _changed(self) -> None:
        session = self.session
        self.reading_paused = session.reading_paused
        if session.error is not None and self.state is not CLOSED:
            self._move(CLOSED, session.error)
            self._owner.note_end(self)
        self.on_change()

    # -- in

    @property
    def read_hint(self) -> int:
        """See `LinkSession`."""
        return self.session.read_hint

    def receive_data(self, data: bytes, now: float) -> None:
        """See `LinkSession`."""
        if self.state is not CLOSED:
            self.session.receive_data(data, now)

    # -- out

    @property
    def has_output(self) -> bool:
        """See `LinkSession`."""
        if self._is_cut:
            return False
        may_put = bool(self._stream.room) or self.error is not None
        return bool(self._head) or self._stream.has_piece or (may_put and self.session.has_output)

    def take(self, room: int) -> bytes:
        """See `LinkSession`."""
        if self._is_cut:
            return b""
        if self._head:
            data, self._head = self._head, b""
            return data
        stream = self._stream
        if not stream.has_piece:
            most = room if self.error is not None else min(room, stream.room)  # what it says last is not held back
            if most and (data := self.session.take(most)):
                stream.put(data)
        piece = stream.piece()
        stream.sent(len(piece))
        return bytes(piece)

    def sent(self, count: int, now: float) -> None:
        """See `LinkSession`."""
        self.session.sent(count, now)

    # -- time

    def tick(self, now: float) -> float:
        """See `LinkSession`; a silent link is cut."""
        allowed = self.session.limits.keepalive
        if self.state is CLOSED:
            return allowed
        if not self.session.reading_paused and self.session.silence(now) >= allowed:
            self.fail(LinkLost(f"silent for {self.session.silence(now):.1f} s, {allowed:g} s are allowed"))
            return allowed
        wait = self.session.tick(now)
        self._stream.tick()
        return wait

    # -- the end of the link; that of the session is another matter

    def receive_eof(self) -> None:
        """The link ended; the session waits for the next one."""
        self.fail(LinkLost("the link ended without a goodbye"))

    def fail(self, error: SigError) -> None:
        """The session waits for the next link, if this one broke; else it ends."""
        if self.state is CLOSED:
            return
        if isinstance(error, CarrierError):
            self.cut(error)
            self._owner.note_cut(self)
        else:
            self.session.fail(error)

    def cut(self, error: SigError) -> None:
        """Let go of the session, which has another link, or waits for one; `error`: why."""
        if self.state is CLOSED:
            return
        self._is_cut = True
        self.session.cut()
        self._stream.cut()
        self._move(CLOSED, error)
        self.on_change()

    def close(self, text: str = "closed") -> None:
        """End the session, in order."""
        if self.state is not CLOSED:
            self.session.close(text)

    def replace(self) -> None:
        """Let go of the session: its client is back on another link."""
        self.cut(LinkClosed("the client came back on another link"))
