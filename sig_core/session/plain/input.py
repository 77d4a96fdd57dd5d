"""The input of a plain peer, object by object; no more of it in one turn than other peers can wait for."""

from __future__ import annotations

from sig_core.errors import RemoteProtocolError, SigError
from sig_core.protocol.objects import ObjectReader
from sig_core.session.turn import BYTES_PER_MESSAGE, MESSAGES_PER_TURN

__all__ = ["MAX_FIRST", "PlainInput"]

MARKS_PER_TURN = 4096  # braces and quotes that are looked at in a turn: each takes as long as a hundred other bytes
MAX_FIRST = 64 * 1024  # bytes of the first object: who sends it is not known yet


class PlainInput:
    """Reads objects, and adds up what they cost.

    Args:
        limit: bytes of the longest object; of the first one `MAX_FIRST`.
        packets: what is fed is a packet, and ends with the end of an object.

    Attributes:
        has_more: the turn was over before all was taken; the rest is for the next one.
    """

    def __init__(self, limit: int, *, packets: bool) -> None:
        self.has_more = False
        self._limit = limit
        self._reader = ObjectReader(min(limit, MAX_FIRST))
        self._packets = packets
        self._cost = 0  # of this turn, in objects

    @property
    def begun(self) -> bool:
        """Whether an object has come."""
        return self._reader.begun

    @property
    def lines(self) -> bool:
        """Whether a newline has followed an object."""
        return self._reader.lines

    @property
    def waiting(self) -> int:
        """Bytes of an object that is not complete, when all that are were taken."""
        return self._reader.waiting

    @property
    def fault(self) -> SigError | None:
        """What is wrong with the input, once all that came before it was taken."""
        if self._packets and self.waiting and not self.has_more and self._reader.fault is None:
            return RemoteProtocolError("a packet ends inside an object")
        return self._reader.fault

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._reader.feed(data)

    def drop(self) -> None:
        """Forget what waits: the peer has left, and what holds this may live on for a while."""
        self._reader.drop()
        self.has_more = False

    def begin_turn(self) -> None:
        """Let objects be taken again."""
        self._cost, self.has_more = 0, False
        self._reader.room = MARKS_PER_TURN

    def next_object(self) -> bytes | None:
        """Return the next object; None: none is complete, or the turn is over."""
        if self._cost >= MESSAGES_PER_TURN:
            self.has_more = self._reader.has_more()
            return None
        found = self._reader.next_object()
        self.has_more = not self._reader.room
        if found is not None:
            self._reader.limit = self._limit
            self.spend(len(found))
            self._cost += 1
        return found

    def end_turn(self) -> None:
        """Let no more objects be taken before the next turn."""
        self._cost = MESSAGES_PER_TURN

    def spend(self, size: int) -> None:
        """Count the bytes of an object, or of an answer."""
        self._cost += size // BYTES_PER_MESSAGE
