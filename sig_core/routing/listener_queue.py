"""The events that wait for one listener with a queue of its own, and what was lost on the way to it.

Nothing here waits or calls the user. A queue is not thread-safe: who shares one guards it. What belongs together is
changed in one step (`sig_core/interrupts.py`): so what is counted is right whenever a call was interrupted.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from enum import Enum, auto
from typing import Any, Final, TypeAlias

from sig_core.events import Info
from sig_core.routing.delivery import Delivery

__all__ = [
    "FULL",
    "KEY_FAILED",
    "REMOVED",
    "STOPPED",
    "SUPERSEDED",
    "ListenerQueue",
    "Loss",
    "Outcome",
    "key_for",
    "queue_for",
]

FULL: Final = "queue full"  # why an event gave way, or did not get in
SUPERSEDED: Final = "superseded"  # by a newer one, which is all that the listener wants
KEY_FAILED: Final = "the key function failed"
REMOVED: Final = "listener removed"
STOPPED: Final = "stopped"  # the router, before the listener got to them

Entry: TypeAlias = tuple[Info, Any, int]
"""An event that waits: info, data, and the bytes that it is taken to have."""

Loss: TypeAlias = tuple[int, str, Info, Info]
"""Events that were lost for one reason: how many, the reason, the infos of the first and the last."""


class Outcome(Enum):
    """What became of an event that was put."""

    TAKEN = auto()
    GAVE_WAY = auto()  # an event was lost: this one or another one
    NO_ROOM = auto()  # nothing was changed: it may be put again, or `force`d


class ListenerQueue:
    """First in, first out. What came is delivered, waits, or is lost: `fired == delivered + waiting + sum(lost)`.

    Args:
        delivery: that the listener asked for.

    Attributes:
        delivered: events that were taken out for the listener.
        lost: events that did not reach it, by reason.
    """

    def __init__(self, delivery: Delivery) -> None:
        self.delivered = 0
        self.lost: dict[str, int] = {}
        self._most = delivery.queue
        self._blocks = delivery.overflow == "block"
        self._keeps_old = delivery.overflow == "newest"
        self._waiting: deque[Entry] = deque()
        self._untold: dict[str, Loss] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether there is no room."""
        return len(self) >= self._most

    @property
    def has_drained(self) -> bool:
        """Whether at most half of what may wait does."""
        return len(self) <= self._most // 2

    @property
    def has_loss(self) -> bool:
        """Whether `take_loss` would return one."""
        return bool(self._untold)

    def put(self, info: Info, data: Any, size: int = 0, key: Hashable = None) -> Outcome:
        """Append an event, as far as there is room.

        Args:
            info, data: of the event.
            size: bytes that it is taken to have.
            key: of it, where the newest of each is wanted.
        """
        if self.is_full:
            if self._blocks:
                return Outcome.NO_ROOM
            if self._keeps_old:
                self.lose(1, FULL, info)
            else:
                self._replace_oldest(info, data, size)
            return Outcome.GAVE_WAY
        self._waiting += ((info, data, size),)
        return Outcome.TAKEN

    def force(self, info: Info, data: Any, size: int = 0, *, beyond: bool) -> int:
        """Append an event that had no room, and for which nobody waits any more.

        Args:
            info, data, size: see `put`.
            beyond: it is one more than there is room for; else the oldest gives way, if there is still no room.

        Returns:
            The bytes of what gave way.
        """
        gone = 0
        if beyond or not self.is_full:
            self._waiting += ((info, data, size),)
        else:
            gone = self._waiting[0][2]
            self._replace_oldest(info, data, size)
        return gone

    def popleft(self) -> Entry:
        """Take the oldest event out for the listener, or raise IndexError: there is none."""
        entry, delivered = self._waiting[0], self.delivered + 1
        del self._waiting[0]
        self.delivered = delivered  # in one step with the line above
        return entry

    def lose(self, count: int, reason: str, first: Info, last: Info | None = None) -> None:
        """Note events that do not come.

        Args:
            count: how many.
            reason: why, in words.
            first, last: of them; None: the same.
        """
        total, untold = self.lost.get(reason, 0) + count, self._with(count, reason, first, last or first)
        self.lost[reason] = total
        self._untold[reason] = untold

    def clear(self, reason: str) -> int:
        """Lose all that waits; return the bytes that it was taken to have."""
        size = 0
        while self._waiting:
            size += self._waiting[0][2]
            self._drop_oldest(reason)
        return size

    def take_loss(self) -> Loss | None:
        """Take what was lost and is not told yet, of one reason; None: nothing."""
        for reason in list(self._untold):
            return self._untold.pop(reason)
        return None

    def stats(self) -> dict[str, Any]:
        """Return its counts."""
        delivered, waiting, lost = self.delivered, len(self), dict(self.lost)
        fired = delivered + waiting + sum(lost.values())
        return {"fired": fired, "delivered": delivered, "waiting": waiting, "lost": lost}

    def _with(self, count: int, reason: str, first: Info, last: Info) -> Loss:
        """Return what is to be told of a reason, with more."""
        known = self._untold.get(reason)
        return (count, reason, first, last) if known is None else (known[0] + count, reason, known[2], last)

    def _replace_oldest(self, info: Info, data: Any, size: int) -> None:
        gone, entry = self._waiting[0][0], (info, data, size)
        total, untold = self.lost.get(FULL, 0) + 1, self._with(1, FULL, gone, gone)
        self.lost[FULL] = total  # from here on in one step
        self._untold[FULL] = untold
        del self._waiting[0]
        self._waiting += (entry,)

    def _drop_oldest(self, reason: str) -> None:
        gone = self._waiting[0][0]
        total, untold = self.lost.get(reason, 0) + 1, self._with(1, reason, gone, gone)
        self.lost[reason] = total  # from here on in one step
        self._untold[reason] = untold
        del self._waiting[0]


