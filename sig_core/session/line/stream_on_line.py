"""A program's session on a line: the byte stream of the binary dialect, cut into packets."""

from __future__ import annotations

from sig_core.errors import SigError
from sig_core.session.binary.server import ServerSession

__all__ = ["StreamOnLine"]

READ_AHEAD = 4096  # bytes taken from the session at once; what is taken can't be dropped for newer events any more


class StreamOnLine:
    """Carries the byte stream of a `ServerSession` in the messages of a line.

    Args:
        session: of the program.

    Attributes:
        port: the session, which is what the exchange knows.
    """

    def __init__(self, session: ServerSession) -> None:
        self.port = session
        self._rest = memoryview(b"")

    @property
    def reading_paused(self) -> bool:
        """Whether the program's input is not to be read for now."""
        return self.port.reading_paused

    @property
    def finished(self) -> bool:
        """Whether the session has ended and all its output is taken."""
        return self.port.error is not None and not self.has_message

    @property
    def has_message(self) -> bool:
        """Whether `next_message` would return something."""
        return bool(self._rest) or self.port.has_output

    def next_message(self, room: int) -> bytes | None:
        """Return at most `room` bytes of the stream."""
        if not self._rest:
            self._rest = memoryview(self.port.take(READ_AHEAD))
        data, self._rest = bytes(self._rest[:room]), self._rest[room:]
        return data or None

    def message(self, data: bytes, now: float) -> None:
        """Take bytes of the stream."""
        self.port.receive_data(data, now)
        self.port.traffic.bytes_in -= len(data)  # the station has counted them, with all that was around them

    def flush_events(self, now: float) -> None:
        """Nothing is gathered here."""

    def tick(self, now: float) -> float:
        """Do what is due; return the seconds until the next call is needed."""
        return self.port.tick(now)

    def end(self, error: SigError, doubtful: int) -> None:
        """End: the session of the line is over."""
        self.port.fail(error)
