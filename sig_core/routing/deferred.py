"""An answer that is known later, and by whom it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sig_core.errors import SigError

__all__ = ["Deferred"]

Told = Callable[[Any, SigError | None], None]


class Deferred:
    """What a call returns that can't be answered yet. Settled once; who asks is told then, or at once if it is late."""

    __slots__ = ("_outcome", "_tell")

    def __init__(self) -> None:
        self._outcome: tuple[Any, SigError | None] | None = None
        self._tell: Told | None = None

    def settle(self, value: Any, error: SigError | None = None) -> None:
        """Be known from now on."""
        self._outcome = value, error
        if self._tell is not None:
            self._tell(value, error)

    def when_settled(self, tell: Told) -> None:
        """Have (value, None) or (None, error) told, now or later."""
        self._tell = tell
        if self._outcome is not None:
            tell(*self._outcome)
