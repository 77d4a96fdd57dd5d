"""A link whose dialect is not known yet: its first byte decides which session it gets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from sig_core.errors import SigError
from sig_core.session.base import State
from sig_core.session.linked import Linked

__all__ = ["Opening"]

BOARD_BYTE = 0x00


class Opening:
    """Waits for the first byte, then hands the link over, for good.

    Args:
        peer: printable.
        deadline: monotonic seconds until which a first byte must have come.
        binary: makes the session of everything that is no board; it also says what is wrong with other dialects.
        board: makes the session of a board.
        become: told the session that the link has from now on.
    """

    client = ""
    held = False
    has_output = False

    def __init__(
        self,
        peer: str,
        deadline: float,
        binary: Callable[[], Linked],
        board: Callable[[], Linked],
        become: Callable[[Linked], None],
    ) -> None:
        self.peer = peer
        self.state = State.OPENING
        self.error: SigError | None = None
        self.on_change: Callable[[], None] = lambda: None
        self.lost: Counter[str] = Counter()
        self._deadline = deadline
        self._binary = binary
        self._board = board
        self._become = become

    def _decide(self, make: Callable[[], Linked]) -> Linked:
        session = make()
        self._become(session)
        return session

    def receive_data(self, data: bytes, now: float) -> None:
        """Hand over to the session of the dialect that begins so."""
        if data:
            self._decide(self._board if data[0] == BOARD_BYTE else self._binary).receive_data(data, now)

    def receive_eof(self) -> None:
        """Nobody said a word."""
        self._decide(self._binary).receive_eof()

    def take(self, room: int) -> bytes:
        """Nothing is said before the peer has spoken."""
        return b""

    def sent(self, count: int, now: float) -> None:
        """Nothing was sent."""

    def tick(self, now: float) -> float:
        """Give up after the handshake time; give the seconds until then."""
        return self._decide(self._binary).tick(now) if now >= self._deadline else self._deadline - now

    def fail(self, error: SigError) -> None:
        """End because of `error`."""
        self._decide(self._binary).fail(error)

    def close(self, text: str = "closed") -> None:
        """End in order."""
        self._decide(self._binary).close(text)
