"""Those whose turns are short come before those who take long, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter

from sig_core.session.fair_shares import FIRST, LEVELS, LONG, NEXT, PROOF, FairShares, Shift

SHORT = LONG / 10
MUCH = 2 * LONG
PROVED = (LEVELS - 2) * PROOF  # short turns after which a newcomer is at the first level


class Thread:
    """A thread that some want, each of whom takes so many seconds when it is its turn."""

    def __init__(self, **takes: float) -> None:
        self.shares, self.takes = FairShares(), takes
        self.now = 1000.0
        self.turns: Counter[str] = Counter()
        for who in takes:
            self.shares.come(who, self.now)

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
    for _ in range(51):
        thread.serve()
    assert set(thread.turns.values()) == {1}, "newcomers take turns"
    for _ in range(PROOF):
        thread.turn("short", SHORT)
    assert [thread.serve() for _ in range(PROVED)] == ["short"] * PROVED
    others = thread.takes.keys() - {"short"}
    assert len({thread.serve(*others) for _ in range(50)}) == 50, "and the others take turns"
    assert thread.shares.unproved == others


def test_at_each_level_comes_first_who_waits_longest() -> None:
    thread = Thread(a=SHORT, b=SHORT, c=SHORT / 10)
    for _ in range(PROVED):
        for who in thread.takes:
            thread.turn(who, thread.takes[who])
    assert [thread.serve() for _ in range(6)] == ["a", "b", "c"] * 2


def test_newcomers_come_behind_whose_turns_are_short_and_before_whose_are_long() -> None:
    thread = Thread(short=SHORT, much=MUCH)
    for _ in range(PROVED):
        thread.turn("short", SHORT), thread.turn("much", MUCH)
    for number in range(3 * PROVED):
        thread.shares.come(f"new {number}", thread.now)
        assert thread.first("short", "much", f"new {number}") == "short"
        assert thread.first("much", f"new {number}") == f"new {number}"


def test_a_long_turn_costs_a_level_and_short_ones_give_it_back() -> None:
    thread = Thread(short=SHORT)
    for _ in range(PROVED):
        thread.serve()
    levels = []
    for took in (100 * LONG, *[SHORT] * PROOF, *[MUCH] * (LEVELS + 3)):
        thread.turn("short", took)
        levels.append(thread.shares.place_of("short", thread.now)[0])
    assert levels == [*[1] * PROOF, 0, *range(1, LEVELS), *[LEVELS - 1] * 4], "whoever's fault it was"


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


def test_a_shift_ends_for_each_level_and_not_before_one_had_its_turn() -> None:
    shift = Shift(1.0)
    assert not shift.is_over((0, 0.5), 1.0)
    assert not shift.is_over((0, 0.5), 1.0 + FIRST - 0.001)
    assert shift.is_over((0, 0.6), 1.0 + FIRST)
    assert not shift.is_over((2, 0.5), 2.0)
    assert not shift.is_over((2, 0.6), 2.0 + NEXT / 2)
    assert shift.is_over((2, 0.7), 2.0 + NEXT)
    assert not shift.is_over((3, 0.1), 2.0 + NEXT)
