"""From the store to a listener that is there: page after page, no more than it has room for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from sig_core.errors import ConfigError, SigError
from sig_core.routing.deferred import Deferred
from sig_core.routing.durable_port import DurablePort
from sig_core.store.contract import KeptEvent

__all__ = ["DurableFeed", "HearsKept"]

PAGE_EVENTS, PAGE_BYTES = 256, 256 * 1024  # that are read at one time
BESIDE = 256  # bytes that an event may take beside its data: its frame, and what its route stands for
WINDOW_EVENTS, WINDOW_BYTES = 1000, 1 << 20  # that may be on their way, unacknowledged

Done = Callable[[Any, SigError | None], None]


class HearsKept(Protocol):
    """Who listens to a durable, at the other end of a link.

    Attributes:
        peer: printable.
        room: bytes that may be sent to it now; 0: too much waits for it for more to be read.
    """

    @property
    def peer(self) -> str: ...

    @property
    def room(self) -> int: ...

    def tell_kept(self, event: KeptEvent) -> str:
        """Send an event; return why it can't be sent, or ""."""

    def tell_kept_lost(self, count: int, reason: str) -> None:
        """Tell that events do not come any more."""


class Reads(Protocol):
    """What reads for a feed."""

    def read(self, port: DurablePort, after: int, events: int, size: int, done: Done) -> None: ...
    def acknowledge(self, port: DurablePort) -> Deferred: ...


class DurableFeed:
    """One listener of a durable, on one link.

    Args:
        port: of the durable.
        listener: who gets the events.
        reads: reads them.

    Attributes:
        peer: who listens.
        acknowledged, sent: how the durable stood when the listener came.
    """

    def __init__(self, port: DurablePort, listener: HearsKept, reads: Reads) -> None:
        record = port.record
        self.acknowledged, self.sent = port.settled, record.sent
        self._port = port
        self._listener = listener
        self._reads = reads
        self._at = record.acknowledged  # what was sent last
        self._under_way: deque[tuple[int, int, str]] = deque()  # unacknowledged: position, bytes, why it was not sent
        self._bytes = 0  # of these
        self._reading = False
        self._ended = self._dropped = False

    @property
    def peer(self) -> str:
        """Who listens."""
        return self._listener.peer

    def described(self) -> dict[str, int]:
        """Return what a listener that comes is told."""
        waiting = self._port.record.last - self.acknowledged
        return {"acknowledged": self.acknowledged, "sent": self.sent, "waiting": waiting}

    def end(self) -> None:
        """Note that the listener has left."""
        self._ended = True
        self._port.left(self)

    def dropped(self) -> None:
        """Note that the durable is no more."""
        self._dropped = True
        self.end()

    def tell_lost(self, count: int, reason: str) -> None:
        """Tell that events of the durable do not come."""
        self._listener.tell_kept_lost(count, reason)

    def pump(self) -> None:
        """Send on, as far as there is something, and room for it."""
        if self._reading or self._ended or self._at >= self._port.record.last or not (room := self._listener.room):
            return
        events, size = WINDOW_EVENTS - len(self._under_way), WINDOW_BYTES - self._bytes
        if events > 0 and size > 0:
            self._reading = True
            events, size = min(events, PAGE_EVENTS, 1 + room // (2 * BESIDE)), min(size, PAGE_BYTES, room // 2)
            self._reads.read(self._port, self._at, events, size, self._got)

    def _got(self, found: Any, error: SigError | None) -> None:
        self._reading = False
        events: list[KeptEvent] = [] if error is not None else found
        record = self._port.record
        if events:
            record.sent = max(record.sent, events[-1].position)
        if self._ended or error is not None:  # it is tried again when something comes, or with the next tick
            return
        if not events:
            self._at = record.last  # what there was has expired
        for event in events:
            self._send(event)
        self._skip_lost()
        self.pump()

    def _send(self, event: KeptEvent) -> None:
        why = self._listener.tell_kept(event)
        self._at = event.position
        size = 0 if why else len(event.data) + len(event.info)
        self._under_way.append((event.position, size, why))
        self._bytes += size

    def _pass(self) -> int:
        """Be done with what is first under way, and return its position; what was not sent is lost only now.

        Until then it is kept, and another listener that comes may have it.
        """
        position, size, why = self._under_way.popleft()
        self._bytes -= size
        if why:
            self._port.lose(1, why)
        return position

    def _skip_lost(self) -> None:
        """Acknowledge, in the listener's place, what it can't have and stands first."""
        position = 0
        while self._under_way and self._under_way[0][2]:
            position = self._pass()
        if position:
            self._port.record.acknowledged = position
            self._reads.acknowledge(self._port)

    def acknowledge(self, position: int) -> Deferred:
        """Note that the listener needs nothing up to a position again.

        Raises:
            ConfigError: that was not sent to it, or the durable was dropped: another of its name has other positions.
        """
        name = self._port.record.name
        if self._dropped:
            raise ConfigError(f"durable {name!r}: it was dropped, and position {position} with it")
        if position > self._at:
            raise ConfigError(f"durable {name!r}: position {position} is acknowledged, and {self._at} was sent last")
        while self._under_way and self._under_way[0][0] <= position:
            self._pass()
        self._port.record.acknowledged = max(self._port.record.acknowledged, position)
        self._skip_lost()
        answer = self._reads.acknowledge(self._port)
        self.pump()
        return answer
