"""A plain peer's output, with a clock that the test turns, and what left of it."""

from __future__ import annotations

import re
from collections import Counter

from sig_core.session.plain.message_queue import CallNumbers, EventRun
from sig_core.session.plain.output import PlainOutput

__all__ = ["EVENT", "PATIENCE", "ROOM", "Heard", "without_heads"]

PATIENCE = 10.0
EVENT = 1  # a route
ROOM = 1 << 20


def without_heads(data: bytes) -> bytes:
    """Return messages without what is made for each listener."""
    return re.sub(rb'\{"id":(\d+),"method":"signal","params":\{"listener_id":\1,(.*)\}\n', rb"\2\n", data)


class Idents(CallNumbers):
    """Numbers a call by the listener that it is for, so that a test knows it."""

    out: PlainOutput

    def next(self) -> int:
        event = self.out.calls.runs[0]
        assert isinstance(event, EventRun)
        return event.listeners[0]


class Heard:
    """An output, and a link that takes all of it at once.

    Attributes:
        messages: (when, text) of what left.
        asked: when `due` wanted ticks.
    """

    def __init__(self, limit: int = 1 << 20) -> None:
        self.now = 100.0
        self.messages: list[tuple[float, str]] = []
        self.asked: list[float] = []
        self.lost: Counter[str] = Counter()
        self.changes = 0
        numbers = Idents()
        self.out = numbers.out = PlainOutput(limit, numbers, PATIENCE, self._lose, self._changed, self.asked.append)

    def _lose(self, route: int, count: int, reason: str) -> None:
        self.lost[reason] += count

    def _changed(self) -> None:
        self.changes += 1

    def put_event(self, ident: int, size: int = 0) -> None:
        self.out.put_event(EVENT, f"e{ident}".encode().ljust(size, b"."), [ident])

    def event(self, ident: int, size: int = 0) -> None:
        self.put_event(ident, size)
        self.flush()

    def request(self, ident: int) -> None:
        self.out.put_call(ident, f"r{ident}\n".encode())
        self.flush()

    def answer(self, name: str) -> None:
        self.out.put_answer(f"{name}\n".encode())
        self.flush()

    def answered(self, ident: int) -> None:
        self.out.note_answer(ident)
        self.flush()

    def declare(self, *, lines: bool | None = None, answering: bool | None = None) -> None:
        self.out.declare(lines=lines, answering=answering)
        self.flush()

    def flush(self) -> None:
        while self.out.has_output:
            data = self.out.take(ROOM)
            assert data, "has_output, but nothing to take"
            self.out.sent(len(data), self.now)
            self.messages += [(self.now, text.rstrip(".")) for text in without_heads(data).decode().splitlines()]
        assert not self.out.take(ROOM)

    def wait(self, seconds: float) -> None:
        """Turn the clock from tick to tick, as they are asked for."""
        end = self.now + seconds
        while True:
            when = self.out.tick(self.now)
            self.flush()
            when = min(when, self.out.tick(self.now))
            if when > end:
                break
            assert when >= self.now
            self.now = when
        self.now = end

    def take(self) -> list[str]:
        """What left since the last look."""
        texts = [text for _, text in self.messages]
        self.messages.clear()
        return texts


# -- a peer that reads lines
