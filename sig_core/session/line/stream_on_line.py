"""A program's session on a line: the byte stream of the binary dialect, cut into packets."""

from __future__ import annotations

from sig_core.errors import SigError
from sig_core.session.binary.client_port import ClientPort
from sig_core.session.binary.server import ServerSession

__all__ = ["StreamOnLine"]

READ_AHEAD = 4096  # bytes taken from the session at once; what is taken can't give way to newer events any more


class StreamOnLine:
    """Carries the byte stream of a `ServerSession` in the messages of a line.

    Args:
        program: the session.

    Attributes:
        program: the session.
    """

    def __init__(self, program: ServerSession) -> None:
        self.program = program
        self._rest = memoryview(b"")

    @property
    def port(self) -> ClientPort:
        """What of it the exchange knows."""
        return self.program.port

    @property
    def reading_paused(self) -> bool:
        """Whether the program's input is not to be read for now."""
        return self.program.reading_paused

    @property
    def finished(self) -> bool:
        """Whether the session has ended and all its output is taken."""
        return self.program.error is not None and not self.has_message

    @property
    def has_message(self) -> bool:
        """Whether `next_message` would return something."""
        return bool(self._rest) or self.program.has_output

    def next_message(self, room: int) -> bytes | None:
        """Return at most `room` bytes of the stream."""
        if not self._rest:
            ahead = room if self.port.outbox.keeps_newest else READ_AHEAD
            self._rest = memoryview(self.program.take(ahead))
        data, self._rest = bytes(self._rest[:room]), self._rest[room:]
        return data or None

    def message(self, data: bytes, now: float) -> None:
        """Take bytes of the stream."""
        self.program.receive_data(data, now)
        self.program.traffic.bytes_in -= len(data)  # the station has counted them, with all that was around them

    def flush_events(self, now: float) -> None:
        """Nothing is gathered here."""

    def tick(self, now: float) -> float:
        """Do what is due; return the seconds until the next call is needed."""
        return self.program.tick(now)

    def end(self, error: SigError, doubtful: int) -> None:
        """End: the session of the line is over."""
        self.program.fail(error)
