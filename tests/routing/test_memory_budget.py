"""What links hold together: the greediest of the greediest source gives way, and nobody else."""

from __future__ import annotations

import pytest

from sig_core.errors import Busy
from sig_core.routing.memory_budget import AT_ONCE, LEAST, STEP, MemoryBudget
from sig_core.routing.outbox import EACH, Outbox
from sig_core.routing.ports import Run

K = LEAST


class Holder:
    """Holds what the test says; what it shares counts less when it is looked at."""

    def __init__(self, budget: MemoryBudget, peer: str) -> None:
        self.budget = budget
        self.peer = peer
        self.size = self.shared = self.events = 0
        self.error: Busy | None = None
        self.looked = 0

    def hold(self, size: int, *, shared: int = 0, events: int = 0) -> Holder:
        self.size, self.shared, self.events = size, shared, events
        self.budget.note(self)
        return self

    def footprint(self, *, exact: bool) -> int:
        self.looked += exact
        return self.size - self.shared if exact else self.size

    def give_way(self, error: Busy) -> bool:
        if self.events:
            self.size -= self.events
            self.events = 0
            return True
        self.error = error
        self.budget.note(self)  # as a session that ends does
        return False


def holders(budget: MemoryBudget, *peers: str) -> list[Holder]:
    return [Holder(budget, peer) for peer in peers]


def test_the_greediest_of_a_source_goes() -> None:
    budget = MemoryBudget(1000 * K, 100 * K)
    one, two, three, other = holders(budget, "tcp://a:1", "tcp://a:2", "tcp://a:3", "tcp://b:1")
    other.hold(90 * K)
    one.hold(20 * K), two.hold(60 * K), three.hold(20 * K)
    assert not any(each.error for each in (one, two, three, other))
    three.hold(21 * K)
    assert two.error is not None and not one.error and not three.error and not other.error
    assert "tcp://a:2" in str(two.error) and "max_source" in str(two.error) and str(101 * K) in str(two.error)
    assert budget.size == (90 + 20 + 21) * K and budget.gave_way == 1


def test_the_greediest_source_goes_where_all_hold_too_much() -> None:
    budget = MemoryBudget(100 * K, 60 * K)
    small, one, two = holders(budget, "tcp://a:1", "tcp://b:1", "tcp://b:2")
    small.hold(45 * K), one.hold(30 * K)
    two.hold(26 * K)
    assert one.error is not None and "max_memory" in str(one.error)
    assert not two.error and not small.error, "the source of the greediest link holds less"


def test_who_can_drop_events_lives() -> None:
    budget = MemoryBudget(1000 * K, 100 * K)
    one, two = holders(budget, "tcp://a:1", "tcp://a:2")
    one.hold(80 * K, events=50 * K)
    two.hold(40 * K)
    assert one.error is None and budget.size == 70 * K


def test_what_is_shared_counts_once_and_is_not_looked_at_each_time() -> None:
    budget = MemoryBudget(10_000 * K, 1000 * K)
    many = [Holder(budget, f"tcp://a:{number}") for number in range(50)]
    for step in range(1, 10):
        for each in many:
            each.hold(step * 50 * K, shared=step * 49 * K)
    assert not any(each.error for each in many)
    assert many[0].looked < 45  # of 450
    budget.look()
    many[0].hold(950 * K, shared=0)  # what it had in common with others it has alone now
    assert many[0].error is not None and sum(each.error is not None for each in many) == 1


@pytest.mark.parametrize("limits", [(1000 * K, 100_000 * K), (100_000 * K, 1000 * K)], ids=["all", "source"])
def test_what_others_let_go_is_no_room_for_more_that_is_held(limits: tuple[int, int]) -> None:
    """What many shared and do not any more makes the sum that is quickly counted less, and what is held not."""
    budget = MemoryBudget(*limits)
    many = [Holder(budget, f"tcp://a:{number}") for number in range(50)]
    for each in many:
        each.hold(300 * K, shared=295 * K)
    for each in many[1:]:
        each.hold(50 * K, shared=45 * K)
    for step in range(1, 60):
        many[0].hold(300 * K + step * 20 * K, shared=295 * K)
        if many[0].error is not None:
            break
        assert sum(each.footprint(exact=True) for each in many) <= 1000 * K + budget.size // STEP


