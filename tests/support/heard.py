"""A listener that keeps what it hears."""

from __future__ import annotations

import threading
from typing import Any

from tests.support import within

__all__ = ["Heard"]


class Heard:
    """What a listener heard, in order, and a way to wait for more."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._more = threading.Condition()

    def __call__(self, info: Any, data: Any) -> None:
        with self._more:
            self.values.append(data)
            self._more.notify_all()

    def wait_for(self, count: int, seconds: float = 20.0) -> list[Any]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.values) >= count, within(seconds)), self.values
        return self.values
