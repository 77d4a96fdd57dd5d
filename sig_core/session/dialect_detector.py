"""The session of a link whose dialect is not known yet: the first byte decides which session it gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from sig_core.errors import SigError
from sig_core.session.base import SessionState, State
from sig_core.session.dialects import Dialect, dialect_of
from sig_core.session.link_session import LinkSession

__all__ = ["DialectDetector"]


MakeSession = Callable[[], LinkSession]


class DialectDetector(SessionState):
    """Waits for the first byte, then hands the link over, for good.

    Args:
        peer: printable, for messages and logs.
        deadline: monotonic seconds until which a first byte must have come.
        binary: makes the session of the binary dialect, which refuses all other dialects but `others`.
        others: make the sessions of the other dialects that are served here.
        switch_to: called with the session that the link has from now on.
    """

    client = ""
    reading_paused = False
    keeps_half_open = False
    read_hint = 0
    has_output = False

    def __init__(
        self,
        peer: str,
        deadline: float,
        binary: MakeSession,
        others: Mapping[Dialect, MakeSession],
        switch_to: Callable[[LinkSession], None],
    ) -> None:
        self.peer = peer
        self._move(State.OPENING)
        self.on_change: Callable[[], None] = lambda: None
        self.lost: Counter[str] = Counter()
        self._deadline = deadline
        self._binary = binary
        self._others = others
        self._switch_to = switch_to

    def _switch(self, make: MakeSession) -> LinkSession:
        session = make()
        self._switch_to(session)
        return session

    def receive_data(self, data: bytes, now: float) -> None:
        """Hand over to the session of the dialect that begins so."""
        if data:
            dialect = dialect_of(data)
            make = self._binary if dialect is None else self._others.get(dialect, self._binary)
            self._switch(make).receive_data(data, now)

    def receive_eof(self) -> None:
        """The link ended before a first byte came."""
        self._switch(self._binary).receive_eof()

    def take(self, room: int) -> bytes:
        """Nothing is sent before a first byte came."""
        return b""

    def sent(self, count: int, now: float) -> None:
        """Nothing was sent."""

    def tick(self, now: float) -> float:
        """End after the deadline; return the seconds until then."""
        return self._switch(self._binary).tick(now) if now >= self._deadline else self._deadline - now

    def fail(self, error: SigError) -> None:
        """End because of `error`."""
        self._switch(self._binary).fail(error)

    def close(self, text: str = "closed") -> None:
        """End in order."""
        self._switch(self._binary).close(text)
