"""A link to a station: its `LinkSession` at the server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from sig_core.errors import HandshakeError, LinkClosed, LinkLost, SigError, Status
from sig_core.line.handshake import read_hello
from sig_core.line.packets import HELLO, PacketReader
from sig_core.session.base import SessionState, State
from sig_core.session.line.station import Station

__all__ = ["LineSession"]

MAX_BEFORE_HELLO: Final = 64  # bytes within which a board that connects has said HELLO ...
MAX_NOISE: Final = 4096  # ... and where HELLO may be lost, and said again
IDLE: Final = 3600.0  # seconds: stations have ticks of their own


class LineSession(SessionState):
    """One link to a station: to a known one (`attach_to`), or to the one whose session the first HELLO names.

    Args:
        peer: printable, for messages and logs.
        find_station: returns the station that has the session with this number; a new station if none has.
        deadline: monotonic seconds until which HELLO must have come.
        reliable: nothing is lost on the link, so HELLO comes first.

    Attributes:
        See `LinkSession`.
    """

    client = ""
    reading_paused = False  # a line stops its peer by credit
    keeps_half_open = False
    read_hint = 0

    def __init__(
        self, peer: str, find_station: Callable[[int], Station], deadline: float, *, reliable: bool = True
    ) -> None:
        self.peer = peer
        self._move(State.OPENING)
        self.on_change: Callable[[], None] = lambda: None
        self._find_station = find_station
        self._station: Station | None = None
        self._head = bytearray()
        self._reliable = reliable
        self._max_head = MAX_BEFORE_HELLO if reliable else MAX_NOISE
        self._reader = PacketReader()  # of the head
        self._deadline = deadline

    @property
    def lost(self) -> Counter[str]:
        """Events that did not reach the station, while there is a session; see `LinkSession`."""
        session = None if self._station is None else self._station.session
        return Counter() if session is None else session.port.traffic.lost

    @property
    def is_stranger(self) -> bool:
        """Whether nobody has answered at a station that is reached like any other peer; a port stays what it is."""
        return self._reliable and (self._station is None or self._station.session is None)

    # -- which station

    def attach_to(self, station: Station) -> None:
        """Carry the line of this station from now on."""
        self._move(State.OPEN)
        self._station = station
        station.attach(lambda: self.on_change(), self._replaced)

    def _replaced(self) -> None:
        self._station = None
        self._close(LinkClosed("the board came back on another link"))
        self.on_change()

    def _read_head(self, data: bytes, now: float) -> None:
        """Wait for the first HELLO, then attach to the station that it names."""
        self._head += data
        for packet in self._reader.feed(data):
            hello = read_hello(packet.payload) if packet.kind == HELLO else None
            if hello is not None:
                head, self._head = bytes(self._head), bytearray()
                self.attach_to(self._find_station(hello.sid))
                self._receive(head, now)
                return
        if len(self._head) > self._max_head:
            self.fail(HandshakeError(f"no HELLO of a board within {self._max_head} bytes"))

    # -- what a connection needs

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes as they came."""
        if self.state is State.OPENING:
            self._read_head(data, now)
        else:
            self._receive(data, now)

    def _receive(self, data: bytes, now: float) -> None:
        if self._station is not None:
            self._station.receive(data, now)

    @property
    def has_output(self) -> bool:
        """Whether `take` would return something."""
        return self._station is not None and self._station.line.has_output

    def take(self, room: int) -> bytes:
        """Take output."""
        return b"" if self._station is None else self._station.take(room)

    def sent(self, count: int, now: float) -> None:
        """Note that so many bytes of output left."""
        if self._station is not None:
            self._station.sent(count)

    def tick(self, now: float) -> float:
        """Do what is due; return the seconds until the next call is needed."""
        if self.state is not State.OPENING:
            return IDLE
        if now >= self._deadline:
            self.fail(HandshakeError("no HELLO of a board within the handshake time", Status.TIMEOUT))
            return IDLE
        return self._deadline - now

    # -- the end of the link; that of the session is another matter

    def receive_eof(self) -> None:
        """The link ended; the station waits for the next one."""
        self.fail(LinkLost("the link ended"))

    def fail(self, error: SigError) -> None:
        """The link broke; the station waits for the next one."""
        station, self._station = self._station, None
        if station is not None and self.state is State.OPEN:
            station.detach()
        self._close(error)

    def close(self, text: str = "closed") -> None:
        """End the session of the station, in order."""
        if self._station is not None:
            self._station.end()
        self._close(LinkClosed(text))
        self.on_change()  # there may be nothing to say: the link ends now

    def _close(self, error: SigError) -> None:
        if self.state is not State.CLOSED:
            self._move(State.CLOSED, error)
