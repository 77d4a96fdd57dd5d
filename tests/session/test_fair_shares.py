"""Who has taken much time of late comes after those who have taken little."""

from __future__ import annotations

from sig_core.session.fair_shares import CLEAN, FORGIVEN, GREEDY, SHARE, FairShares

BURST = GREEDY * SHARE  # seconds at once that make somebody greedy


def test_who_took_little_is_not_ahead_for_long() -> None:
    shares = FairShares()
    for step in range(100):  # half of its share
        shares.note("a", 0.1 * SHARE / 2, 0.1 * step)
    assert 0 < shares.ahead("a", 9.9) < GREEDY
    assert shares.ahead("a", 10.0) <= 0


def test_a_newcomer_comes_after_those_who_took_little_and_before_the_others() -> None:
    shares = FairShares()
    shares.note("little", BURST / 2, 1.0)
    shares.note("much", 2 * BURST, 1.0)
    assert shares.ahead("little", 1.0) < GREEDY <= shares.ahead("new", 1.0) < shares.ahead("much", 1.0)


def test_who_took_much_is_greedy_until_its_share_has_made_up_for_it() -> None:
    shares = FairShares()
    shares.note("a", 2 * BURST, 5.0)
    shares.note("b", BURST / 2, 5.0)
    assert shares.ahead("b", 5.0) < GREEDY <= shares.ahead("a", 5.0)
    assert shares.ahead("a", 5.0 + 1.1 * GREEDY) < GREEDY


def test_all_is_forgiven_some_time_after_and_who_was_served_last_is_ahead_most() -> None:
    shares = FairShares()
    shares.note("a", 1000.0, 1.0)
    shares.note("b", 1.0, 1.1)
    assert GREEDY < shares.ahead("a", 1.1) < shares.ahead("b", 1.1) <= FORGIVEN
    assert shares.ahead("a", 1.0 + FORGIVEN) <= 0


def test_who_is_long_idle_is_forgotten() -> None:
    shares = FairShares()
    for number in range(10 * CLEAN):
        shares.note(str(number), BURST, float(number))
    assert len(shares) <= CLEAN + 2 * FORGIVEN + 1
