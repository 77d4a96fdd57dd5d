"""Boards that are broken, and the check that is meant to catch each."""

from __future__ import annotations

from tests.testing.mutants import Mutant, noting
from tests.testing.reference_board import ReferenceBoard

BOARDS: list[Mutant] = []


caught_by = noting(BOARDS)


class Fragile(ReferenceBoard):
    """Is reset by its watchdog when something is too much for it."""

    def crash(self, now: float) -> None:
        self.reset(now)
