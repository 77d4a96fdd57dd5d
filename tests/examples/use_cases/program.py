"""A program of the use cases as a process."""

from __future__ import annotations

from tests.support.example_program import Example
from tests.support.signals import send_signal

__all__ = ["Program"]


class Program(Example):
    """A started program of `examples/use_cases`; `name` is that of its file, without `.py`."""

    def __init__(self, name: str, *options: str) -> None:
        super().__init__(f"use_cases/{name}", *options)

    def send(self, number: int) -> None:
        """Send a signal."""
        send_signal(self._process, number)
