"""A sender of a client: what is counted of it, and what an answer says of what is missing."""

from __future__ import annotations

from collections import Counter

import pytest

from sig_core.errors import RemoteProtocolError
from sig_core.events import Name
from sig_core.router import Router
from sig_core.session.binary.server_messages import Joined
from sig_core.session.client_state.asks import Ask
from sig_core.session.client_state.remote_sender import PendingSender, RemoteSender
from tests.session.client_state.support import FakeReply


def remote(*events: Name) -> RemoteSender:
    return RemoteSender(Router()._make_sender("s", events, None), "life")


def pending(fired: dict[Name, int], dropped: dict[Name, int] | None = None) -> PendingSender:
    return PendingSender(remote(*fired), fired, dropped or {}, Ask(FakeReply(), 1, "add_sender 's'"))


def unsent(asked: PendingSender, routed: dict[Name, int] | None) -> Counter[tuple[Name, Name]]:
    found: Counter[tuple[Name, Name]] = Counter()
    asked.note_unsent(Joined(1, dict.fromkeys(asked.fired, 2), routed), found)
    return found


def test_its_own_events_are_counted_and_the_built_in_ones_are_not() -> None:
    found = remote("e", "#c", 5)
    assert list(found.counters) == ["e", "#c", 5] and found.fired() == 0 and found.session is None
    for event, times in (("e", 2), (5, 1)):
        for _ in range(times):
            found.counters[event].increment()
    assert (found.fired(), found.fired()) == (3, 3)


def test_what_is_missing_at_the_server() -> None:
    assert unsent(pending({"e": 5, "f": 2}), {"e": 3, "f": 2}) == {("s", "e"): 2}


@pytest.mark.parametrize("routed", [None, {}, {"e": 9}, {"other": 3}])
def test_a_server_that_does_not_know_or_knows_more(routed: dict[Name, int] | None) -> None:
    assert unsent(pending({"e": 5}), routed) == {}


def test_what_was_dropped_here_never_left() -> None:
    assert unsent(pending({"e": 5}, {"e": 2}), {"e": 1}) == {("s", "e"): 2}
    assert unsent(pending({"e": 5}, {"e": 4}), {"e": 2}) == {}  # an answer of the server got lost meanwhile


def test_an_answer_is_about_its_events() -> None:
    asked = pending({"e": 0, "f": 0})
    asked.check(Joined(1, {"f": 3, "e": 2}, None))
    for routes in ({}, {"e": 2}, {"e": 2, "f": 3, "g": 4}):
        with pytest.raises(RemoteProtocolError, match="add_sender 's'"):
            asked.check(Joined(1, dict(routes), None))
