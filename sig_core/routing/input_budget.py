"""What the incomplete messages of all links may take together."""

from __future__ import annotations

from typing import Protocol

from sig_core.errors import Busy, SigError

__all__ = ["InputBudget", "InputHolder"]


class InputHolder(Protocol):
    """Who has bytes of a message that is not complete.

    Attributes:
        peer: printable, whose they are.
    """

    peer: str

    def fail(self, error: SigError) -> None:
        """End: it has too many."""


class InputBudget:
    """Adds up what is held, and ends who holds most where that is too much.

    Args:
        limit: bytes.

    Attributes:
        size: bytes that are held.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._held: dict[InputHolder, int] = {}  # who began first comes first

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, holder: InputHolder, size: int) -> None:
        """Note how many bytes somebody holds now.

        Args:
            holder: who.
            size: bytes; 0: nothing any more.
        """
        self.size += size - self._held.get(holder, 0)
        if size:
            self._held[holder] = size
        else:
            self._held.pop(holder, None)
        while self.size > self.limit:
            self._end_greediest()

    def _end_greediest(self) -> None:
        holder = max(self._held, key=self._held.__getitem__)
        size = self._held.pop(holder)
        self.size -= size
        text = f"{size} bytes of a message that is not complete; all links may hold {self.limit} together (max_input)"
        holder.fail(Busy(f"{holder.peer}: {text}"))
