"""The messages that wait for a plain peer; those of events are made when they leave."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from sig_core.routing.outbox import Loss, Outbox
from sig_core.routing.ports import Run

__all__ = ["CallNumbers", "CallRun", "EventRun", "MessageQueue"]

SIGNAL: Final = b'{"id":%d,"method":"signal","params":{"listener_id":%d,%b}\n'  # and what is the same for all listeners
HEAD: Final = 80  # bytes that such a message has at most beside that


class CallNumbers:
    """Numbers the calls of this end.

    Attributes:
        last: that was given; 0: none was.
    """

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> int:
        """Return the next one."""
        self.last += 1
        return self.last


class CallRun(Run):
    """A message that the peer may answer; of an event if it has a route.

    Attributes:
        ident: number of the call, which its answer repeats.
    """

    __slots__ = ("ident",)

    def __init__(self, ident: int, route: int, count: int, message: bytes) -> None:
        super().__init__(route, "", count, message)
        self.ident = ident


class EventRun(Run):
    """An event that waits: each of its listeners gets a message. What they have in common is one for all peers.

    Attributes:
        listeners: their ids.
        told: how many of them have theirs.
    """

    __slots__ = ("listeners", "told")

    def __init__(self, route: int, count: int, body: bytes, listeners: Sequence[int]) -> None:
        super().__init__(route, "", count, body)
        self.listeners = listeners
        self.told = 0


def _references(run: Run) -> int:
    return sys.getrefcount(run.data)


_MORE: Final = _references(EventRun(0, 0, bytes(9), ())) - 1  # than there are events with that body


class MessageQueue(Outbox):
    """An outbox in which an event waits once, however many listeners of the peer hear it.

    Args:
        limit, lost: see `Outbox`; of events the bytes count that their messages have in common.
        numbers: of all calls.
    """

    __slots__ = ("_numbers",)

    def __init__(self, limit: int, lost: Loss, numbers: CallNumbers) -> None:
        super().__init__(limit, lost)
        self._numbers = numbers

    def take(self, room: int) -> bytes:
        """See `Outbox`."""
        parts: list[bytes] = []
        size = 0
        while self.runs and (not parts or size + len(self.runs[0].data) + HEAD <= room):
            run = self.pop()
            assert run is not None
            parts.append(run.data)
            size += len(run.data)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def pop(self) -> Run | None:
        """Take the oldest message; None if there is none. Its event has left with its last one."""
        run = self.runs[0] if self.runs else None
        if not isinstance(run, EventRun):
            return super().pop()
        number, listener = self._numbers.next(), run.listeners[run.told]
        run.told += 1
        if run.told == len(run.listeners):
            super().pop()
        return CallRun(number, run.route, 0, SIGNAL % (number, listener, run.data))

    def _sharers(self, place: int) -> int:
        run = self.runs[place]
        return max(1, _references(run) - _MORE) if isinstance(run, EventRun) else super()._sharers(place)
