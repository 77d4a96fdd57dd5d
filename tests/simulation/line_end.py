"""A client's stream over a line: what `io/adapters/line_stream` is, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sig_core.clock import NEVER
from sig_core.errors import SigError
from sig_core.line.handshake import Syn, SynAck
from sig_core.line.line import FULL_CREDIT
from sig_core.line.responder import LineResponder
from sig_core.line.upper_layer import Terms
from tests.simulation.medium import Holder
from tests.simulation.serial_line import BITRATE, SerialLine

if TYPE_CHECKING:
    from tests.simulation.client_node import ClientNode

__all__ = ["LineEnd"]

LEAST = 1e-6  # seconds that time goes on between two looks, as it does anywhere but here
HIGH_WATER = 4096  # bytes that wait for the line before it takes no more, and of what came before it gives no credit


class LineEnd:
    """To its holder it is an `End`; to the line the upper layer."""

    holder: Holder

    def __init__(self, client: ClientNode, line: SerialLine) -> None:
        self.reading = True
        self.closed = False
        self._client = client
        self._world = client.world
        self._in = bytearray()
        self._out = bytearray()
        self._unanswered: bytearray | None = bytearray()
        self._is_open = False
        self._over = False
        self._blocked = True
        self._due = NEVER
        self._port = line.open_near(self)
        self._line = LineResponder(self, Terms(bitrate=BITRATE), client.now())
        self.pump()

    @property
    def is_busy(self) -> bool:
        """Whether something waits for the line."""
        return not self.closed and (len(self._out) > 18 or len(self._line.window.kinds) > 1)

    # -- the end of a stream

    def send(self, data: bytes) -> int:
        """See `End`."""
        room = HIGH_WATER - len(self._out) if self._is_open else 0
        self._blocked = room < len(data)
        if room <= 0:
            return 0
        self._out += data[:room]
        self.pump()
        return min(room, len(data))

    def set_reading(self, on: bool) -> None:
        """See `End`."""
        self.reading = on
        if on:
            self._world.soon(self._hand_over)

    def close(self) -> None:
        """Send FIN, and close the port."""
        if not self.closed:
            self._line.finish()
            self.pump()
            self.closed = True
            self._port.close()

    def die(self, notice: float | None) -> None:
        """The process dies, without a FIN."""
        self.closed = True
        self._port.close()

    # -- the port

    def receive(self, data: bytes) -> None:
        """See `Holder`."""
        if not self.closed:
            self._line.receive(data, self._client.now())
            self._hand_over()
            self.pump()

    def at_end(self) -> None:
        """See `Holder`."""
        self._over = True
        self._hand_over()

    def writable(self) -> None:
        """See `Holder`; a port is never full."""

    def _hand_over(self) -> None:
        while self.reading and self._in and not self.closed:
            data = bytes(self._in)
            self._in.clear()
            self._line.allow(FULL_CREDIT)
            self.holder.receive(data)
        if self._over and self.reading and not self._in and not self.closed:
            self.holder.at_end()

    def pump(self) -> None:
        """Send what is due."""
        if self.closed or self._client.is_stopped_still:
            return
        now = self._client.now()
        self._due = self._world.now + self._line.tick(now) - now
        while data := self._line.take(HIGH_WATER, now):
            self._port.send(data)
        self._due = min(self._due, self._world.now + max(0.0, self._line.tick(now) - now))
        self._due = due = max(self._due, self._world.now + LEAST)
        if due < NEVER:
            self._world.at(due, lambda: self._tick(due))
        if self._blocked and self._is_open and len(self._out) < HIGH_WATER:
            self._blocked = False
            self._world.soon(self._tell_writable)

    def _tick(self, due: float) -> None:
        if due == self._due:
            self.pump()

    def _tell_writable(self) -> None:
        if not self.closed:
            self.holder.writable()

    # -- the upper layer

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
        if len(self._in) > HIGH_WATER:
            self._line.allow(0)

    def connected(self, peer: Syn | SynAck, fresh: bool, now: float) -> None:
        """See `UpperLayer`."""
        self._is_open = True

    def disconnected(self) -> None:
        """See `UpperLayer`."""

    def ended(self, error: SigError, doubtful: int) -> None:
        """See `UpperLayer`."""
        if self._unanswered is None:
            self._over = True
        else:
            self._out[:0], self._unanswered = self._unanswered, bytearray()

    def printed(self, text: str) -> None:
        """See `UpperLayer`."""

    def warned(self, text: str) -> None:
        """See `UpperLayer`."""
