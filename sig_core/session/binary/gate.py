"""Who sends what publishers append to the output of a client's session, and when."""

from __future__ import annotations

from typing import Protocol

__all__ = ["FRAMES", "SMALL", "ClosedGate", "Gate"]

FRAMES = 512  # so many frames may be gathered ...
SMALL = 128  # ... and those of at most so many bytes are not counted in bytes: all of them together are 64 KiB


class Gate(Protocol):
    """The way from a session's output to its link.

    Attributes:
        full: too much waits: `make_room` has to be called before anything is appended.
        gathers: something is sent soon anyhow: a SMALL frame may join it without a word, unless FRAMES wait.
    """

    full: bool
    gathers: bool

    def make_room(self) -> None:
        """Wait until output drains, or raise Backpressure."""

    def added(self, size: int) -> None:
        """Note that a frame of `size` bytes was appended: send it, or let it gather."""


class ClosedGate:
    """The gate of a session that has no link yet: what is appended waits."""

    full = False
    gathers = False

    def make_room(self) -> None:
        """Nothing is ever full."""

    def added(self, size: int) -> None:
        """Nothing is sent."""
