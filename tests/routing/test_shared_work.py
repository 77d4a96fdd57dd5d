"""What was made of a run is known while that run is delivered, and of no other."""

from __future__ import annotations

from sig_core.routing.ports import Run
from sig_core.routing.shared_work import MOST, SharedWork


def test_what_was_made_of_a_run_is_known_until_the_next_one() -> None:
    work: SharedWork[list[int]] = SharedWork()
    one, same, two = Run(1, "json", 1, b"a"), Run(1, "json", 1, b"a"), Run(2, "json", 1, b"b")
    assert work.of(one) is None
    work.keep(one, [1])
    assert work.of(one) == [1] and work.of(same) is None
    work.keep(two, [2])
    assert work.of(one) is None and work.of(two) == [2]


def test_what_is_big_is_to_be_dropped_and_what_is_not_may_stay() -> None:
    work: SharedWork[int] = SharedWork()
    run = Run(1, "json", 1, bytes(MOST + 1))
    work.keep(run, 1)
    assert work.of(run) == 1 and work.is_big
    work.drop()
    assert work.of(run) is None and not work.is_big
    work.keep(Run(1, "json", 1, bytes(MOST)), 1)
    assert not work.is_big
