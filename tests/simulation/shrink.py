"""Fewer steps that break the same."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.history import History, with_steps
from tests.simulation.running import run

__all__ = ["shrink"]


def shrink(history: History, rule: str) -> tuple[History, list[int]]:
    """Drop steps of a history as long as what is left breaks the same rule.

    Args:
        history: that breaks it.
        rule: see `Breach`.

    Returns:
        What is left, and the numbers of its steps in the history that was given.
    """

    def breaks(numbers: list[int]) -> bool:
        breach = run(with_steps(history, numbers)).breach
        return breach is not None and breach.rule == rule

    numbers = _fewest(list(range(len(history.steps))), breaks)
    return with_steps(history, numbers), numbers


def _fewest(numbers: list[int], breaks: Callable[[list[int]], bool]) -> list[int]:
    """Drop parts, first large ones, then single ones, until none can be dropped any more."""
    size = max(1, len(numbers) // 2)
    while True:
        before = len(numbers)
        at = 0
        while at < len(numbers):
            rest = numbers[:at] + numbers[at + size :]
            if breaks(rest):
                numbers = rest
            else:
                at += size
        if size > 1:
            size //= 2
        elif len(numbers) == before:
            return numbers
