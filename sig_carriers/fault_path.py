"""One direction of a link with faults: what is put in comes out when it is due."""

from __future__ import annotations

import heapq
from typing import Final, Protocol

__all__ = ["NEVER", "Course", "Path"]

NEVER: Final = float("inf")


class Course(Protocol):
    """What a wrapper does to one direction.

    Attributes:
        room: bytes that may be on their way; more have to wait.
    """

    room: int

    def send_off(self, data: bytes, now: float) -> list[tuple[float, bytes]]:
        """Return what becomes of data that sets out now: pieces, and when each is to arrive, monotonic seconds."""


class Path:
    """Pieces of data on their way.

    Args:
        course: what becomes of what is put in.
    """

    def __init__(self, course: Course) -> None:
        self._course = course
        self._pieces: list[tuple[float, int, bytes]] = []
        self._number = 0  # of pieces so far: what is due at one time arrives in the order in which it came
        self._waiting = 0  # bytes

    @property
    def due(self) -> float:
        """When something arrives next; never, if nothing is on its way."""
        return self._pieces[0][0] if self._pieces else NEVER

    @property
    def is_full(self) -> bool:
        """Whether no more should be put in for now."""
        return self._waiting > self._course.room

    def put(self, data: bytes, now: float) -> None:
        """Send data off."""
        for due, piece in self._course.send_off(data, now):
            self._number += 1
            self._waiting += len(piece)
            heapq.heappush(self._pieces, (due, self._number, piece))

    def take(self, now: float) -> bytes | None:
        """Return the next piece that has arrived by now; None if there is none."""
        if self.due > now:
            return None
        piece = heapq.heappop(self._pieces)[2]
        self._waiting -= len(piece)
        return piece
