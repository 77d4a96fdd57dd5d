"""Time as the sessions see it: monotonic seconds, an argument of each call; nothing here reads a clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, TypeAlias

__all__ = ["NEVER", "Clock"]

NEVER: Final = math.inf
"""When something is due that is not due at all."""

Clock: TypeAlias = Callable[[], float]
"""Returns monotonic seconds."""
