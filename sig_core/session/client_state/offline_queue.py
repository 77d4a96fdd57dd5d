"""Events that are triggered while a client has no link: kept in order, bounded in bytes, for the next one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TypeAlias

from sig_core.contract import Codec
from sig_core.errors import CodecError
from sig_core.events import Name
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame
from sig_core.routing.transcode import decode, encode
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state.asks import Lock

__all__ = ["OfflineQueue"]

ROUNDS = 8  # times that what came meanwhile is sent without the lock, before it is sent under it

Key: TypeAlias = tuple[Name, Name]
RouteOf: TypeAlias = Callable[[Name, Name], int | None]
_Kept: TypeAlias = tuple[Key, Codec, bytes]


class OfflineQueue:
    """A queue of encoded events.

    Args:
        keep: bytes that it may hold; beyond that the oldest give way. 0: it takes none.
        lock: guards it, and the publishers of topics: who puts an event in has seen that its publisher is still the one
            of the lost link.

    Attributes:
        dropped: events that gave way, or that could not be sent later, by (sender, event).
        waiting: events that are in it, by (sender, event).
        size: bytes that are in it.
    """

    def __init__(self, keep: int, lock: Lock) -> None:
        self.keep = keep
        self.lock = lock
        self.dropped: Counter[Key] = Counter()
        self.waiting: Counter[Key] = Counter()
        self.size = 0
        self._queue: deque[_Kept] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, sender: Name, event: Name, codec: Codec, frame: bytes) -> None:
        """Append an event, encoded in `codec`; under the lock."""
        self._queue.append(((sender, event), codec, frame))
        self.waiting[sender, event] += 1
        self.size += len(frame)
        while self.size > self.keep:
            self.dropped[self._pop()[0]] += 1

    def release(self, session: ClientSession, route_of: RouteOf, resume: Callable[[], None]) -> None:
        """Empty it into the output of a session; what can't go there is dropped and counted.

        Args:
            session: of the new link.
            route_of: returns the number of (sender, event) there; None: it has none.
            resume: called under the lock, once it is empty: from then on events go out directly, behind these.
        """
        for _ in range(ROUNDS):
            with self.lock:
                if not self._queue:
                    resume()
                    return
                batch = self._take_all()
            self._send(batch, session, route_of)
        with self.lock:
            self._send(self._take_all(), session, route_of)
            resume()

    def clear(self) -> None:
        """Drop everything, counted."""
        with self.lock:
            for key, _, _ in self._take_all():
                self.dropped[key] += 1

    def _send(self, batch: list[_Kept], session: ClientSession, route_of: RouteOf) -> None:
        assert session.encoding is not None
        for key, codec, frame in batch:
            try:
                session.out.append(_readdressed(frame, route_of(*key), codec, session.encoding, session.max_out))
            except CodecError:
                self.dropped[key] += 1

    def _take_all(self) -> list[_Kept]:
        return [self._pop() for _ in range(len(self._queue))]

    def _pop(self) -> _Kept:
        found = self._queue.popleft()
        self.size -= len(found[2])
        self.waiting[found[0]] -= 1
        return found


def _readdressed(frame: bytes, route: int | None, source: Codec, target: Codec, limit: int) -> bytes:
    """Return the frame of an event for another link, or raise CodecError: it can't go there."""
    if route is None:
        raise CodecError("the sender is not connected any more")
    ((additions, data),) = split_events(frame)
    if source.name != target.name:
        data = encode(target, decode(source, data))
        additions = None if additions is None else encode(target, decode(source, additions))
    if additions is not None and len(additions) > 65_535:
        raise CodecError("its additions are longer than 65535 bytes")
    moved = event_frame(route, data, additions)
    if len(moved) - 4 > limit:
        raise CodecError("longer than the server takes")
    return moved