def test_little_is_not_noted_and_who_is_gone_is_forgotten() -> None:
    budget = MemoryBudget(1000 * K, 100 * K)
    one, two = holders(budget, "tcp://a:1", "tcp://a:2")
    one.hold(K - 1), two.hold(K)
    assert (len(budget), budget.size) == (1, K)
    two.hold(0)
    assert budget.size == 0
    budget.forget(one), budget.forget(two)
    assert len(budget) == 0 and not budget._sources


def test_who_does_what_it_can_is_not_asked_for_ever() -> None:
    class Deaf(Holder):
        def give_way(self, error: Busy) -> bool:
            return True

    budget = MemoryBudget(1000 * K, 100 * K)
    Deaf(budget, "tcp://a:1").hold(200 * K)
    assert budget.gave_way == 1


# -- what an outbox weighs


def outboxes(count: int) -> list[Outbox]:
    return [Outbox(1 << 30, lambda route, events, reason: None) for _ in range(count)]


def test_a_run_counts_with_each_outbox_in_part() -> None:
    some = outboxes(5)
    for _ in range(300):
        run = Run(1, "json", 1, bytes(1000))
        for box in some:
            box.put(run)
        del run
    alone = (1000 + EACH) * 300
    assert [box.weight(exact=False) for box in some] == [alone] * 5
    assert abs(sum(box.weight(exact=True) for box in some) - alone) < alone / 50
    for box in some[1:]:
        box.clear()
    assert abs(some[0].weight(exact=True) - alone) < alone / 50
    assert some[1].weight(exact=True) == 0


def test_growth_is_told_in_steps() -> None:
    (box,) = outboxes(1)
    told: list[int] = []
    box.on_growth = lambda: told.append(box.size)
    for _ in range(10_000):
        box.put(Run(1, "json", 1, bytes(1000)))
    assert 10 < len(told) < 30 and told[0] < 140_000
    while box.take(1 << 20):
        pass
    box.shrink()
    told.clear()
    for _ in range(200):
        box.put(Run(1, "json", 1, bytes(1000)))
    assert told and told[0] < 140_000


def test_half_is_shed_of_events_and_nothing_of_the_rest() -> None:
    lost: list[int] = []
    box = Outbox(1 << 20, lambda route, events, reason: lost.append(events))
    for number in range(100):
        box.put(Run(number % 2, "json", 1, bytes(1000)))
    assert box.shed() and box.size == 50_000 and sum(lost) == 50
    assert not box.shed() and box.size == 50_000
    box.clear()
    assert (box.size, len(box.runs)) == (0, 0)


def test_few_give_way_at_once_though_their_end_tells_others_more_than_they_held() -> None:
    """As the `#disconnect` of many events does, for many who listen to everything."""

    class Telling(Holder):
        def give_way(self, error: Busy) -> bool:
            for each in many:
                if each is not self and each.error is None:
                    each.hold(each.size + K)
            return super().give_way(error)

    budget = MemoryBudget(100 * K, 1000 * K)
    many = [Telling(budget, f"tcp://{number}:1") for number in range(100)]
    for each in many:
        each.hold(2 * K)
        assert sum(other.error is not None for other in many) <= budget.gave_way
    before = budget.gave_way
    next(each for each in many if each.error is None).hold(3 * K)
    assert budget.gave_way - before <= AT_ONCE


def test_who_did_not_give_way_at_once_does_so_when_anybody_holds_more() -> None:
    many: list[Holder] = []
    budget = MemoryBudget(100 * K, 1000 * K, lambda: many)
    many += [Holder(budget, f"tcp://{number}:1") for number in range(4 * AT_ONCE)]
    for each in many:
        each.size = 10 * K
    many[0].hold(11 * K)
    budget.look()
    assert budget.size <= 100 * K


def test_who_has_to_give_way_does_so_later_if_somebody_sees_to_it() -> None:
    budget = MemoryBudget(1000 * K, 100 * K)
    asked: list[int] = []
    budget.on_excess = lambda: asked.append(budget.size)
    one, two = holders(budget, "tcp://a:1", "tcp://a:2")
    one.hold(60 * K), two.hold(50 * K)
    assert asked == [110 * K] and not one.error, "not in the midst of what others do"
    two.hold(55 * K)
    budget.relieve()
    assert one.error is not None and not two.error
    budget.relieve()
    assert budget.gave_way == 1


def test_who_has_left_until_then_is_not_asked() -> None:
    budget = MemoryBudget(1000 * K, 100 * K)
    budget.on_excess = lambda: None
    (one,) = holders(budget, "tcp://a:1")
    one.hold(110 * K)
    budget.forget(one)
    budget.relieve()
    assert one.error is None and budget.gave_way == 0 and budget.size == 0
