"""What a client asked its server to hear: asked once, answered to all, taken back when nobody wants it any more."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import Busy, LinkLost, MessageTooBig, OutcomeUnknown, SigError
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state.ended_listeners import EndedListeners
from sig_core.session.client_state.remote_subscription import RemoteSubscription
from tests.session.by_hand import Client as ByHand
from tests.session.client_state.support import FakeLock, FakeReply


class Peer(ByHand):
    """A client's session whose server answers what the test says."""

    def answer(self, asked: dict[str, Any], response: Any) -> None:
        self.feed_message({"id": asked["id"], "status": 0, "response": response})

    def refuse(self, asked: dict[str, Any]) -> None:
        self.feed_message({"id": asked["id"], "status": int(Busy.status), "exception": "too many"})


@pytest.fixture
def peer() -> Peer:
    made = Peer.opened()
    assert isinstance(made, Peer)
    return made


def subscribe(session: ClientSession) -> tuple[RemoteSubscription, FakeLock]:
    lock = FakeLock()
    with lock:
        return RemoteSubscription(session, ("s", "e", False), lock, EndedListeners()), lock


def ask(remote: RemoteSubscription) -> FakeReply:
    reply = FakeReply()
    assert remote.ask(reply).reply is reply
    return reply


def end(remote: RemoteSubscription, lock: FakeLock) -> None:
    with lock:
        remote.end()


def error_of(reply: FakeReply) -> SigError | None:
    ((_, error),) = reply.answers
    return error


def test_it_is_asked_for_once_and_answered_to_all(peer: Peer) -> None:
    remote, _ = subscribe(peer.session)
    first, second = ask(remote), ask(remote)
    (asked,) = peer.messages()
    assert (asked["method"], asked["params"]) == ("add_listener", {"sender": "s", "event": "e"})
    assert first.answers == second.answers == []
    peer.answer(asked, {"listener_id": 5})
    assert first.answers == second.answers == [(None, None)] and not remote.is_refused
    assert ask(remote).answers == [(None, None)]
    assert peer.messages() == []


def test_a_refusal_is_told_to_all(peer: Peer) -> None:
    remote, _ = subscribe(peer.session)
    waiting = ask(remote)
    assert not remote.is_refused
    peer.refuse(peer.messages()[0])
    assert remote.is_refused
    for reply in (waiting, ask(remote)):
        assert isinstance(error_of(reply), Busy)


def test_a_call_that_can_not_be_made_is_a_refusal(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_big(*args: Any) -> int:
        raise MessageTooBig("too big", 2, 1)

    monkeypatch.setattr(peer.session, "call", too_big)
    remote, lock = subscribe(peer.session)
    assert remote.is_refused and isinstance(error_of(ask(remote)), MessageTooBig)
    end(remote, lock)


def test_a_link_that_has_ended_is_none() -> None:
    peer = ByHand.opened()
    peer.session.receive_eof()
    with pytest.raises(LinkLost):
        subscribe(peer.session)


def test_it_is_taken_back_once_it_is_answered(peer: Peer) -> None:
    remote, lock = subscribe(peer.session)
    peer.answer(peer.messages()[0], {"listener_id": 5})
    end(remote, lock)
    (asked,) = peer.messages()
    assert (asked["method"], asked["params"]) == ("remove_listener", {"listener_id": 5})
    peer.answer(asked, None)


def test_it_is_taken_back_when_it_is_answered_later(peer: Peer) -> None:
    remote, lock = subscribe(peer.session)
    reply = ask(remote)
    (asked,) = peer.messages()
    end(remote, lock)
    assert peer.messages() == []
    peer.answer(asked, {"listener_id": 6})
    assert reply.answers == [(None, None)]
    (asked,) = peer.messages()
    assert (asked["method"], asked["params"]) == ("remove_listener", {"listener_id": 6})


@pytest.mark.parametrize("before", [True, False])
def test_what_was_refused_is_not_taken_back(peer: Peer, before: bool) -> None:
    remote, lock = subscribe(peer.session)
    (asked,) = peer.messages()
    if before:
        end(remote, lock)
    peer.refuse(asked)
    if not before:
        end(remote, lock)
    assert peer.messages() == []


@pytest.mark.parametrize("response", [None, [], 7, "x", {}, {"other": 1}, {"listener_id": None}])
def test_an_answer_that_names_nothing(peer: Peer, response: Any) -> None:
    remote, lock = subscribe(peer.session)
    reply = ask(remote)
    peer.answer(peer.messages()[0], response)
    assert reply.answers == [(None, None)]
    end(remote, lock)
    assert peer.messages() == []


@pytest.mark.parametrize("answered", [True, False])
def test_a_lost_link_takes_it_along(peer: Peer, answered: bool) -> None:
    remote, lock = subscribe(peer.session)
    reply = ask(remote)
    if answered:
        peer.answer(peer.messages()[0], {"listener_id": 5})
    peer.said()
    peer.session.receive_eof()
    for report in peer.session.end()[:-1]:
        report.tell()  # type: ignore[union-attr]
    assert isinstance(error_of(reply), OutcomeUnknown if not answered else type(None))
    end(remote, lock)
    assert peer.said() == []


def test_a_link_that_is_lost_in_the_moment_of_taking_it_back(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    remote, lock = subscribe(peer.session)
    peer.answer(peer.messages()[0], {"listener_id": 5})

    def lost(*args: Any, **options: Any) -> int:
        raise LinkLost("gone")

    monkeypatch.setattr(peer.session, "call", lost)
    end(remote, lock)


def test_one_that_ends_before_it_is_answered_is_there_until_then(peer: Peer) -> None:
    gone, lock = EndedListeners(), FakeLock()
    with lock:
        first = RemoteSubscription(peer.session, ("s", "e", False), lock, gone)
        first.end()
        second = RemoteSubscription(peer.session, ("s", "e", False), lock, gone)
    peer.answer(peer.messages()[0], {"listener_id": 5})
    (removal,) = peer.messages()
    assert removal["method"] == "remove_listener"
    assert not gone.is_for_one("s", "e", 1, second.since)  # it was asked for before the first was taken back
    with lock:
        third = RemoteSubscription(peer.session, ("s", "e", False), lock, gone)
    assert gone.is_for_one("s", "e", 1, third.since)
    peer.answer(removal, None)
    assert not gone.is_for_one("s", "e", 1, third.since)
