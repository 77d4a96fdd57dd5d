"""When who waits for a message looks for it before it sleeps, and when it does not: decided from times alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.busy_poll import BURST, LONGER, MOST, REST, SELDOM, SILENCE, TRUST, BusyPoll

NOW = 1000.0


def looks(policy: BusyPoll, now: float) -> bool:
    until = policy.start(now)
    assert until in (now, now + MOST)
    return until > now


def waits_until_it_looks(policy: BusyPoll, now: float) -> int:
    return next(count for count in range(10_000) if looks(policy, now))


def trusted() -> BusyPoll:
    policy = BusyPoll(0.02)
    for _ in range(TRUST + 1):
        policy.passed(NOW)
        assert looks(policy, NOW)
        policy.found()
    return policy


def test_around_requests_only() -> None:
    policy = BusyPoll(1.0)
    assert not looks(policy, NOW)
    policy.passed(NOW)
    assert looks(policy, NOW) and looks(policy, NOW + SILENCE)
    assert not looks(policy, NOW + 1.01 * SILENCE)


def test_where_links_encrypt_it_looks_longer_but_asks_no_later() -> None:
    policy = BusyPoll(1.0)
    policy.take_longer()
    policy.passed(NOW)
    assert policy.start(NOW) == NOW + LONGER
    policy.asks(NOW + 1.5 * MOST)  # the pace is made here, as ever
    assert policy.start(NOW + 1.5 * MOST) == NOW + 1.5 * MOST


def test_where_nothing_comes_it_looks_ever_more_seldom() -> None:
    policy = BusyPoll(1.0)
    policy.passed(NOW)
    skipped = []
    for _ in range(12):
        skipped.append(waits_until_it_looks(policy, NOW))
        policy.missed(0.0)
    assert skipped == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256]
    assert skipped[-1] == SELDOM


def test_one_wait_in_vain_among_many_changes_nothing() -> None:
    policy = trusted()
    for _ in range(100):
        assert looks(policy, NOW)
        policy.missed(0.0)
        for _ in range(TRUST):
            assert looks(policy, NOW)
            policy.found()


def test_every_other_wait_in_vain_is_too_many() -> None:
    policy, tried = trusted(), 0
    for count in range(10_000):
        if looks(policy, NOW):
            tried += 1
            policy.found() if count % 2 else policy.missed(0.0)
    assert tried < 200


def test_who_pauses_before_it_asks_makes_the_pace_itself() -> None:
    policy, now, tried = trusted(), NOW, 0
    for _ in range(1000):
        now += 10 * MOST
        policy.asks(now)
        tried += looks(policy, now)
        policy.passed(now)
    assert tried < 10
    for _ in range(SELDOM + 100):  # now one request follows the other
        policy.asks(now)
        if looks(policy, now):
            policy.found()
        policy.passed(now)
    assert looks(policy, now) and looks(policy, now)


def test_where_somebody_else_computes_it_sleeps_for_a_while() -> None:
    policy = trusted()
    policy.disturbed()
    assert waits_until_it_looks(policy, NOW) == REST
    policy.disturbed()
    assert waits_until_it_looks(policy, NOW) == REST


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.floats(0.001, 1.0), st.lists(st.tuples(st.floats(0, 0.01), st.booleans()), max_size=300))
def test_what_is_looked_in_vain_is_within_its_share(share: float, waits: list[tuple[float, bool]]) -> None:
    policy, now, vain = BusyPoll(share), NOW, 0.0
    for pause, comes in waits:
        now += pause
        policy.passed(now)
        if looks(policy, now):
            now += MOST
            policy.found() if comes else policy.missed(MOST)
            vain += 0 if comes else MOST
        assert vain <= BURST + share * (now - NOW) + 2 * MOST
