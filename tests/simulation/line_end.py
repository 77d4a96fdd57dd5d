"""A client's stream over a line: what `io/adapters/line_stream` is, in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sig_core.clock import NEVER
from sig_core.line.responder_stream import ResponderStream
from sig_core.line.upper_layer import Terms
from sig_core.line.window import Window
from sig_core.protocol.wire import KEEP_ALIVE
from tests.simulation.medium import Holder
from tests.simulation.serial_line import BITRATE, SerialLine

if TYPE_CHECKING:
    from tests.simulation.client_node import ClientNode

__all__ = ["LineEnd", "says_more"]

LEAST = 1e-6  # seconds that time goes on between two looks, as it does anywhere but here
HIGH_WATER = 4096  # bytes that wait for the line, and that came and were not read


def says_more(window: Window) -> bool:
    """Return whether more than a sign of life is on its way in packets that are not acknowledged."""
    there = window._open
    return len(there) > 1 or any(len(packet.payload) > len(KEEP_ALIVE) for packet in there)


class LineEnd:
    """To its holder it is an `End`."""

    holder: Holder

    def __init__(self, client: ClientNode, line: SerialLine) -> None:
        self.reading = True
        self.closed = False
        self._client = client
        self._world = client.world
        self._blocked = True
        self._due = NEVER
        self._port = line.open_near(self)
        self._stream = ResponderStream(Terms(bitrate=BITRATE), client.now(), HIGH_WATER, HIGH_WATER)
        self.pump()

    @property
    def is_busy(self) -> bool:
        """Whether something waits for the line."""
        return not self.closed and (self._stream.queued > 18 or says_more(self._stream.line.window))

    # -- the end of a stream

    def send(self, data: bytes) -> int:
        """See `End`."""
        room = self._stream.room
        self._blocked = room < len(data)
        if not room:
            return 0
        self._stream.write(data[:room])
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
            self._stream.finish()
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
            self._stream.receive(data, self._client.now())
            self._hand_over()
            self.pump()

    def at_end(self) -> None:
        """See `Holder`."""
        self._stream.lose(EOFError("the port is gone"))
        self._hand_over()

    def writable(self) -> None:
        """See `Holder`; a port is never full."""

    def _hand_over(self) -> None:
        stream = self._stream
        while self.reading and stream.has_data and not self.closed:
            self.holder.receive(stream.read())
        if stream.error is not None and self.reading and not stream.has_data and not self.closed:
            self.holder.at_end()

    def pump(self) -> None:
        """Send what is due."""
        if self.closed or self._client.is_stopped_still:
            return
        now, stream = self._client.now(), self._stream
        wait = stream.tick(now) - now
        while data := stream.take(HIGH_WATER, now):
            self._port.send(data)
            wait = stream.tick(now) - now
        self._due = due = self._world.now + max(LEAST, wait)
        if due < NEVER:
            self._world.at(due, lambda: self._tick(due))
        if self._blocked and stream.room > 0:
            self._blocked = False
            self._world.soon(self._tell_writable)

    def _tick(self, due: float) -> None:
        if due == self._due:
            self.pump()

    def _tell_writable(self) -> None:
        if not self.closed:
            self.holder.writable()
