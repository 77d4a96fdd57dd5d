"""How many handshakes of an address came about, and how many did not."""

from __future__ import annotations

from collections import Counter

from sig_core.io.sync.owned_lock import UnlistedLock

__all__ = ["Tally"]


class Tally:
    """Counts, on any thread.

    Attributes:
        failed: links that ended before TLS was agreed on, whoever did not want.
    """

    def __init__(self) -> None:
        self.failed = 0
        self._agreed: Counter[str] = Counter()
        self._lock = UnlistedLock()

    def agree(self, version: str) -> None:
        """Count a handshake that is over.

        Args:
            version: of TLS, that was agreed on.
        """
        with self._lock:
            self._agreed[version] += 1

    def fail(self) -> None:
        """Count one that did not come about."""
        with self._lock:
            self.failed += 1

    @property
    def agreed(self) -> dict[str, int]:
        """How many came about, by the version of TLS."""
        with self._lock:
            return dict(self._agreed)
