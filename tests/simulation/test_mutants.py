"""Faults that are put into the core on purpose are found, each within 2,000 histories."""

from __future__ import annotations

import pytest

from tests.simulation.many import breach_of, collected_between
from tests.simulation.mutants import MUTANTS, mutated
from tests.support.quick import first_quick

pytestmark = pytest.mark.pure_only("faults are put into methods")

MOST = 2000


def test_there_are_enough() -> None:
    assert len(MUTANTS) >= 20


@pytest.mark.parametrize("name", first_quick(MUTANTS, 3))
def test_it_is_found(name: str) -> None:
    with collected_between(), mutated(name):
        assert any(breach_of(seed) is not None for seed in range(MOST))


def test_what_was_put_in_is_taken_out_again() -> None:
    sound = [getattr(owner, method) for owner, method, _ in (mutant.make() for mutant in MUTANTS.values())]
    for name in MUTANTS:
        with mutated(name):
            pass
    assert [getattr(owner, method) for owner, method, _ in (mutant.make() for mutant in MUTANTS.values())] == sound
