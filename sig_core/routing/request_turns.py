"""Requests that wait for an owner who works on few at one time: users take turns, and of one user its links.

How many are few depends on how fast the owner is: what it has, newcomers must wait for. So while others wait and it
answers a whole window of requests within QUICK, the window is doubled, up to GROWTH times what the owner asked for;
once a window takes more than SLOW it is halved again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Final

from sig_core.routing.ports import Port, RequestBatch

__all__ = ["RequestTurns"]

Waiting = dict[Port, dict[RequestBatch, None]]

QUICK: Final = 0.05  # seconds
SLOW: Final = 0.2  # seconds: so long a newcomer may have to wait for a window
GROWTH: Final = 4


class RequestTurns:
    """What one owner has to work on, and what waits for it.

    Args:
        most: requests that the owner wants at one time.

    Attributes:
        window: requests that it may have at one time; `most` to GROWTH times that.
        at_work: requests that it has.
    """

    __slots__ = ("_began", "_left", "_most", "_of", "_sizes", "_turns", "at_work", "window")

    def __init__(self, most: int) -> None:
        self.window = most
        self.at_work = 0
        self._most = most
        self._left = 0  # answers until a window is measured; 0: none is
        self._began = 0.0  # when that began, monotonic seconds
        self._turns: dict[str | Port, Waiting] = {}  # of users, and links of nobody; whose turn is next first
        self._of: dict[int, tuple[str | Port, Port, RequestBatch]] = {}  # by token
        self._sizes: dict[Port, int] = {}  # bytes

    def __len__(self) -> int:
        """The requests that wait."""
        return len(self._of)

    def begin(self, count: int) -> bool:
        """Return whether so many requests go at once: then the owner has them."""
        if self._of or self.at_work + count > self.window:
            return False
        self.at_work += count
        return True

    def end(self, count: int, now: float) -> bool:
        """Note that the owner has done so many, at `now` (monotonic seconds); return whether others wait."""
        self.at_work = self.at_work - count if self.at_work > count else 0
        if self._of:
            self._measure(count, now)
            return True
        self._left = 0
        return False

    def _measure(self, count: int, now: float) -> None:
        if not self._left:
            self._left, self._began = self.window, now
            return
        self._left = max(0, self._left - count)
        took = now - self._began
        if took > SLOW:
            self.window, self._left = max(self._most, self.window // 2), 0
        elif not self._left and took < QUICK:
            self.window = min(GROWTH * self._most, 2 * self.window)

    @property
    def sizes(self) -> Mapping[Port, int]:
        """The bytes that wait, of each that asks."""
        return self._sizes

    def size_of(self, asker: Port) -> int:
        """Return how many bytes wait of one that asks."""
        return self._sizes.get(asker, 0)

    def put(self, asker: Port, batch: RequestBatch, user: str = "") -> None:
        """Let requests wait.

        Args:
            asker: who makes them.
            batch: they.
            user: whose link that is; "": nobody's.
        """
        who = user or asker
        self._turns.setdefault(who, {}).setdefault(asker, {})[batch] = None
        self._of.update(dict.fromkeys(batch.tails, (who, asker, batch)))
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
        room = self.window - self.at_work
        if room <= 0 or not self._turns:
            return None
        who, asks = next(iter(self._turns.items()))
        asker, batches = next(iter(asks.items()))
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
            self._end(who, asker)
        elif len(asks) > 1:  # the others come before its next
            asks[asker] = asks.pop(asker)
        if len(self._turns) > 1 and who in self._turns:
            self._turns[who] = self._turns.pop(who)
        self.at_work += len(taken.tails)
        return taken

    def _take_out(self, token: int) -> None:
        who, asker, batch = self._of.pop(token)
        self._sizes[asker] -= len(batch.tails.pop(token))
        if not batch.tails:
            batches = self._turns[who][asker]
            del batches[batch]
            if not batches:
                self._end(who, asker)

    def _end(self, who: str | Port, asker: Port) -> None:
        """Forget one of whom nothing waits any more."""
        asks = self._turns[who]
        del asks[asker]
        if not asks:
            del self._turns[who]
        if not self._sizes[asker]:  # else it has another name by now, under which something waits
            del self._sizes[asker]
