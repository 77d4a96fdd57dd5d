"""Counts of a port that somebody looks at while they grow: those of all other ports cost nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sig_core.routing.traffic import Traffic

__all__ = ["MeteredTraffic"]


class MeteredTraffic(Traffic):
    """Tells what comes in.

    Args:
        before: the counts so far; they go on here.
        on_input: called with (bytes, events) that came.
    """

    __slots__ = ("_on_input",)
    _on_input: Callable[[int, int], None]

    def __init__(self, before: Traffic, on_input: Callable[[int, int], None]) -> None:
        object.__setattr__(self, "_on_input", lambda size, events: None)
        super().__init__()
        self.go_on_from(before)
        object.__setattr__(self, "_on_input", on_input)

    def __setattr__(self, name: str, value: Any) -> None:
        before = getattr(self, name, 0) if name in ("bytes_in", "arrived") else 0
        object.__setattr__(self, name, value)
        if name == "bytes_in":
            self._on_input(value - before, 0)
        elif name == "arrived":
            self._on_input(0, value - before)
