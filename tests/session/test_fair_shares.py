"""Those whose turns are short come before those who take long, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter

from sig_core.session.fair_shares import FORGIVEN, LONG, OTHERS, PROOF, QUIET, SHORT_TURNS, FairShares, Shift

SHORT = LONG / 10
MUCH = 2 * LONG


class Thread:
    """A thread that some want, each of whom takes so many seconds when it is its turn."""

    def __init__(self, **takes: float) -> None:
        self.shares, self.takes = FairShares(), takes
        self.now = 1000.0
        self.turns: Counter[str] = Counter()
        self.shares.place_of("", self.now)  # many want it already

    def first(self, *ready: str) -> str:
        """Return whose turn it is among those who are ready; of whom nothing is said, all are."""
        return min(ready or self.takes, key=lambda who: self.shares.place_of(who, self.now))

    def serve(self, *ready: str) -> str:
        """Let the first one have its turn."""
        first = self.first(*ready)
        self.turn(first, self.takes[first])
        return first

    def turn(self, who: str, took: float) -> None:
        """Let somebody have a turn."""
        self.now += took
        self.turns[who] += 1
        self.shares.note(who, took, self.now)


def test_whose_turns_are_short_comes_first_once_that_is_known() -> None:
    thread = Thread(short=SHORT, **{f"much {number}": MUCH for number in range(50)})
    for _ in range(51 * (PROOF - 1)):
        thread.serve()
    assert set(thread.turns.values()) == {PROOF - 1}, "until then all take turns"
    thread.turn("short", SHORT)
    assert [thread.serve() for _ in range(10)] == ["short"] * 10
    others = thread.takes.keys() - {"short"}
    assert len({thread.serve(*others) for _ in range(50)}) == 50, "and the others take turns"


def test_of_those_whose_turns_are_short_who_waits_longest_comes_first() -> None:
    thread = Thread(a=SHORT, b=SHORT, c=SHORT / 10)
    for _ in range(PROOF):
        for who in thread.takes:
            thread.turn(who, thread.takes[who])
    assert [thread.serve() for _ in range(6)] == ["a", "b", "c"] * 2


def test_newcomers_come_behind_whose_turns_are_short_and_before_who_had_a_turn_since() -> None:
    thread = Thread(short=SHORT, much=MUCH)
    for _ in range(10 * PROOF):
        thread.serve()
    thread.shares.come("new", thread.now)
    assert thread.first("short", "new") == "short"
    thread.turn("much", MUCH)
    assert thread.first("much", "new") == "new"


def test_a_long_turn_now_and_then_is_held_against_nobody() -> None:
    thread = Thread(short=SHORT, much=MUCH)
    for _ in range(10 * PROOF):
        thread.serve()
    for _ in range(int(FORGIVEN)):  # the collector of garbage
        thread.turn("short", 100 * LONG)
        thread.turn("much", MUCH)
        assert thread.first() == "short"
    thread.turn("short", MUCH)
    thread.turn("much", MUCH)
    assert thread.first() == "short", "it waits longer by now"
    thread.turn("short", SHORT)
    assert thread.first() == "much", "but it is one of those who take long"
    for _ in range(PROOF):
        thread.turn("short", SHORT)
    assert thread.first() == "short"


def test_who_is_there_when_many_come_is_no_newcomer() -> None:
    shares = FairShares()
    shares.come("before", 100.0)
    shares.place_of("", 100.0 + QUIET + 1)
    shares.come("new", 100.0 + QUIET + 1)
    assert shares.place_of("before", 101.0 + QUIET) < shares.place_of("new", 101.0 + QUIET)
    assert not shares.place_of("before", 101.0 + QUIET)[0]


def test_what_is_the_servers_own_comes_first_and_is_held_against_nobody() -> None:
    shares = FairShares()
    for _ in range(10):
        assert shares.place_of("", 1.0) <= shares.place_of("a", 1.0)
        shares.note("", MUCH, 1.0)
    assert len(shares) == 1


def test_who_has_left_is_forgotten() -> None:
    shares = FairShares()
    shares.place_of("a", 1.0)
    shares.forget("a")
    shares.note("a", SHORT, 1.0)  # it has left while it had its turn
    assert len(shares) == 0


def test_a_shift_ends_for_each_kind_and_not_before_one_had_its_turn() -> None:
    shift, front, behind = Shift(1.0), (False, 0.5), (True, 0.5)
    assert not shift.is_over(front, 1.0)
    assert not shift.is_over(front, 1.0 + SHORT_TURNS - 0.001)
    assert shift.is_over(front, 1.0 + SHORT_TURNS)
    assert not shift.is_over(behind, 2.0)
    assert not shift.is_over(behind, 2.0 + OTHERS / 2)
    assert shift.is_over(behind, 2.0 + OTHERS)
