"""When a client that lost its link tries to connect again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice

from sig_core.description import described
from sig_core.errors import AccessDenied, ConfigError, ConnectFailed, SigError

__all__ = ["Reconnect", "ReconnectSchedule"]

_RANGES: dict[str, tuple[float, float]] = {
    "first": (0.001, 3600.0),
    "most": (0.001, 3600.0),
    "factor": (1.0, 100.0),
    "jitter": (0.0, 1.0),
    "attempts": (1, 10**9),
    "keep": (0, 2**40),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """How a client reconnects. Immutable; an argument of `ClientRouter`, which takes None for a client that never does.

    Attributes:
        first: seconds before the first attempt.
        most: seconds between attempts, at most.
        factor: by which each wait is longer than the one before.
        jitter: part of each wait that is random, so that the clients of one server do not all come in one moment.
        attempts: after which, in a row, it gives up; None: never.
        keep: bytes of encoded events that may wait meanwhile, then the oldest are dropped; 0: a trigger raises
            `LinkClosed`.

    Raises:
        ConfigError: a value is out of its range.
    """

    first: float = 0.1
    most: float = 5.0
    factor: float = 2.0
    jitter: float = 0.5
    attempts: int | None = None
    keep: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, whole = getattr(self, field.name), field.name in ("attempts", "keep")
            if value is None and field.name == "attempts":
                continue
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                kind = "an integer" if whole else "a number"
                raise ConfigError(f"reconnect {field.name}={described(value)}: must be {kind}")
            low, high = _RANGES[field.name]
            if not low <= value <= high:
                raise ConfigError(f"reconnect {field.name}={described(value)}: must be from {low:g} to {high:g}")

    def waits(self, chance: Callable[[], float]) -> Iterator[float]:
        """Return the seconds to wait before each attempt.

        Args:
            chance: returns a random number from 0 to 1.
        """
        wait, attempt = min(self.first, self.most), 0
        while self.attempts is None or attempt < self.attempts:
            yield wait * (1 - self.jitter * chance())
            wait, attempt = min(wait * self.factor, self.most), attempt + 1

    def long_waits(self, chance: Callable[[], float], attempt: int) -> Iterator[float]:
        """Return the seconds to wait before each further attempt after `attempt` of them: the longest, each time."""
        return islice(replace(self, first=self.most).waits(chance), attempt, None)


class ReconnectSchedule:
    """When the next attempts are due, over all the links of a client.

    Who is denied access waits as long as it can be, each time: to be let in takes somebody who changes something.
    Waits grow, and attempts count, until a link has lived for `most` seconds: who is taken in and dropped again and
    again is not let in faster than who is refused.

    Args:
        policy: see `Reconnect`.
        chance: returns a random number from 0 to 1.

    Attributes:
        count: attempts so far, since a link lived for so long.
        last: why there is no link.
    """

    def __init__(self, policy: Reconnect, chance: Callable[[], float]) -> None:
        self._policy = policy
        self._chance = chance
        self._waits = policy.waits(chance)
        self._told = ""
        self._is_denied = False
        self.count = 0
        self.last: SigError = ConnectFailed("no attempt was made")

    def lost(self, lived: float, error: SigError) -> None:
        """Note that a link was lost after so many seconds."""
        if lived >= self._policy.most:
            self._waits, self.count, self._is_denied = self._policy.waits(self._chance), 0, False
        self._told, self.last = "", error
        self._wait_long_if_denied(error)

    def next_wait(self) -> float | None:
        """Return the seconds before the next attempt; None: all attempts are used up."""
        wait = next(self._waits, None)
        self.count += wait is not None
        return wait

    def failed(self, error: SigError) -> str | None:
        """Note that an attempt failed; return what the user should read of it, once for each cause."""
        self.last, text = error, str(error)
        self._wait_long_if_denied(error)
        if text == self._told:
            return None
        self._told = text
        return f"attempt {self.count} to come back failed: {text}"

    def _wait_long_if_denied(self, error: SigError) -> None:
        if isinstance(error, AccessDenied) and not self._is_denied:
            self._is_denied = True
            self._waits = self._policy.long_waits(self._chance, self.count)
