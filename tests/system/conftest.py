"""Every test of this folder is looked after: what it leaves behind fails it."""

from __future__ import annotations

from tests.support import nothing_left_behind

__all__ = ["nothing_left_behind"]