class _LatestQueue(ListenerQueue):
    """Of each key the newest event. It takes the place of the one before: so each has its turn, however often others
    change, and only events of one key are in order."""

    def __init__(self, delivery: Delivery) -> None:
        super().__init__(delivery)
        self._newest: OrderedDict[Hashable, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._newest)

    def put(self, info: Info, data: Any, size: int = 0, key: Hashable = None) -> Outcome:
        """See `ListenerQueue`."""
        newest, entry = self._newest, (info, data, size)
        before = newest.get(key)
        if before is None:
            full = self.is_full
            if full:
                self._drop_oldest(FULL)
            newest[key] = entry
            return Outcome.GAVE_WAY if full else Outcome.TAKEN
        gone = before[0]
        total, untold = self.lost.get(SUPERSEDED, 0) + 1, self._with(1, SUPERSEDED, gone, gone)
        newest[key] = entry  # from here on in one step
        self.lost[SUPERSEDED] = total
        self._untold[SUPERSEDED] = untold
        return Outcome.TAKEN

    def force(self, info: Info, data: Any, size: int = 0, *, beyond: bool) -> int:
        """Never: there is always room."""
        raise AssertionError("there is always room for what takes the place of another one")

    def popleft(self) -> Entry:
        """See `ListenerQueue`."""
        try:
            _, entry = self._newest.popitem(last=False)
        except KeyError:
            raise IndexError from None
        self.delivered += 1
        return entry

    def clear(self, reason: str) -> int:
        """See `ListenerQueue`."""
        size = 0
        while self._newest:
            size += next(iter(self._newest.values()))[2]
            self._drop_oldest(reason)
        return size

    def _drop_oldest(self, reason: str) -> None:
        key = next(iter(self._newest))
        gone = self._newest[key][0]
        total, untold = self.lost.get(reason, 0) + 1, self._with(1, reason, gone, gone)
        self.lost[reason] = total  # from here on in one step
        self._untold[reason] = untold
        del self._newest[key]


def queue_for(delivery: Delivery) -> ListenerQueue:
    """Return an empty queue for a listener."""
    return _LatestQueue(delivery) if delivery.overflow == "latest" else ListenerQueue(delivery)


def key_for(delivery: Delivery, info: Info, data: Any) -> Hashable:
    """Return the key of an event, as the listener wants it, or raise what its function raises."""
    key = (info["sender"], info["event"]) if delivery.key is None else delivery.key(info, data)
    hash(key)  # here, where no lock is held: it may be code of the user
    return key
