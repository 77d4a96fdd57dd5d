"""What a connection needs of the session on its link, whatever its dialect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from sig_core.errors import SigError
from sig_core.session.base import State

__all__ = ["LinkSession"]


class LinkSession(Protocol):
    """A session on one link. Feed it with `receive_data`, send what `take` returns, call `tick` when it is due.

    Attributes:
        peer: printable, for messages and logs.
        client: 32 hex digits that identify it; "" before its hello, and of a board.
        state, error: see `SessionState`.
        lost: events that did not reach the peer, by reason.
        reading_paused: its input is not to be read for now.
        keeps_half_open: after the end of its input it may still have output, and ends by itself.
        on_change: called when output appears where there was none, when `reading_paused` changes, and after `close`.
    """

    peer: str
    client: str
    state: State
    error: SigError | None
    reading_paused: bool
    keeps_half_open: bool
    on_change: Callable[[], None]

    @property
    def lost(self) -> Counter[str]: ...

    @property
    def is_stranger(self) -> bool:
        """Whether the peer has not said who it is, or has nothing here: its link may give way to another one."""

    @property
    def read_hint(self) -> int:
        """Bytes that are best read at once and alone; 0: nothing is known."""

    @property
    def has_output(self) -> bool:
        """Whether `take` would return something."""

    def receive_data(self, data: bytes, now: float) -> None:
        """Take bytes as they came.

        Args:
            data: the bytes; any piece of the stream, or one packet.
            now: monotonic seconds.
        """

    def receive_eof(self) -> None:
        """The link ended at the peer's side, or broke."""

    def take(self, room: int) -> bytes:
        """Take output; b"" if there is none.

        Args:
            room: bytes that are wanted at most; a single frame may be longer.
        """

    def sent(self, count: int, now: float) -> None:
        """Note that output was sent.

        Args:
            count: bytes.
            now: monotonic seconds.
        """

    def hold(self, size: int) -> None:
        """Note that so many bytes which were taken are not sent yet; only told where the link does not take all."""

    def let_go(self) -> None:
        """Drop what waits for a peer: its link is closed, and this may live on until the collector finds it."""

    def tick(self, now: float) -> float:
        """Do what is due; return the seconds until the next call is needed."""

    def fail(self, error: SigError) -> None:
        """End because of `error`; the peer is told if that is possible."""

    def close(self, text: str = "closed") -> None:
        """End in order."""
