"""What an I/O thread waits on: many descriptors, each with the thing that it belongs to."""

from __future__ import annotations

import select
import selectors
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

__all__ = ["READ", "WRITE", "EpollPoller", "Poller", "SelectorPoller", "new_poller"]

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
IN = getattr(select, "EPOLLIN", 1)  # the mask of most events
BATCH = 128  # descriptors that one poll tells of ...
LARGE = 4096  # ... and that the next one does, if there were so many: whose turn it is is decided among all

T = TypeVar("T")


class Poller(Protocol[T]):
    """Waits for descriptors; level-triggered. Not thread-safe."""

    def register(self, descriptor: int, events: int, thing: T) -> None:
        """Begin to wait for a descriptor.

        Args:
            descriptor: which is not waited for yet.
            events: READ, WRITE or both.
            thing: that `poll` returns when it is ready.
        """

    def modify(self, descriptor: int, events: int, thing: T) -> None:
        """Wait for other events."""

    def unregister(self, descriptor: int) -> None:
        """Wait for it no more. Call it before the descriptor is closed."""

    def poll(self, timeout: float) -> list[tuple[T, int]]:
        """Return what is ready within `timeout` seconds (0 and more), and for what of that which it waits for."""

    def close(self) -> None:
        """Close its own descriptor."""


class SelectorPoller(Generic[T]):
    """Over the selector of the standard library that is best here."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, descriptor: int, events: int, thing: T) -> None:
        """See `Poller`."""
        self._selector.register(descriptor, events, thing)

    def modify(self, descriptor: int, events: int, thing: T) -> None:
        """See `Poller`."""
        self._selector.modify(descriptor, events, thing)

    def unregister(self, descriptor: int) -> None:
        """See `Poller`."""
        self._selector.unregister(descriptor)

    def poll(self, timeout: float) -> list[tuple[T, int]]:
        """See `Poller`."""
        return [(key.data, events) for key, events in self._selector.select(timeout)]

    def close(self) -> None:
        """See `Poller`."""
        self._selector.close()


class EpollPoller(Generic[T]):
    """Over epoll of Linux, without what a selector does for other systems: 1 us and 100 bytes a descriptor less."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._things: dict[int, tuple[T, int]] = {}
        self._most = BATCH

    def register(self, descriptor: int, events: int, thing: T) -> None:
        """See `Poller`."""
        self._epoll.register(descriptor, _mask(events))
        self._things[descriptor] = thing, events

    def modify(self, descriptor: int, events: int, thing: T) -> None:
        """See `Poller`."""
        self._epoll.modify(descriptor, _mask(events))
        self._things[descriptor] = thing, events

    def unregister(self, descriptor: int) -> None:
        """See `Poller`."""
        del self._things[descriptor]
        with suppress(OSError):  # it was closed, and is not waited for any more
            self._epoll.unregister(descriptor)

    def poll(self, timeout: float) -> list[tuple[T, int]]:
        """See `Poller`."""
        things, found = self._things, []
        ready = self._epoll.poll(timeout, self._most)
        self._most = BATCH if len(ready) < BATCH else LARGE
        for descriptor, mask in ready:
            known = things.get(descriptor)
            if known is not None:  # else it was closed too early, and lives on in a copy: nobody waits for it here
                found.append((known[0], READ if mask == IN else known[1] & _events(mask)))
        return found

    def close(self) -> None:
        """See `Poller`."""
        self._epoll.close()


def _mask(events: int) -> int:
    return (select.EPOLLIN if events & READ else 0) | (select.EPOLLOUT if events & WRITE else 0)


def _events(mask: int) -> int:
    """Return what a mask means: an error or a hang-up concerns who reads and who writes."""
    return (READ if mask & ~select.EPOLLOUT else 0) | (WRITE if mask & ~select.EPOLLIN else 0)


def new_poller() -> Poller[T]:
    """Make the best one that there is here."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
