"""Binds that were under way when a listener ended, told from those for who came after it."""

from __future__ import annotations

from typing import Any

from sig_core.session.client_state.ended_listeners import Ended, EndedListeners


def add(ended: EndedListeners, *pattern: Any) -> Ended:
    one = Ended(pattern)  # type: ignore[arg-type]
    ended.add(one)
    return one


def is_late(ended: EndedListeners, number: int, since: int) -> bool:
    return ended.is_for_one("s", "e", number, since)


def test_where_nothing_has_ended_every_bind_is_meant() -> None:
    assert not is_late(EndedListeners(), 1, 0)


def test_until_the_server_has_answered_a_bind_is_for_who_has_ended() -> None:
    ended = EndedListeners()
    gone = add(ended, "s", None)
    assert is_late(ended, 1, ended.ever)
    gone.last = 2
    assert is_late(ended, 2, ended.ever)
    assert not is_late(ended, 3, ended.ever)


def test_who_was_there_before_the_end_hears_it_all_the_time() -> None:
    ended = EndedListeners()
    since = ended.ever
    add(ended, "s", "e")
    assert not is_late(ended, 1, since)


def test_only_what_matches_is_late() -> None:
    ended = EndedListeners()
    add(ended, "other", None)
    add(ended, "s", "other")
    assert not is_late(ended, 1, ended.ever)
    add(ended, None, None)
    assert is_late(ended, 2, ended.ever)


def test_what_can_not_come_any_more_is_forgotten() -> None:
    ended = EndedListeners()
    for number in range(1, 100):
        add(ended, "s", "e").last = number - 1
        assert not is_late(ended, number, ended.ever)
        assert len(ended) == 0
    for _ in range(100):  # nothing comes, and nothing is under way
        add(ended, "s", "e").last = 99
        assert len(ended) == 1
    assert ended.ever == 199
