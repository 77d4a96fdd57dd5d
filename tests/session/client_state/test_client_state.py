"""A client, but for its threads or its loop: what it logs, tells and counts, and what it makes of answers."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import (
    ConnectFailed,
    LinkClosed,
    LinkLost,
    LocalProtocolError,
    OutcomeUnknown,
    RemoteProtocolError,
    SigError,
)
from sig_core.session.client_state.reconnect import Reconnect
from tests.session.client_state.support import (
    KEEPS,
    NOBODY_THERE,
    Client,
    result_of,
)
from tests.support.sessions import Net

GONE = LinkLost("gone")


# -- how the link stands


def test_a_life_is_told_and_logged() -> None:
    client = Client().connect()
    client.lose()
    client.connect()
    told = client.tell()
    assert [state for state, _ in told] == ["connected", "disconnected", "reconnected"]
    assert client.wakes == 3 and isinstance(told[1][1], LinkLost)
    assert client.log.texts("warning") == ["fake://server: link closed: the link ended without a goodbye"]
    assert client.state.stats()["losses"] == 1


def test_an_end_in_order_is_no_warning() -> None:
    client = Client().connect()
    assert client.link is not None
    client.link.server.close("bye")
    client.net.pump()
    assert client.log.texts("warning") == []
    (text,) = client.log.texts("info")
    assert "the peer said goodbye" in text
    assert isinstance(client.tell()[-1][1], LinkClosed) and client.state.connection.state == "away"


@pytest.mark.parametrize(("policy", "returns", "then"), [(KEEPS, True, "away"), (None, False, "disconnected")])
def test_who_comes_back(policy: Reconnect | None, returns: bool, then: str) -> None:
    client = Client(policy=policy).connect()
    session = client.session
    session.fail(GONE)
    assert client.state.departed(session, GONE, 0.0) is returns
    assert client.state.connection.state == then
    assert client.state.departed(session, GONE, 0.0) is False


def test_a_link_that_ended_before_it_is_told_to_be_there() -> None:
    client = Client()
    link = client.dial()
    client.run(client.plan_of(link))
    link.lose()
    with pytest.raises(LinkLost):
        client.state.arrived(link.client, None, 0.0)
    assert client.tell() == [] and client.wakes == 0


def test_failed_attempts_are_told_once_for_each_cause() -> None:
    client = Client().connect()
    client.lose()
    client.log.lines.clear()
    schedule = client.state.connection.schedule
    assert schedule is not None
    for _ in range(3):
        schedule.next_wait()
        client.state.attempt_failed(NOBODY_THERE)
    assert client.log.texts("warning") == ["attempt 1 to come back failed: nobody there"]


def test_what_nobody_foresaw_is_logged_each_time_and_stands_as_the_reason() -> None:
    client = Client().connect()
    client.lose()
    for _ in range(2):
        client.state.attempt_failed(ZeroDivisionError("how"))
    assert sum("ZeroDivisionError: how" in text for text in client.log.texts("error")) == 2
    schedule = client.state.connection.schedule
    assert schedule is not None and isinstance(schedule.last, ConnectFailed)


def test_giving_up_is_told_and_drops_what_waits() -> None:
    client = Client().connect()
    client.add("s")
    client.lose()
    client.trigger("s", 1)
    client.tell()
    client.state.attempt_failed(NOBODY_THERE)
    client.state.give_up()
    client.state.give_up()
    assert client.tell() == [("gave_up", NOBODY_THERE)]
    assert client.log.texts("error") == ["fake://server: gave up coming back: nobody there"]
    assert client.counts() == {"fired": 1, "waiting": 0, "dropped": 1, "unsent": 0}


def test_who_was_stopped_does_not_give_up() -> None:
    client = Client().connect()
    client.lose()
    client.tell()
    assert client.state.stop() is True
    client.state.give_up()
    assert client.tell() == [] and client.log.texts("error") == []
    assert client.state.stop() is False


def test_a_stop_drops_what_waits() -> None:
    client = Client().connect()
    client.add("s")
    client.lose()
    client.trigger("s", 1)
    client.state.stop()
    assert client.counts() == {"fired": 1, "waiting": 0, "dropped": 1, "unsent": 0}


def test_a_client_that_was_never_started_stops() -> None:
    client = Client()
    assert client.state.stop() is False
    with pytest.raises(LocalProtocolError, match="this client is stopped"):
        client.state.connection.begin()


def test_a_link_is_the_clients_own_before_anything_is_asked_on_it() -> None:
    client = Client().connect()
    client.add("s")
    client.lose()
    link = client.dial()
    link.client.out.clear()
    steps = client.state.restore(link.client, lambda: found.append((client.lock.held, list(link.client.out))))
    found: list[Any] = []
    assert client.state.connection.session is not link.client
    next(steps)
    assert found == [(True, [])] and client.state.connection.session is link.client
    steps.close()


# -- what is asked


def test_a_call_of_the_protocol() -> None:
    client = Client().connect()
    client.add("s")
    ask = client.state.ask(client.session, "list_senders", {"list_events": True}, "list_senders")
    assert ask.what == "list_senders" and ask.ident is not None
    client.net.pump()
    listed = client.state.read_senders(result_of(ask))
    assert listed == {"s": ["e", "#connect", "#disconnect"]}


def test_a_call_whose_link_is_lost() -> None:
    client = Client().connect()
    ask = client.state.ask(client.session, "sync", {}, "flush")
    client.lose()
    with pytest.raises(OutcomeUnknown):
        result_of(ask)
    with pytest.raises(LinkLost):
        client.state.ask(client.session, "sync", {}, "flush")


@pytest.mark.parametrize(
    "listed",
    [
        *(None, 5, "text", {"sender": "s"}, [5], [None], [{}], [{"sender": "s"}]),
        *([{"sender": name, "events": []}] for name in (None, "", True, ["s"])),
        *([{"sender": "s", "events": events}] for events in (None, 5, ["e"], [{}], [{"event": None}])),
    ],
)
def test_a_list_of_senders_that_is_none(listed: Any) -> None:
    with pytest.raises(RemoteProtocolError, match="no list of senders"):
        Client().state.read_senders(listed)


# -- how it stands


def test_what_stats_say_of_a_client_that_has_nothing() -> None:
    assert Client().state.stats() == {
        "url": "fake://server",
        "state": "new",
        "losses": 0,
        "resumed": 0,
        "senders": 0,
        "subscriptions": 0,
        "events": {"in": 0, "lost": 0, "fired": 0, "waiting": 0, "dropped": 0, "unsent": 0},
        "bytes": {"in": 0, "out": 0},
        "requests": {"p50": None, "p99": None},
    }


def test_what_stats_count() -> None:
    net = Net()
    client, other = Client(net).connect(), Client(net).connect()
    client.add("s", "t")
    client.listen("o")
    client.listen("o")
    other.add("o")
    other.trigger("o", 1)
    client.trigger("s", 1)
    net.pump()
    client.lose()
    client.trigger("t", 1)
    client.state.times.extend([0.3, 0.1, 0.2])
    stats = client.state.stats()
    assert (stats["state"], stats["losses"], stats["senders"], stats["subscriptions"]) == ("away", 1, 2, 2)
    assert stats["events"] == {"in": 2, "lost": 0, "fired": 2, "waiting": 1, "dropped": 0, "unsent": 0}
    assert stats["requests"] == {"p50": 0.2, "p99": 0.3}
    client.remove("s")
    assert client.state.stats()["events"]["fired"] == 2


def test_the_error_behind_the_end_is_kept_for_who_asks_later() -> None:
    client = Client(policy=None).connect()
    client.lose()
    with pytest.raises(LinkClosed, match="not connected: the link ended without a goodbye") as caught:
        client.state.connection.open_session()
    assert isinstance(caught.value.__cause__, SigError)
