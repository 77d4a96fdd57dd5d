"""Somebody has the last word: whoever asks waits for it, in order, and nobody else does."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.access import authorizer
from sig_core.access.authorizer import PATIENCE
from sig_core.errors import AccessDenied, Busy, UnknownSender
from sig_core.protocol.wire import event_frame
from tests.session.boards import Played
from tests.session.boards import event as fires
from tests.session.boards import listen as hears
from tests.session.plains import Plain
from tests.support.ruled import RuledNet, rules_of
from tests.support.sessions import Link

ALL: dict[str, Any] = {
    "add": ["*"],
    "see": ["*"],
    "listen": [{"sender": "*"}, {"event": "*"}],
    "request": [{"sender": "*", "method": ["get", "put"]}],
    "operate": ["stats"],
}


@pytest.fixture
def net() -> RuledNet:
    return RuledNet(rules_of(anna=ALL), asks=True)


@pytest.fixture
def asked(net: RuledNet) -> tuple[Link, Link]:
    """Who answers for "s", and who asks."""
    owner, asker = net.connect(), net.connect()
    owner.client.add_sender("s", ["e"], [None], lambda value, error: None)
    net.pump()
    net.answer()
    return owner, asker


def begin(link: Link, method: str, **params: Any) -> list[Any]:
    """Make a call; give a list to which its end is added."""
    told: list[Any] = []
    link.client.call(method, params, lambda value, error: told.append(error or value))
    link.net.pump()
    return told


def test_a_call_waits_and_so_does_all_behind_it_on_that_link(net: RuledNet) -> None:
    link, other = net.connect(), net.connect()
    first = begin(link, "add_sender", sender="s", events=["e"])
    second, elsewhere = begin(link, "get_version"), begin(other, "get_version")
    assert (first, second, len(elsewhere)) == ([], [], 1)
    assert link.server.reading_paused and not other.server.reading_paused
    assert net.answer() == [("add", "s", None)]
    assert first[0]["route"] and second
    assert not link.server.reading_paused


def test_no_is_denied_and_counted(net: RuledNet) -> None:
    link = net.connect()
    told = begin(link, "add_sender", sender="s", events=[])
    net.answer(False)
    assert isinstance(told[0], AccessDenied)
    assert begin(link, "add_sender", sender="s", events=[])  # it is kept
    assert not net.exchange.senders
    assert net.exchange.stats(peers=False)["access"]["denied"] == {"sig_authorize": 2}
    assert [entry["rule"] for entry in net.told if entry["event"] == "denied"] == ["sig_authorize"] * 2


def test_what_the_rules_deny_is_not_asked(net: RuledNet, asked: tuple[Link, Link]) -> None:
    _, asker = asked
    told = begin(asker, "stats", peers=False)
    assert not told and net.answer() == [("operate", "stats", None)] and told
    told = asker.request("s", "other", 1)
    assert isinstance(told[0][1], AccessDenied) and not net.asked


def test_a_listener_is_asked_for_as_it_stands(net: RuledNet) -> None:
    link = net.connect()
    for sender, event in (("s", "e"), ("s", None), (None, "#c"), (None, None)):
        told = begin(link, "add_listener", sender=sender, event=event)
        assert not told and net.answer() == [("listen", sender, event)]
        assert told[0]["listener_id"]
    assert len(net.exchange._table.patterns()) == 4


def got(link: Link) -> list[tuple[str, Any]]:
    """The requests that came."""
    return [(request.method, request.params) for request in link.asked()]


def test_requests_wait_beside_all_else_and_may_be_cancelled(net: RuledNet, asked: tuple[Link, Link]) -> None:
    owner, asker = asked
    told = [asker.request("s", "get", number) for number in range(3)]
    assert begin(asker, "get_version")
    assert not got(owner) and len(net.exchange.requests) == 3
    port = asker.server.port
    assert net.exchange.requests.cancel(port, next(iter(net.exchange.requests.tokens_of(port))))
    assert net.answer() == [("request", "s", "get")]
    assert got(owner) == [("get", b"1"), ("get", b"2")]
    assert not any(told) and len(net.exchange.requests) == 2
    asker.request("s", "get", 3)
    assert got(owner) == [("get", b"3")] and not net.asked


def test_a_request_that_is_denied_fails(net: RuledNet, asked: tuple[Link, Link]) -> None:
    owner, asker = asked
    told = asker.request("s", "get", 1)
    net.answer(False)
    assert isinstance(told[0][1], AccessDenied) and not owner.asked() and not len(net.exchange.requests)


def test_requests_for_too_many_methods_fail_at_once(asked: tuple[Link, Link], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorizer, "MOST_OPEN", 1)
    _, asker = asked
    first, second = asker.request("s", "get", 1), asker.request("s", "put", 1)
    assert not first and isinstance(second[0][1], Busy)


def test_who_leaves_meanwhile_leaves_nothing(net: RuledNet, asked: tuple[Link, Link]) -> None:
    owner, asker = asked
    asker.request("s", "get", 1)
    begin(asker, "add_sender", sender="t", events=[])
    asker.lose()
    assert len(net.asked) == 2
    net.answer()
    assert "t" not in {entry.name for entry in net.exchange.senders.values()}
    assert not owner.asked() and not len(net.exchange.requests)


def test_what_was_said_behind_it_counts_though_the_link_ends(net: RuledNet) -> None:
    link, listener = net.connect(), net.connect()
    added = begin(link, "add_sender", sender="s", events=["e"])
    begin(listener, "add_listener", sender="s", event="e")
    net.answer()
    begin(link, "add_sender", sender="t", events=[])
    link.client.out.append(event_frame(added[0]["events"][0][1], b"7"))
    assert link.server.reading_paused
    link.server.receive_data(b"".join(link.client.out), net.now)
    link.server.receive_eof()
    net.pump()
    assert [event.value for event in listener.heard()] == [7]
    net.answer()
    assert not net.exchange.senders


def test_the_sender_of_a_request_may_have_left_meanwhile(net: RuledNet, asked: tuple[Link, Link]) -> None:
    owner, asker = asked
    told = asker.request("s", "get", 1)
    owner.lose()
    net.answer()
    assert isinstance(told[0][1], UnknownSender)


def test_nobody_waits_for_ever(net: RuledNet) -> None:
    link = net.connect()
    told = begin(link, "add_sender", sender="s", events=[])
    net.now += PATIENCE
    net.authorizer.tick(net.now)
    net.pump()
    assert isinstance(told[0], AccessDenied)


def test_new_rules_ask_again_and_what_is_denied_ends(net: RuledNet, asked: tuple[Link, Link]) -> None:
    _, asker = asked
    begin(asker, "add_listener", sender="s", event="e")
    net.answer()
    net.exchange.apply(rules_of(anna=ALL))
    assert sorted(question.action for question in net.asked) == ["add", "listen"]
    assert net.exchange.senders and net.exchange._table.patterns()  # until it is answered
    net.answer(False)
    assert not net.exchange.senders and not net.exchange._table.patterns()
    net.exchange.apply(rules_of(anna=ALL))  # and what sleeps wakes
    assert net.answer() == [("listen", "s", "e")]
    assert net.exchange._table.patterns() == [("s", "e")]
    net.exchange.apply(rules_of(anna=ALL))
    net.answer(False)
    asker.call("remove_listener", listener_id=1)
    assert not net.exchange._silenced  # type: ignore[attr-defined]


def test_plain_peers_wait_too(net: RuledNet) -> None:
    peer = Plain(net)
    said = peer.say(*({"id": n, "method": "add_sender", "params": {"sender": f"s{n}"}} for n in range(2)))
    assert not said and peer.session.reading_paused
    assert net.answer() == [("add", "s0", None), ("add", "s1", None)]
    assert [answer["status"] for answer in peer.read()] == [0, 0]
    assert not peer.session.reading_paused


def test_a_board_is_registered_when_all_of_it_is_allowed(net: RuledNet) -> None:
    board = Played(net)
    net.know(board.session)
    assert board.register("uno", hears("s", "e"), fires("x")) == []
    assert net.answer() == [("listen", "s", "e"), ("add", "uno", None)]
    assert board.read() and board.session.stats()["senders"] == 1
    assert net.exchange._table.patterns() == [("s", "e")]


def test_a_board_that_is_denied_hears_nothing_and_is_told(net: RuledNet) -> None:
    board = Played(net)
    net.know(board.session)
    board.register("uno", hears("s", "e"))
    net.answer(False)
    (told,) = board.read()
    assert -6 in told
    assert not net.exchange._table.patterns() and not net.exchange.senders
    board.end()
