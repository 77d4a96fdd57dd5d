"""The way of a client's events out: made with the first event, kept without a link, refused if none comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sig_core.errors import EncodeError, LinkClosed, MessageTooBig, SenderExists, UnknownSender
from sig_core.session.client_state import outlet
from sig_core.session.client_state.outlet import LazyPublisher, refusing_publisher
from tests.session.client_state.support import KEEPS, Client
from tests.support.sessions import Net, OpenGate

INFO = {"sender": "s", "event": "e"}
KEEPS_NOTHING = KEEPS.__class__()


def connected(policy: Any = KEEPS) -> Client:
    client = Client(policy=policy).connect()
    client.add("s")
    return client


def topic_of(client: Client) -> Any:
    return client.router._table.topic("s", "e")


def values(net: Net) -> Callable[[], list[Any]]:
    """Take the values that a witness at the server has got."""
    witness = net.connect()
    witness.listen("s", "e")
    return witness.values


# -- made with the first event


def test_it_is_made_once_and_takes_its_own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    client = connected()
    got = values(client.net)
    made: list[Any] = []
    make = outlet.make_publisher

    def noted(*args: Any) -> Any:
        assert client.lock.held
        made.append(make(*args))
        return made[-1]

    monkeypatch.setattr(outlet, "make_publisher", noted)
    assert isinstance(topic_of(client).publisher, LazyPublisher)
    for value in range(3):
        client.trigger("s", value)
    client.net.pump()
    assert len(made) == 1 and topic_of(client).publisher is made[0] and got() == [0, 1, 2]
    assert client.counts()["fired"] == 3


def test_two_threads_that_are_first_at_once_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have looked the lazy one up; the second comes to the lock when the first has taken its place."""
    client = connected()
    got = values(client.net)
    lazy = topic_of(client).publisher
    lazy(INFO, "first")
    real = topic_of(client).publisher
    monkeypatch.setattr(outlet, "make_publisher", lambda *args: pytest.fail("it is made already"))
    lazy(INFO, "second")
    client.net.pump()
    assert topic_of(client).publisher is real and got() == ["first", "second"]
    assert client.counts()["fired"] == 2


def test_one_that_was_looked_up_before_its_sender_was_removed_refuses() -> None:
    client = connected()
    lazy = topic_of(client).publisher
    signal = client.router._senders["s"].get_signal("e")
    client.remove("s")
    with pytest.raises(UnknownSender, match="'s' is no longer connected"):
        lazy(INFO, 1)
    with pytest.raises(UnknownSender, match="'s' is no longer connected"):
        signal.trigger(1)
    assert client.counts()["fired"] == 0


def test_one_of_a_link_that_is_gone_goes_over_the_next_one() -> None:
    client = connected()
    lazy = topic_of(client).publisher
    client.lose()
    got = values(client.net)
    client.connect()
    lazy(INFO, 1)
    client.net.pump()
    assert got() == [1]


def test_what_can_not_be_carried_is_not_counted() -> None:
    client = connected()
    for value, error in ((object(), EncodeError), ("x" * 17_000_000, MessageTooBig)):
        with pytest.raises(error):
            client.trigger("s", value)
    assert client.counts()["fired"] == 0


# -- without a link


def test_events_wait_for_the_next_link() -> None:
    client = connected()
    got = values(client.net)
    client.trigger("s", 0)
    client.net.pump()
    client.lose()
    for value in (1, 2):
        client.trigger("s", value)
    assert client.counts() == {"fired": 3, "waiting": 2, "dropped": 0, "unsent": 0}
    client.connect()
    client.trigger("s", 3)
    client.net.pump()
    assert got() == [0, 1, 2, 3]
    assert client.counts() == {"fired": 4, "waiting": 0, "dropped": 0, "unsent": 0}


