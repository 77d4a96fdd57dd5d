"""The messages that wait for a board: bounded; the oldest events are dropped, and their number is reported."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from sig_core.protocol.board import gave_way
from sig_core.routing.listener_queue import SUPERSEDED
from sig_core.routing.outbox import Outbox
from sig_core.routing.ports import Run
from sig_core.routing.traffic import Traffic

__all__ = ["BoardOutput"]

IN_DOUBT: Final = "sent, and not acknowledged when the session ended"
REGISTERED_ANEW: Final = "waited when the board registered anew"
MAX_UNACKNOWLEDGED: Final = 16  # messages that may be taken and not acknowledged, at the very most
MAX_COUNT = 2**32 - 1  # that one message can say were lost


Key: TypeAlias = tuple[int, int]
"""Item and route of events of which only the newest is wanted."""


class _Newest(Run):
    """The message of such an event, which the next one replaces where it waits."""

    __slots__ = ("key",)
    key: Key


class BoardOutput:
    """Queues messages for a line to take.

    Args:
        limit: bytes that may wait.
        longest: bytes of the longest message that the board takes.
        traffic: where losses are counted.
        changed: called when there is a message where there was none.

    Attributes:
        longest: see above.
        outbox: what waits, without the reports of losses.
    """

    def __init__(
        self,
        limit: int,
        longest: int,
        traffic: Traffic,
        changed: Callable[[], None],
    ) -> None:
        self.longest = longest
        self.outbox = Outbox(limit, self._note_dropped)
        self._traffic = traffic
        self._changed = changed
        self._gaps: dict[int, int] = {}
        self._newest: dict[Key, _Newest] = {}  # those that wait, and may be replaced where they are
        self._taken: deque[int] = deque(maxlen=MAX_UNACKNOWLEDGED)  # events in each of the messages taken last

    def put_newest(self, message: bytes, number: int, events: int, route: int) -> None:
        """Put an event of which only the newest is wanted: in the place of the one before, if that still waits.

        Args:
            message, number, events: see `put`.
            route: of the event.
        """
        waiting = self._newest.get((number, route))
        if waiting is not None:
            lost, self.outbox.size = waiting.count, self.outbox.size + len(message) - len(waiting.data)
            waiting.data, waiting.count = message, events
            self.lose((number,), 1, SUPERSEDED, lost)
            return
        was_empty = not self.has_message
        made = _Newest(number + 1, "", events, message)
        made.key = number, route
        self._newest[made.key] = made
        self.outbox.put(made)
        if was_empty:
            self._changed()

    def settle(self) -> None:
        """Let what waits keep its place before what comes now."""
        self._newest.clear()

    def put(self, message: bytes, number: int | None = None, events: int = 0) -> None:
        """Append a message.

        Args:
            message: to send.
            number: of the item that hears this event, which may be dropped later; None: it is no event.
            events: 1, or 0 where another message with the same event is counted.
        """
        was_empty = not self.has_message
        self.outbox.put(Run(0 if number is None else number + 1, "", events, message))
        if was_empty:
            self._changed()

    def has_room(self, size: int) -> bool:
        """Return whether a message of so many bytes that must not be dropped may be put."""
        return self.outbox.has_room(size)

    def lose(self, numbers: Iterable[int], missing: int, reason: str, events: int) -> None:
        """Count events that do not reach the board; it gets a report soon.

        Args:
            numbers: of the items that would have heard them.
            missing: how many each of these items has missed.
            reason: why, in words.
            events: how many are counted; 0 where they are counted elsewhere.
        """
        if events:
            self._traffic.lost[reason] += events
        for number in numbers:
            self._gaps[number] = min(MAX_COUNT, self._gaps.get(number, 0) + missing)
        self._changed()

    def _note_dropped(self, route: int, events: int, reason: str) -> None:
        self._newest.clear()  # one of them may be what was dropped
        self.lose((route - 1,), 1, reason, events)

    def drop_events(self) -> None:
        """Drop the events that wait, and all reports of losses: numbers stand for other items from now on, perhaps."""
        self._gaps.clear()
        events = sum(run.count for run in self._take_events())
        if events:
            self._traffic.lost[REGISTERED_ANEW] += events

    def withhold_events(self, reason: str) -> None:
        """Drop the events that wait; the board gets reports of them soon, since numbers stand for the same items."""
        for run in self._take_events():
            self._note_dropped(run.route, run.count, reason)

    def _take_events(self) -> list[Run]:
        self._newest.clear()
        outbox, events = self.outbox, [run for run in self.outbox.runs if run.route]
        outbox.runs = deque(run for run in outbox.runs if not run.route)
        outbox.size = sum(len(run.data) for run in outbox.runs)
        return events

    @property
    def has_message(self) -> bool:
        """Whether `next_message` would return one."""
        return bool(self.outbox.size or self._gaps)

    def next_message(self) -> bytes | None:
        """Take the next message."""
        if self._gaps:
            self._taken.append(0)
            return gave_way(*self._gaps.popitem())
        run = self.outbox.pop()
        if run is None:
            return None
        if isinstance(run, _Newest) and self._newest.get(run.key) is run:
            del self._newest[run.key]
        self._taken.append(run.count)
        return run.data

    def lose_in_doubt(self, messages: int) -> None:
        """Count the events in so many of the messages taken last as lost: they may not have arrived."""
        unknown = sum(list(self._taken)[-messages:]) if messages else 0
        if unknown:
            self.outbox.taken -= unknown
            self._traffic.lost[IN_DOUBT] += unknown

    def shorten(self, make: Callable[[str], bytes], text: str) -> bytes:
        """Return a message with as much of a text as the board takes.

        Args:
            make: returns the message with a text.
            text: that may be too long.
        """
        clean = text.encode("utf-8", "backslashreplace")
        message = make(clean.decode())
        while len(message) > self.longest and clean:
            clean = clean[: max(0, len(clean) - (len(message) - self.longest))]
            message = make(clean.decode("utf-8", "ignore"))
        return message
