"""Boards that are broken, and the check that is meant to catch each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .mutants import Mutant
from .reference_board import ReferenceBoard

T = TypeVar("T", bound=type[ReferenceBoard])

BOARDS: list[Mutant] = []


def caught_by(check: str, says: str) -> Callable[[T], T]:
    """Note a board that is broken."""

    def note(broken: T) -> T:
        BOARDS.append(Mutant(broken, check, says))
        return broken

    return note


class Fragile(ReferenceBoard):
    """Is reset by its watchdog when something is too much for it."""

    def crash(self, now: float) -> None:
        self.reset(now)
