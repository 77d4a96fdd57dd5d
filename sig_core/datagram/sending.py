"""The sending half of a packet link: what is open, what is sent again, and when."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from sig_core.clock import NEVER
from sig_core.datagram.wire import DATA, END, NUMBERS, ahead
from sig_core.line.timing import RetransmitTimer

__all__ = ["Sending"]

FIRST_RTO: Final = 0.2  # seconds
FIRST_CREDIT: Final = 4  # packets
BEGIN, FEWEST, MOST = 16, 8, 255  # packets that may be open: at first, after losses, ever
SKIPPED: Final = 3  # acknowledgements of later packets after which one is lost


class _Sent:
    """A packet that is open."""

    __slots__ = ("again_at", "body", "kind", "later", "sent_at", "skipped", "times")

    def __init__(self, kind: int, body: bytes) -> None:
        self.kind = kind
        self.body = body
        self.times = 0
        self.sent_at = self.again_at = 0.0
        self.skipped = 0
        self.later = 0  # packets from this number on were sent after it


class Sending:
    """Cuts a stream to packets, and sends each until it is acknowledged.

    Args:
        room: bytes of the stream that one packet holds.

    Attributes:
        queued: bytes that were not sent yet.
        again: packets that were sent once more.
    """

    def __init__(self, room: int) -> None:
        self.queued = 0
        self.again = 0
        self._room = room
        self._queue: deque[bytes] = deque()
        self._open: dict[int, _Sent] = {}  # by number, the oldest first
        self._number = 0  # of the next one
        self._expected = 0  # by the peer, as it said last
        self._credit = FIRST_CREDIT
        self._ask_at = NEVER  # whether there is still no room
        self._window = float(BEGIN)
        self._timer = RetransmitTimer(FIRST_RTO)
        self._end_wanted = self._end_sent = False

    @property
    def is_idle(self) -> bool:
        """Whether all that was written, and the end if it was wanted, is acknowledged."""
        return not self._open and not self._has_more

    @property
    def _has_more(self) -> bool:
        return bool(self._queue) or (self._end_wanted and not self._end_sent)

    # -- in

    def write(self, data: bytes) -> None:
        """Append to the stream."""
        if data:
            self._queue.append(data)
            self.queued += len(data)

    def finish(self) -> None:
        """End the stream behind what was written."""
        self._end_wanted = True

    def acknowledge(self, expected: int, credit: int, came: Iterable[int], now: float) -> None:
        """Take what the peer says: what it expects, for how many it has room, and which later ones have come."""
        step = ahead(expected, self._expected)
        if step > ahead(self._number, self._expected):
            return  # older than what it said before, or of packets that were never sent
        gone = [(self._expected + n) % NUMBERS for n in range(step)]
        acknowledged = [number for number in (*gone, *came) if number in self._open]
        self._expected = expected
        if credit == 0 and self._credit:
            self._ask_at = now + self._timer.rto
        self._credit = credit
        if acknowledged:
            self._take_away(acknowledged, now)

    def _take_away(self, numbers: list[int], now: float) -> None:
        sent = [self._open.pop(number) for number in numbers]
        once = [each.sent_at for each in sent if each.times == 1]
        if once:
            self._timer.measured(now - max(once))
        self._timer.answered()
        self._window = min(MOST, self._window + len(sent) / self._window)
        last = max(numbers, key=lambda number: ahead(number, self._expected - MOST))
        for each in self._open.values():
            if ahead(last, each.later) < MOST:  # something that was sent after it has come
                each.skipped += 1
                if each.skipped >= SKIPPED:
                    each.again_at = now

    # -- out

    def packets(self, now: float) -> list[tuple[int, int, bytes]]:
        """Return what is to be sent now: kind, number and bytes of the stream."""
        late = [number for number, each in self._open.items() if each.again_at <= now]
        if late:
            self._slow_down(late)
        while self._has_more and self._may_send(now):
            late.append(self._cut())
        return [self._sent(number, now) for number in late]

    def _slow_down(self, late: list[int]) -> None:
        self.again += len(late)
        if any(self._open[number].skipped < SKIPPED for number in late):  # nothing came for long, not just a gap
            self._timer.doubled()
            self._window = max(FEWEST, self._window / 2)

    def _may_send(self, now: float) -> bool:
        span = ahead(self._number, self._expected)
        return span < min(self._credit, int(self._window)) or (not span and now >= self._ask_at)

    def _cut(self) -> int:
        parts, size = list[bytes](), 0
        while self._queue and size < self._room:
            part = self._queue.popleft()
            if size + len(part) > self._room:
                self._queue.appendleft(part[self._room - size :])
                part = part[: self._room - size]
            parts.append(part)
            size += len(part)
        self.queued -= size
        number, self._number = self._number, (self._number + 1) % NUMBERS
        self._open[number] = _Sent(DATA if size else END, b"".join(parts))
        self._end_sent = not size
        return number

    def _sent(self, number: int, now: float) -> tuple[int, int, bytes]:
        each = self._open[number]
        each.times += 1
        each.sent_at, each.again_at = now, now + self._timer.rto
        each.skipped, each.later = 0, self._number
        return each.kind, number, each.body

    @property
    def due(self) -> float:
        """When something is to be sent again, or asked."""
        again = min((each.again_at for each in self._open.values()), default=NEVER)
        return min(again, self._ask_at) if self._has_more and not self._credit and not self._open else again
