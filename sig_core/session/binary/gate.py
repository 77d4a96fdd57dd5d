"""Who sends what publishers append to the output of a client's session, and when."""

from __future__ import annotations

from typing import Protocol

__all__ = ["FRAMES", "HIGH_WATER", "HOT_GAP", "MAX_BATCH", "SMALL", "ClosedGate", "Gate", "take_output"]

HOT_GAP = 50e-6  # seconds: what comes within this time of the last send may wait for more: a send costs about as much
MAX_BATCH = 64 * 1024  # bytes gathered at which who triggers sends: the server reads no more at once ...
FRAMES = 512  # ... or so many frames: with more, a request among them waits longer, and a send costs little beside 512
SMALL = 128  # bytes up to which frames are not counted in bytes: FRAMES of them together are MAX_BATCH
HIGH_WATER = 1024 * 1024  # bytes that may wait while the link takes none: some batches, so that it never runs dry


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


def take_output(out: list[bytes]) -> bytes:
    """Empty the output of a session, and return it as one piece."""
    batch = out[:]  # the list is never replaced: another thread may be between looking `append` up and calling it
    del out[: len(batch)]
    return batch[0] if len(batch) == 1 else b"".join(batch)
