"""What one turn of a peer may cost the others: so many messages, or fewer if they, or their answers, are long."""

from __future__ import annotations

from typing import Final

__all__ = ["BYTES_PER_MESSAGE", "MESSAGES_PER_TURN", "SECONDS_PER_TURN", "cost_of"]

MESSAGES_PER_TURN: Final = 64  # a peer that sends thousands at once does not keep the others waiting
SECONDS_PER_TURN: Final = 0.003  # that its messages may take, whatever follows from them; the one that exceeds it ends
BYTES_PER_MESSAGE: Final = 512  # so many, of a message or an answer, count as one message more


def cost_of(size: int) -> int:
    """Return what a message of `size` bytes costs, in messages."""
    return 1 + size // BYTES_PER_MESSAGE
