"""A program's end of a line as a stream of bytes, without I/O: what waits, who is held, and what its end is."""

from __future__ import annotations

from collections import deque
from typing import Final

from sig_core.errors import LinkClosed, LinkLost, SigError
from sig_core.line.handshake import Syn, SynAck
from sig_core.line.line import FULL_CREDIT
from sig_core.line.responder import LineResponder
from sig_core.line.upper_layer import Terms

__all__ = ["ResponderStream"]

SEND_HIGH_WATER: Final = 64 * 1024  # bytes that wait for the line before there is no room for more
RECEIVE_HIGH_WATER: Final = 256 * 1024  # bytes that wait to be read before the peer gets no credit


class ResponderStream:
    """Feed it with `receive`, send what `take` gives, call `tick` when it says. To the line it is the `UpperLayer`.

    Args:
        terms: that this end offers.
        now: monotonic seconds, as everywhere here.
        send_high_water, receive_high_water: bytes that wait on the way out, and in, from which on who fills is held.

    Attributes:
        line: that carries it.
        is_open: a host has called.
        error: why it has ended, `LinkClosed`: in order; None: it lives.
        said: what a person should know: (whether something is wrong, text). Whoever logs takes it from the left.
    """

    def __init__(
        self,
        terms: Terms,
        now: float,
        send_high_water: int = SEND_HIGH_WATER,
        receive_high_water: int = RECEIVE_HIGH_WATER,
    ) -> None:
        self.is_open = False
        self.error: Exception | None = None
        self.said: deque[tuple[bool, str]] = deque()
        self._most_out, self._most_in = send_high_water, receive_high_water
        self._in = bytearray()
        self._out = bytearray()
        self._unanswered: bytearray | None = bytearray()  # all that was sent before anything came
        self.line = LineResponder(self, terms, now)

    # -- for who has the stream

    @property
    def room(self) -> int:
        """How many bytes may be written before who writes is held; 0: none, or it is not open."""
        return max(0, self._most_out - len(self._out)) if self.is_open and self.error is None else 0

    @property
    def queued(self) -> int:
        """Bytes that were written and not sent."""
        return len(self._out)

    @property
    def has_data(self) -> bool:
        """Whether `read` would give something."""
        return bool(self._in)

    def write(self, data: bytes) -> None:
        """Append to what goes out.

        Raises:
            Exception: `error`.
        """
        if self.error is not None:
            raise self.error
        self._out += data

    def read(self) -> bytes:
        """Return what came, b"" if nothing did; the peer may send again."""
        data = bytes(self._in)
        self._in.clear()
        if data:
            self.line.allow(FULL_CREDIT)
        return data

    def finish(self) -> None:
        """End in order: FIN goes out, and nothing any more."""
        self.line.finish()
        self.lose(LinkClosed("closed on this side"))

    def lose(self, error: Exception) -> None:
        """End, if it has not ended before; an `EOFError` is the end of the link below."""
        if self.error is None:
            self.error = LinkLost("the line ended") if isinstance(error, EOFError) else error

    def why_not_open(self, patience: float) -> Exception | str:
        """Say why no host has called within `patience` seconds."""
        count = self.line.bytes_in
        heard = f"{count} bytes came, none of a server" if count else "nothing came"
        return self.error or f"no server answers at the other end of the line within {patience:g} s: {heard}"

    # -- for who moves the bytes

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes of the line."""
        self.line.receive(data, now)

    def take(self, room: int, now: float) -> bytes:
        """Return what is to be sent now, about `room` bytes; b"": nothing."""
        return self.line.take(room, now)

    def tick(self, now: float) -> float:
        """Do what is due; return the time at which the next call is needed."""
        return self.line.tick(now)

    # -- the upper layer of the line

    @property
    def has_message(self) -> bool:
        """See `UpperLayer`."""
        return bool(self._out)

    def next_message(self, room: int) -> bytes | None:
        """See `UpperLayer`."""
        data = bytes(self._out[:room])
        del self._out[:room]
        if self._unanswered is not None:
            self._unanswered += data
        return data or None

    def message(self, data: bytes, now: float) -> None:
        """See `UpperLayer`."""
        self._in += data
        self._unanswered = None
        if len(self._in) > self._most_in:
            self.line.allow(0)

    def connected(self, peer: Syn | SynAck, fresh: bool, now: float) -> None:
        """See `UpperLayer`."""
        self.is_open = True

    def disconnected(self) -> None:
        """See `UpperLayer`; the session of the client notices by itself when that lasts."""

    def ended(self, error: SigError, doubtful: int) -> None:
        """See `UpperLayer`. A host that called just as we sent HELLO calls again: send again what was sent."""
        if self._unanswered is None:
            self.lose(error)
        else:
            self._out[:0], self._unanswered = self._unanswered, bytearray()

    def printed(self, text: str) -> None:
        """See `UpperLayer`."""
        self.said.append((False, f"says: {text.rstrip()}"))

    def warned(self, text: str) -> None:
        """See `UpperLayer`."""
        self.said.append((True, text))
