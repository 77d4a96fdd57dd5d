"""What a line carries messages for, and what it offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sig_core.errors import SigError
from sig_core.line.handshake import Syn, SynAck
from sig_core.line.packets import MAX_PAYLOAD

__all__ = ["Terms", "UpperLayer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one end of a line offers.

    Attributes:
        mtu: bytes of payload in one packet, 16 .. 246.
        window: packets that it may have open, 1 .. 8.
        message: bytes of the longest message that it takes in parts; 0: none.
        keepalive: seconds, 0.1 .. 25.5; three times that in silence, and the peer is not there.
        resume: seconds for which a host keeps a session whose board does not answer.
        bitrate: of the line, bits per second; None: not known.
    """

    mtu: int = MAX_PAYLOAD
    window: int = 8
    message: int = 65_535
    keepalive: float = 1.0
    resume: float = 5.0
    bitrate: int | None = None


class UpperLayer(Protocol):
    """What a line carries messages for. None of these may raise."""

    @property
    def has_message(self) -> bool:
        """Whether `next_message` would give one."""

    def next_message(self, room: int) -> bytes | None:
        """Return the next message to send; a stream gives at most `room` bytes. None: there is none."""

    def message(self, data: bytes, now: float) -> None:
        """Take a message (of a stream: some bytes), each once and in order."""

    def connected(self, peer: Syn | SynAck, fresh: bool, now: float) -> None:
        """The peer is there; `fresh`: nothing of an earlier session is left at it."""

    def disconnected(self) -> None:
        """The peer does not answer; the session may go on when it does."""

    def ended(self, error: SigError, doubtful: int) -> None:
        """The session is over. `doubtful`: of the messages given last so many may not have arrived."""

    def printed(self, text: str) -> None:
        """Somebody wrote text on the line."""

    def warned(self, text: str) -> None:
        """Something is wrong with the line that a person should know; said once each time."""
