"""Links between two ends: bytes in order, with delay, in pieces of any size, until something goes wrong."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Protocol

from tests.simulation.world import World

__all__ = ["Cable", "End", "Holder"]

SYSTEM = 3.0  # seconds after which the system gives up a connection
SPLIT = 0.1  # of pieces that arrive in two


class Holder(Protocol):
    """Who has an end."""

    def receive(self, data: bytes) -> None:
        """Take bytes."""

    def at_end(self) -> None:
        """Note that nothing comes any more: the other end closed, or the link broke."""

    def writable(self) -> None:
        """Note that there is room again, where there was none."""


class End:
    """One of the two ends of a cable: what a socket is to a program.

    Attributes:
        holder: gets what comes; set before anything can.
        other: the end that gets what is sent here.
        reading: bytes are handed over as they come; else they wait, and take up room.
        closed: by its holder.
        cut: nothing that is sent here arrives any more.
        lost: nothing more comes here; the holder may not know it yet.
        under_way: bytes that were sent and not taken at the other end.
        watched: the holder notices by itself when nothing comes any more; else the system does.
    """

    __slots__ = (
        *("_arrivals", "_blocked", "_capacity", "_delay", "_eof", "_last", "_waiting", "_world"),
        *("closed", "cut", "holder", "lost", "other", "reading", "under_way", "watched"),
    )
    holder: Holder
    other: End

    def __init__(self, world: World, delay: float, capacity: int) -> None:
        self.reading = self.watched = True
        self.closed = self.cut = self.lost = False
        self._world = world
        self._delay = delay
        self._capacity = capacity  # bytes, of what is on its way to the other end, or waits there
        self.under_way = 0
        self._blocked = False
        self._last = 0.0  # when what was sent last arrives at the other end
        self._waiting: deque[bytes] = deque()
        self._eof = False  # comes after what waits

    # -- out

    def send(self, data: bytes) -> int:
        """Send what there is room for; return how many bytes that are."""
        size, room = len(data), self._capacity - self.under_way
        if room < size:
            self._blocked = True
            if room <= 0:
                return 0
            data, size = data[:room], room
        self.under_way += size
        if size > 1 and self._world.random() < SPLIT:
            at = 1 + int(self._world.random() * (size - 1))
            self._throw(data[:at])
            self._throw(data[at:])
        else:
            self._throw(data)
        return size

    def _throw(self, data: bytes) -> None:
        if not self.cut:
            self._world.at(self._arrival(), partial(self.other.arrive, data))

    def _arrival(self) -> float:
        when = self._world.now + self._delay * (0.5 + self._world.random())
        self._last = when = when if when > self._last else self._last
        return when

    def _taken(self, count: int) -> None:
        self.under_way -= count
        if self._blocked:
            self._unblock()

    def _unblock(self) -> None:
        if not self.closed:
            self._blocked = False
            self._world.soon(self._tell_writable)

    def _tell_writable(self) -> None:
        if not self.closed:
            self.holder.writable()

    # -- in

    def arrive(self, data: bytes) -> None:
        """Bytes come."""
        if self.lost or self.closed:
            return
        if not self.reading or self._waiting:
            self._waiting.append(data)
            return
        other = self.other
        other.under_way -= len(data)
        if other._blocked:
            other._unblock()
        self.holder.receive(data)

    def arrive_end(self) -> None:
        """The end comes."""
        if not self.closed:
            self._eof = True
            self._hand_over()

    def set_reading(self, on: bool) -> None:
        """Take what comes, or let it wait."""
        if on is not self.reading:
            self.reading = on
            if on:
                self._world.soon(self._hand_over)

    def _hand_over(self) -> None:
        while self.reading and self._waiting and not self.closed:
            data = self._waiting.popleft()
            self.other._taken(len(data))
            self.holder.receive(data)
        if self._eof and self.reading and not self._waiting and not self.closed:
            self._eof = False
            self.holder.at_end()

    # -- the end

    def close(self) -> None:
        """Be done with it: the other end gets what is on its way, then the end."""
        if self.closed:
            return
        self.closed = True
        self._waiting.clear()
        if not self.cut:
            self._world.at(self._arrival(), self.other.arrive_end)
            self.cut = True

    def die(self, notice: float | None) -> None:
        """The holder's process dies; the other end learns of it when `notice` says so, see `lose`."""
        self.closed = True
        self.other.lose(notice)

    def lose(self, notice: float | None) -> None:
        """Nothing that is sent there from now on, or is under way, arrives here; after `notice` seconds, if it is no
        None, the holder learns that."""
        self.lost = True
        self.other.cut = True
        if notice is None and not self.watched:
            notice = SYSTEM
        if notice is not None:
            self._world.after(notice, self.arrive_end)


class Cable:
    """A link.

    Args:
        delay: seconds that bytes take, about.
        capacity: bytes that are under way, or wait unread, in one direction at most.

    Attributes:
        near, far: its ends, of who dials and of who listens.
    """

    def __init__(self, world: World, delay: float, capacity: int) -> None:
        self._world = world
        self.near, self.far = End(world, delay, capacity), End(world, delay, capacity)
        self.near.other, self.far.other = self.far, self.near

    @property
    def is_whole(self) -> bool:
        """Whether both ends are open and reach each other."""
        return not (self.near.closed or self.far.closed or self.near.lost or self.far.lost)

    @property
    def is_over(self) -> bool:
        """Whether both ends are closed."""
        return self.near.closed and self.far.closed

    def cut(self, near: float | None, far: float | None) -> None:
        """Break; each end learns of it after so many seconds, or never."""
        self.near.lose(near)
        self.far.lose(far)
