"""Every test here leaves no thread and no descriptor."""

from __future__ import annotations

from tests.support import nothing_left_behind
from tests.support.watched_locks import locks_in_order

__all__ = ["locks_in_order", "nothing_left_behind"]
