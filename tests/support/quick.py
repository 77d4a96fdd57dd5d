"""Which cases of a test are left to `make test-all`, where all of them would take too long for `make test`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["first_quick"]


def first_quick(values: Iterable[Any], count: int = 1) -> list[Any]:
    """Return the values, all but the first `count` marked as slow."""
    return [
        value if number < count else pytest.param(value, marks=pytest.mark.slow) for number, value in enumerate(values)
    ]