@pytest.mark.parametrize("first", ["before", "after"])
def test_the_first_event_may_come_when_the_link_is_gone(first: str) -> None:
    client = connected()
    if first == "before":
        client.trigger("s", 0)
        client.net.pump()
    client.lose()
    client.trigger("s", 1)
    assert client.counts()["waiting"] == 1


def test_what_can_not_be_carried_does_not_wait() -> None:
    client = connected()
    client.lose()
    for value, error in ((object(), EncodeError), ("x" * 17_000_000, MessageTooBig)):
        with pytest.raises(error):
            client.trigger("s", value)
    assert client.counts() == {"fired": 0, "waiting": 0, "dropped": 0, "unsent": 0}


@pytest.mark.parametrize("policy", [None, KEEPS_NOTHING])
def test_a_client_that_keeps_none_refuses(policy: Any) -> None:
    client = connected(policy)
    client.lose()
    with pytest.raises(LinkClosed, match="event 'e' of sender 's': not connected"):
        client.trigger("s", 1)
    assert client.counts() == {"fired": 0, "waiting": 0, "dropped": 0, "unsent": 0}


@pytest.mark.parametrize("end", ["stop", "give_up"])
def test_a_client_that_will_not_return_refuses_and_drops(end: str) -> None:
    client = connected()
    client.lose()
    client.trigger("s", 1)
    getattr(client.state, end)()
    with pytest.raises(LinkClosed, match="event 'e' of sender 's': not connected"):
        client.trigger("s", 2)
    assert client.counts() == {"fired": 1, "waiting": 0, "dropped": 1, "unsent": 0}


def during_the_encoding(client: Client, monkeypatch: pytest.MonkeyPatch, do: Callable[[], Any]) -> None:
    """Let another thread do something between the look at the link and the queue."""
    frame_for = outlet.frame_for

    def meanwhile(*args: Any) -> bytes:
        monkeypatch.undo()
        do()
        return frame_for(*args)

    monkeypatch.setattr(outlet, "frame_for", meanwhile)


def test_a_stop_in_the_moment_of_keeping_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    client = connected()
    client.lose()
    during_the_encoding(client, monkeypatch, client.state.stop)
    with pytest.raises(LinkClosed):
        client.trigger("s", 1)
    assert client.counts() == {"fired": 0, "waiting": 0, "dropped": 0, "unsent": 0}


def test_a_link_that_comes_in_the_moment_of_keeping_carries_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = connected()
    client.lose()
    got = values(client.net)
    during_the_encoding(client, monkeypatch, client.connect)
    client.trigger("s", 1)
    client.net.pump()
    assert got() == [1] and client.counts() == {"fired": 1, "waiting": 0, "dropped": 0, "unsent": 0}


def test_a_sender_that_is_removed_in_the_moment_of_keeping_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    client = connected()
    client.lose()
    during_the_encoding(client, monkeypatch, lambda: client.remove("s"))
    with pytest.raises(UnknownSender, match="'s' is no longer connected"):
        client.trigger("s", 1)
    assert client.counts() == {"fired": 0, "waiting": 0, "dropped": 0, "unsent": 0}


# -- the gate


class FullGate(OpenGate):
    """Is full once."""

    full = True
    rooms = 0

    def make_room(self) -> None:
        self.rooms += 1
        self.full = False


def test_a_full_gate_is_not_waited_for_under_the_lock() -> None:
    client = connected()
    gate = FullGate()
    room = gate.make_room
    gate.make_room = lambda: (client.lock.check_free(), room())[1]  # type: ignore[method-assign]
    client.session.gate = gate
    client.trigger("s", 1)
    assert gate.rooms == 1


def test_a_refusing_one_says_why() -> None:
    cause = SenderExists("sender 's' is already connected, by peer")
    with pytest.raises(LinkClosed, match="sender 's' is not at the server: sender 's' is already connected") as caught:
        refusing_publisher("s", cause)(dict(INFO), 1)
    assert caught.value.__cause__ is cause
