"""What one port has made of a run, for those of its kind that get the same run next."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from sig_core.routing.ports import Run

__all__ = ["MOST", "SharedWork"]

MOST: Final = 256 * 1024  # bytes of a run whose work may stay until the next one comes

T = TypeVar("T")


class SharedWork(Generic[T]):
    """Keeps what was made of the run that is delivered now: a run goes to all of its ports in a row.

    Attributes:
        is_big: what is kept is too big to stay: `drop` is needed once the run has gone to all.
    """

    def __init__(self) -> None:
        self.is_big = False
        self._run: Run | None = None
        self._made: T | None = None

    def of(self, run: Run) -> T | None:
        """Return what was made of a run; None: nothing is known."""
        return self._made if run is self._run else None

    def keep(self, run: Run, made: T) -> None:
        """Keep it."""
        self._run, self._made, self.is_big = run, made, len(run.data) > MOST

    def drop(self) -> None:
        """Forget it."""
        self._run, self._made, self.is_big = None, None, False
