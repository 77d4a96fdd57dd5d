"""The kit catches what authors of firmware get wrong: each by the check that is meant for it, in words that name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sig_core.testing import BoardConformance
from sig_core.testing.checks import Result, Rule, run_one
from tests.support.quick import first_quick
from tests.testing.board_mutants import BOARDS
from tests.testing.mutants import Mutant, insist_caught
from tests.testing.reference_board import ReferenceBoard
from tests.testing.running_board import RunningBoard

from . import broken_board_messages, broken_board_packets, broken_boards  # noqa: F401 - they note their mutants


def outcome(board: type[ReferenceBoard], check: str, seconds: float) -> Result:
    """Make one check of a board."""

    class Check(BoardConformance):
        url = "tcp://127.0.0.1:0"
        timeout, comes = seconds, 4 * seconds
        echo, fires, acts = "echo", ("burst", 3), True
        running: RunningBoard

        @contextmanager
        def calling(self, address: str) -> Iterator[None]:
            with RunningBoard(board(), address) as self.running:
                yield

        def reset(self) -> None:
            self.running.reset()

    return run_one(Check, Rule("", check, ""))


def test_there_are_enough() -> None:
    assert len(BOARDS) >= 50


@pytest.mark.parametrize("mutant", first_quick(BOARDS, 12), ids=lambda mutant: mutant.broken.__name__)
def test_it_is_caught(mutant: Mutant) -> None:
    insist_caught(mutant, lambda timeout: outcome(mutant.broken, mutant.check, timeout))
