"""Events that are triggered while there is no link: kept in order, bounded in bytes, for the next one."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

from sig_core.contract import Codec
from sig_core.errors import CodecError
from sig_core.events import Name
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame
from sig_core.routing.transcode import decode, encode

__all__ = ["OfflineQueue"]

Key = tuple[Name, Name]
Route = Callable[[Name, Name], int | None]


class OfflineQueue:
    """A queue of encoded events.

    Args:
        keep: bytes that it may hold; beyond that the oldest give way.

    Attributes:
        lock: held while events are put in, and while they are sent and the ways out are changed.
        dropped: events that gave way, or that could not be sent later, by (sender, event).
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.lock = threading.Lock()
        self.dropped: Counter[Key] = Counter()
        self.waiting: Counter[Key] = Counter()
        self.size = 0
        self._queue: deque[tuple[Key, Codec, bytes]] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, sender: Name, event: Name, codec: Codec, frame: bytes) -> None:
        """Append an event; under the lock."""
        self._queue.append(((sender, event), codec, frame))
        self.waiting[sender, event] += 1
        self.size += len(frame)
        while self.size > self.keep:
            self.dropped[self._pop()[0]] += 1

    def send(self, codec: Codec, route: Route, out: list[bytes], limit: int) -> None:
        """Empty it into `out`, in the codec of the new link; what can't go there is dropped and counted.

        Args:
            route: gives the number of (sender, event) on the new link; None: it has none there.
            limit: bytes of a frame.
        """
        while self._queue:
            key, encoded_in, frame = self._pop()
            number = route(*key)
            try:
                if number is None:
                    raise CodecError("the sender is not connected any more")
                frame = _moved(frame, number, encoded_in, codec)
                if len(frame) - 4 > limit:
                    raise CodecError("longer than the server takes")
            except CodecError:
                self.dropped[key] += 1
                continue
            out.append(frame)

    def clear(self) -> None:
        """Drop everything, counted."""
        with self.lock:
            while self._queue:
                self.dropped[self._pop()[0]] += 1

    def _pop(self) -> tuple[Key, Codec, bytes]:
        found = self._queue.popleft()
        self.size -= len(found[2])
        self.waiting[found[0]] -= 1
        return found


def _moved(frame: bytes, route: int, source: Codec, target: Codec) -> bytes:
    ((additions, data),) = split_events(frame)
    if source.name != target.name:
        data = encode(target, decode(source, data))
        additions = None if additions is None else encode(target, decode(source, additions))
    if additions is not None and len(additions) > 65_535:
        raise CodecError("its additions are longer than 65535 bytes")
    return event_frame(route, data, additions)
