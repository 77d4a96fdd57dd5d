"""The audit of a server: who came, what was denied, what changed; one JSON object a line."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from sig_core.access.repeats import Repeats
from sig_core.clock import Clock
from sig_core.printable import printable

__all__ = ["Audit"]

MOST_WAITING: Final = 10_000  # entries
# What is told as a warning; all else is told as information.
BAD = frozenset({"refused", "denied", "revoked", "rules refused", "certificate refused"})

_log = logging.getLogger("sig.audit")


class Audit:
    """Takes entries under the lock of a server, and writes them when it is free.

    Args:
        later: has a function called soon, outside of the lock.
        clock: returns monotonic seconds.
        hook: returns what the hook `sig_audit` calls; None: nobody implements it.
    """

    def __init__(
        self, later: Callable[[Callable[[], None]], None], clock: Clock, hook: Callable[[], Callable[..., None] | None]
    ) -> None:
        self._later = later
        self._clock = clock
        self._hook = hook
        self._waiting: deque[dict[str, Any]] = deque()
        self._dropped = 0
        self._repeats = Repeats()

    def tell(self, entry: dict[str, Any]) -> None:
        """Take an entry; what repeats itself is counted."""
        if not self._is_wanted(entry):
            return
        entries = self._repeats.take(entry, self._clock())
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += len(entries)
            return
        idle = not self._waiting
        self._waiting.extend(entries)
        if idle and entries:
            self._later(self._write)

    def tick(self) -> None:
        """Tell how often what was held back has happened, once its minute is over."""
        entries = self._repeats.due(self._clock())
        if entries:
            self._waiting.extend(entries)
            self._later(self._write)

    def flush(self) -> None:
        """Write all there is, outside of the lock: the server ends."""
        self._waiting.extend(self._repeats.all())
        self._write()

    def _is_wanted(self, entry: dict[str, Any]) -> bool:
        return _log.isEnabledFor(_level(entry)) or self._hook() is not None

    def _write(self) -> None:
        hook = self._hook()
        dropped, self._dropped = self._dropped, 0
        if dropped:
            self._waiting.append({"event": "not told", "count": dropped})
        try:
            while self._waiting:
                entry = {key: value() if callable(value) else value for key, value in self._waiting.popleft().items()}
                _log.log(_level(entry), "%s", printable(json.dumps(entry, ensure_ascii=False, default=str)))
                if hook is not None:
                    hook(entry=dict(entry))
        finally:  # a handler of a logger, or a hook, may raise anything
            if self._waiting:
                self._later(self._write)


def _level(entry: dict[str, Any]) -> int:
    return logging.WARNING if entry["event"] in BAD else logging.INFO
