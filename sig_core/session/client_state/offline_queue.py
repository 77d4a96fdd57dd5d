"""Events that are triggered while a client has no link: kept in order, bounded in bytes, for the next one."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from sig_core.contract import Codec
from sig_core.errors import CodecError
from sig_core.events import Name
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame
from sig_core.routing.counting import give_back
from sig_core.routing.transcode import decode, encode
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state.asks import Lock

__all__ = ["OfflineQueue", "readdressed"]

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
        untold: of these, those that no server knows to be missing yet.
        waiting: events that are in it, by (sender, event).
        size: bytes that are in it.
        taken: called under the lock, in order, with the key, the codec and the frame of what waits no longer: it
            leaves, or gives way.
    """

    def __init__(self, keep: int, lock: Lock) -> None:
        self.keep = keep
        self.lock = lock
        self.dropped: Counter[Key] = Counter()
        self.untold: Counter[Key] = Counter()
        self.waiting: Counter[Key] = Counter()
        self.size = 0
        self.taken: Callable[[Key, Codec, bytes], None] = lambda key, codec, frame: None
        self._queue: deque[_Kept] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, sender: Name, event: Name, codec: Codec, frame: bytes) -> None:
        """Append an event, encoded in `codec`; under the lock."""
        self._append(((sender, event), codec, frame))
        while self.size > self.keep:
            self._drop([self._pop()[0]])

    def release(self, session: ClientSession, route_of: RouteOf, resume: Callable[[], None]) -> None:
        """Empty it into the output of a session; what can't go there is dropped and counted.

        Args:
            session: of the new link.
            route_of: returns the number of (sender, event) there; None: it has none.
            resume: called under the lock, once it is empty: from then on events go out directly, behind these.

        Raises:
            SigError: the session has ended; what is in the queue stays there.
        """
        for _ in range(ROUNDS):
            with self.lock:
                session.check_open()
                if not self._queue:
                    resume()
                    return
                batch = self._take_all()
            unsendable = self._send(batch, session, route_of)
            with self.lock:
                self._drop(unsendable)
        with self.lock:
            session.check_open()
            self._drop(self._send(self._take_all(), session, route_of))
            resume()

    def drop(self, sender: Name, events: Iterable[Name]) -> None:
        """Drop these events of a sender, counted; no server will ask for them; under the lock."""
        keys = {(sender, event) for event in events}
        if not keys.isdisjoint(self.waiting):
            everything = self._take_all()
            self._drop(key for key, _, _ in everything if key in keys)
            for kept in everything:
                if kept[0] not in keys:
                    self._append(kept)
        for key in keys & self.untold.keys():
            del self.untold[key]
        give_back(self.dropped, keys)

    def told(self, sender: Name, dropped: Mapping[Name, int]) -> None:
        """Note that a server knows so many events of a sender to be missing; under the lock."""
        for event, count in dropped.items():
            self.untold[sender, event] -= count
            if not self.untold[sender, event]:
                del self.untold[sender, event]

    def clear(self) -> None:
        """Drop everything, counted."""
        with self.lock:
            self._drop(key for key, _, _ in self._take_all())

    def _send(self, batch: list[_Kept], session: ClientSession, route_of: RouteOf) -> list[Key]:
        """Append events to the output of a session; return whose can't go there."""
        assert session.encoding is not None
        unsendable: list[Key] = []
        for key, codec, frame in batch:
            try:
                moved = readdressed(frame, route_of(*key), codec, session.encoding, session.max_out)
            except CodecError:
                unsendable.append(key)
            else:
                session.out.append(moved)
        return unsendable

    def _drop(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.dropped[key] += 1
            self.untold[key] += 1

    def _take_all(self) -> list[_Kept]:
        return [self._pop() for _ in range(len(self._queue))]

    def _append(self, kept: _Kept) -> None:
        self._queue.append(kept)
        self.waiting[kept[0]] += 1
        self.size += len(kept[2])

    def _pop(self) -> _Kept:
        key, codec, frame = found = self._queue.popleft()
        self.size -= len(frame)
        self.waiting[key] -= 1
        if not self.waiting[key]:
            del self.waiting[key]
        self.taken(key, codec, frame)
        return found


def readdressed(frame: bytes, route: int | None, source: Codec, target: Codec, limit: int) -> bytes:
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
