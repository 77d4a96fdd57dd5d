"""An owner has so many requests at one time; those who ask take turns, each in its own order."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.routing.ports import RequestBatch
from sig_core.routing.request_turns import GROWTH, QUICK, SLOW, RequestTurns


def batch(*tokens: int, size: int = 3) -> RequestBatch:
    return RequestBatch(1, "s", "m", "json", {token: bytes(size) for token in tokens})


def taken(turns: RequestTurns) -> list[int]:
    found: list[int] = []
    while (more := turns.take()) is not None:
        found += more.tails
    return found


a: Any = "asker a"
b: Any = "asker b"
c: Any = "asker c"


def test_who_comes_late_has_its_turn_next() -> None:
    turns = RequestTurns(2)
    assert turns.begin(2) and not turns.begin(1)
    turns.put(a, batch(*range(100)))
    turns.put(b, batch(200, 201))
    turns.put(c, batch(300))
    assert taken(turns) == []
    order = []
    for now in range(8):
        turns.end(1, float(now))
        order += taken(turns)
    assert order == [0, 200, 300, 1, 201, 2, 3, 4]
    assert (turns.at_work, len(turns)) == (2, 95)


def test_the_links_of_a_user_are_one_that_asks_and_take_turns_among_themselves() -> None:
    turns = RequestTurns(1)
    assert turns.begin(1)
    turns.put(a, batch(*range(100)), "user")
    turns.put(b, batch(*range(100, 200)), "user")
    turns.put(c, batch(*range(200, 204)))
    order = []
    for now in range(8):
        turns.end(1, float(now))
        order += taken(turns)
    assert order == [0, 200, 100, 201, 1, 202, 101, 203]
    assert (turns.size_of(a), turns.size_of(b), turns.size_of(c)) == (3 * 98, 3 * 98, 0)


def test_a_link_may_be_another_users_by_and_by() -> None:
    turns = RequestTurns(1)
    assert turns.begin(1)
    turns.put(a, batch(1, 2), "one")
    turns.put(a, batch(3), "two")
    for token in (1, 2):
        turns.drop(token)
        assert turns.size_of(a) == (6 if token == 1 else 3)
    turns.drop(3)
    assert (len(turns), turns._turns, turns._sizes, turns._of) == (0, {}, {}, {})


def test_one_that_asks_alone_has_all_that_is_free() -> None:
    turns = RequestTurns(10)
    turns.put(a, batch(*range(7)))
    turns.put(a, batch(*range(7, 30)))
    assert taken(turns) == list(range(10)) and turns.at_work == 10


def test_what_is_dropped_leaves_nothing() -> None:
    turns = RequestTurns(1)
    assert turns.begin(1)
    for token in range(100):
        turns.put(a, batch(token, size=1000))
        assert turns.waits(token) and turns.size_of(a) == 1000
        turns.drop(token)
        turns.drop(token)
    assert (len(turns), turns.size_of(a), turns._turns, turns._sizes, turns._of) == (0, 0, {}, {}, {})
    turns.end(5, 0.0)
    assert turns.at_work == 0


def work(turns: RequestTurns, now: float, each: float, count: int) -> float:
    """Let the owner do so many, one after the other; return when that is over."""
    for _ in range(count):
        now += each
        turns.end(1, now)
        taken(turns)
    return now


def test_who_is_quick_has_more_at_one_time_and_less_again_once_it_is_slow() -> None:
    turns, now = RequestTurns(32), 0.0
    assert turns.begin(32)
    turns.put(a, batch(*range(10_000)))
    now = work(turns, now, QUICK / 64, 33)
    assert turns.window == turns.at_work == 64
    now = work(turns, now, QUICK / 256, 1000)
    assert turns.window == turns.at_work == 32 * GROWTH
    now = work(turns, now, QUICK / 64, 1000)
    assert turns.window == 32 * GROWTH  # neither quick nor slow
    now = work(turns, now, SLOW, 3)
    assert turns.window == 32 * GROWTH // 2
    work(turns, now, SLOW, 120)
    assert turns.window == turns.at_work == 32


def test_time_in_which_nobody_waits_is_not_measured() -> None:
    turns = RequestTurns(2)
    assert turns.begin(2)
    turns.put(a, batch(1))
    turns.end(1, 0.0)  # begins to measure
    assert taken(turns) == [1]
    turns.end(1, 0.01)  # nobody waits
    assert turns.begin(1)
    turns.put(a, batch(*range(2, 10)))
    work(turns, 100.0, QUICK / 8, 3)
    assert turns.window == 4


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from([a, b, c]), st.integers(1, 5)),  # a and b are of one user
        st.tuples(st.sampled_from(["end", "drop"]), st.just(None), st.integers(1, 3)),
    ),
    max_size=40,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(STEPS)
def test_all_are_taken_once_each_askers_in_order(steps: list[Any]) -> None:
    turns, last, gone = RequestTurns(4), 0, set[int]()
    put: dict[Any, list[int]] = {a: [], b: [], c: []}
    order: list[int] = []
    now = 0.0
    for what, asker, count in steps:
        if what == "put":
            tokens = list(range(last + 1, last + 1 + count))
            last += count
            put[asker] += tokens
            turns.put(asker, batch(*tokens), "" if asker == c else "user")
        elif what == "end":
            now += 0.04 * count
            turns.end(count, now)
        elif waiting := [token for token in range(1, last + 1) if turns.waits(token)]:
            turns.drop(waiting[0])
            gone.add(waiting[0])
        order += taken(turns)
        assert turns.at_work <= turns.window <= 4 * GROWTH
    while turns:
        turns.end(1, now)
        order += taken(turns)
    assert len(order) == len(set(order)) == last - len(gone)
    for tokens in put.values():
        assert [token for token in order if token in tokens] == [token for token in tokens if token not in gone]
