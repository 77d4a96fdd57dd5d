"""Requests that wait for an owner who works on few at one time: those who ask take turns."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from sig_core.routing.ports import Port, RequestBatch

__all__ = ["RequestTurns"]


class RequestTurns:
    """What one owner has to work on, and what waits for it.

    Args:
        most: requests that the owner has at one time.

    Attributes:
        most: see above.
        at_work: requests that it has.
    """

    __slots__ = ("_of", "_sizes", "_turns", "at_work", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.at_work = 0
        self._turns: dict[Port, dict[RequestBatch, None]] = {}  # of those who ask, whose turn is next first
        self._of: dict[int, tuple[Port, RequestBatch]] = {}  # by token
        self._sizes: dict[Port, int] = {}  # bytes

    def __len__(self) -> int:
        """The requests that wait."""
        return len(self._of)

    def begin(self, count: int) -> bool:
        """Return whether so many requests go at once: then the owner has them."""
        if self._of or self.at_work + count > self.most:
            return False
        self.at_work += count
        return True

    def end(self, count: int) -> bool:
        """Note that the owner has done so many; return whether others wait."""
        self.at_work = self.at_work - count if self.at_work > count else 0
        return bool(self._of)

    def size_of(self, asker: Port) -> int:
        """Return how many bytes wait of one that asks."""
        return self._sizes.get(asker, 0)

    def put(self, asker: Port, batch: RequestBatch) -> None:
        """Let requests wait."""
        self._turns.setdefault(asker, {})[batch] = None
        self._of.update(dict.fromkeys(batch.tails, (asker, batch)))
        self._sizes[asker] = self.size_of(asker) + sum(map(len, batch.tails.values()))

    def waits(self, token: int) -> bool:
        """Return whether a request waits."""
        return token in self._of

    def drop(self, token: int) -> None:
        """Forget a request, if it waits."""
        if token in self._of:
            self._take_out(token)

    def take(self) -> RequestBatch | None:
        """Return the next requests that the owner has from now on; None: it has enough, or none waits."""
        room = self.most - self.at_work
        if room <= 0 or not self._turns:
            return None
        asker, batches = next(iter(self._turns.items()))
        batch = next(iter(batches))
        share = max(1, room // len(self._turns))
        if len(batch.tails) <= share:
            taken = batch
            del batches[batch]
        else:
            taken = replace(batch, tails={token: batch.tails.pop(token) for token in list(islice(batch.tails, share))})
        for token in taken.tails:
            del self._of[token]
        self._sizes[asker] -= sum(map(len, taken.tails.values()))
        if not batches:
            del self._turns[asker], self._sizes[asker]
        elif len(self._turns) > 1:  # the others come before its next
            self._turns[asker] = self._turns.pop(asker)
        self.at_work += len(taken.tails)
        return taken

    def _take_out(self, token: int) -> bytes:
        asker, batch = self._of.pop(token)
        tail = batch.tails.pop(token)
        self._sizes[asker] -= len(tail)
        if not batch.tails:
            del self._turns[asker][batch]
            if not self._turns[asker]:
                del self._turns[asker], self._sizes[asker]
        return tail
