"""The incomplete messages of all links together are bounded: who holds most goes first."""

from __future__ import annotations

from sig_core.errors import Busy, SigError
from sig_core.routing.input_budget import InputBudget


class Holder:
    def __init__(self, budget: InputBudget, peer: str) -> None:
        self.budget, self.peer = budget, peer
        self.errors: list[SigError] = []

    def fail(self, error: SigError) -> None:
        self.errors.append(error)
        self.budget.hold(self, 0)


def test_who_holds_most_has_to_go_and_of_two_the_one_that_began_first() -> None:
    budget = InputBudget(100)
    one, two, small, late = (Holder(budget, peer) for peer in ("one", "two", "small", "late"))
    budget.hold(small, 10)
    budget.hold(one, 40)
    budget.hold(two, 45)
    budget.hold(two, 40)
    budget.hold(late, 10)
    assert (budget.size, len(budget)) == (100, 4)
    budget.hold(late, 11)
    assert [len(holder.errors) for holder in (one, two, small, late)] == [1, 0, 0, 0]
    (error,) = one.errors
    assert isinstance(error, Busy) and "one: 40 bytes" in str(error) and "100" in str(error)
    assert budget.size == 61


def test_who_is_done_holds_nothing() -> None:
    budget = InputBudget(100)
    one = Holder(budget, "one")
    for size in (50, 100, 0, 0, 30):
        budget.hold(one, size)
    assert (budget.size, len(budget), one.errors) == (30, 1, [])
    budget.hold(one, 101)
    assert (budget.size, len(budget), len(one.errors)) == (0, 0, 1)
