"""What was fired, and what of it is missing where it was to arrive."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.routing import counting
from sig_core.routing.counting import EventCounter, LossDetector


def test_a_tally_counts_what_many_threads_add() -> None:
    counter = EventCounter()

    def add() -> None:
        for _ in range(20_000):
            counter.increment()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    looked = [counter.value() for _ in range(100)]
    for thread in threads:
        thread.join()
    assert counter.value() == 80_000 and counter.value() == 80_000
    assert looked == sorted(looked)


STEPS = st.lists(st.tuples(st.sampled_from(["heard", "lost", "told", "away"]), st.integers(1, 9)))


@given(STEPS)
def test_heard_and_missing_add_up_to_what_was_fired(steps: list[tuple[str, int]]) -> None:
    """heard: arrives; lost: a gap is reported; told: the link is cut, then bound again; away: cut, nobody is told."""
    ledger = LossDetector()
    fired, accounted = 7, 7
    assert ledger.begin("s", "e", "a", fired) == 0
    for step, count in steps:
        fired += count
        if step in ("heard", "lost"):
            ledger.add("s", "e", count)
            accounted += count
        elif step == "told":
            accounted += ledger.begin("s", "e", "a", fired)
            assert accounted == fired
    assert accounted + ledger.begin("s", "e", "a", fired) == fired


def test_another_life_begins_anew() -> None:
    ledger = LossDetector()
    ledger.begin("s", "e", "a", 5)
    assert ledger.begin("s", "e", "b", 100) == 0
    assert ledger.begin("s", "e", "b", 103) == 3
    assert ledger.begin("s", "e", "b", 90) == 0  # a sender that counts back is not believed


def test_what_nobody_hears_is_forgotten() -> None:
    ledger = LossDetector()
    for sender in ("s", "t"):
        for event in ("e", "f"):
            ledger.begin(sender, event, "a", 0)
    ledger.keep(lambda sender, event: False, ("s", "e"))
    assert ledger.topics() == [("s", "f"), ("t", "e"), ("t", "f")]
    ledger.keep(lambda sender, event: event == "e", (None, None))
    assert ledger.topics() == [("t", "e")]
    ledger.add("s", "f", 5)  # still on its way: it does not begin a count
    assert len(ledger) == 1


def test_what_no_link_tells_of_any_more_does_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "KEPT", 3)
    losses = LossDetector()
    for link in range(50):
        losses.begin_link()
        assert losses.begin("s", "e", "life", 2 * link) == (2 if link else 0)
        for number in range(5):
            losses.begin(f"{link}.{number}", "e", "life", 0)
    losses.begin_link()
    losses.begin_link()
    assert losses.topics() == [("49.2", "e"), ("49.3", "e"), ("49.4", "e")]
    losses.begin("49.4", "e", "life", 1)
    losses.begin_link()
    assert losses.begin("49.4", "e", "life", 1) == 0 and len(losses) == 3


def test_what_comes_of_another_sender_that_keeps_no_counts_is_not_counted() -> None:
    losses = LossDetector()
    losses.begin("s", "e", "a", 0)
    losses.add("s", "e", 1)
    losses.pause("s", "e")
    losses.add("s", "e", 5)
    assert losses.topics() == [("s", "e")]
    assert losses.begin("s", "e", "a", 3) == 2
    losses.add("s", "e", 1)
    assert losses.begin("s", "e", "a", 4) == 0


def test_what_is_paused_is_forgotten_as_well() -> None:
    losses = LossDetector()
    losses.pause("s", "e")
    assert len(losses) == 0  # nothing was counted
    losses.begin("s", "e", "a", 0)
    losses.pause("s", "e")
    losses.forget([("s", "e")])
    assert len(losses) == 0
