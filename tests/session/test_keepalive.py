"""Silence: each side says something in time, ends a link that does not, and is patient while it does not read."""

from __future__ import annotations

import json
from typing import Any

import pytest

import sig_core as sig
from sig_core.protocol import hello, wire
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.server import ServerSession
from tests.support.sessions import EVERYTHING, PLUGINS, Net, opening

STEP = 0.01  # seconds


def client_of(keepalive: float) -> ClientSession:
    """A client of a server that wants to hear of it every `keepalive` seconds."""
    codecs = PLUGINS.choose_codecs(["json"])
    session = ClientSession(codecs, Limits(keepalive=50), client="ab" * 16, token=None, packets=False, now=0.0)
    welcome = hello.Welcome(codec="json", node="0" * 32, token="a5", max_frame=4096, keepalive=keepalive)
    session.receive_data(hello.welcome_frame(welcome), 0.0)
    session.out.clear()
    return session


def server_of(keepalive: float, own: float = 50.0) -> ServerSession:
    """A server of a client that wants to hear of it every `keepalive` seconds."""
    session = Net(Limits(keepalive=own)).server_session()
    session.receive_data(opening(keepalive=keepalive), 0.0)
    session.take(EVERYTHING)
    return session


def taken(session: Any) -> bytes:
    if isinstance(session, ServerSession):
        return session.take(EVERYTHING)
    data = b"".join(session.out)
    session.out.clear()
    return data


@pytest.mark.parametrize("keepalive", [1.0, 3.0, 9.0])
@pytest.mark.parametrize("side", [client_of, server_of])
def test_something_is_sent_within_a_third_of_the_peers_time(side: Any, keepalive: float) -> None:
    session = side(keepalive)
    last, sent = 0.0, 0
    for step in range(int(4 * keepalive / STEP)):
        now = step * STEP
        session.tick(now)
        if data := taken(session):
            assert data == wire.KEEP_ALIVE
            session.sent(0, now)
            last, sent = now, sent + 1
        assert now - last <= keepalive / 3 + STEP
    assert 11 <= sent <= 12  # and no more than that


def test_nobody_hears_more_often_than_three_times_a_second() -> None:
    session, sent = server_of(0.1), 0
    for step in range(1000):
        session.tick(step / 100)
        if taken(session):
            session.sent(0, step / 100)
            sent += 1
    assert 28 <= sent <= 30


def test_a_client_asks_for_no_more_than_it_can_get() -> None:
    net = Net()
    link = net.connect(limits=Limits(keepalive=0.1))
    assert link.client.patience == 1.0
    assert link.server._peer_keepalive == 1.0


@pytest.mark.parametrize("side", [client_of, server_of])
def test_the_next_tick_is_asked_for_in_time(side: Any) -> None:
    session, now, sent = side(3.0), 0.0, []
    for _ in range(8):
        found = session.tick(now)
        wait = found[1] if isinstance(found, tuple) else found
        assert 0 < wait <= 1.0 + 1e-9
        if taken(session):
            sent.append(now)
        now += wait
    gaps = [two - one for one, two in zip([0.0, *sent], sent, strict=False)]
    assert len(sent) == 7
    assert max(gaps) <= 1.0 + 1e-6


@pytest.mark.parametrize("side", [client_of, server_of])
def test_output_stands_for_a_keep_alive(side: Any) -> None:
    session = side(3.0)
    for step in range(100):
        session.tick(step * 0.1)
        assert taken(session) == b""
        session.sent(0, step * 0.1)


@pytest.mark.parametrize("side", [client_of, server_of])
def test_it_is_never_an_answer(side: Any) -> None:
    session = side(3.0)
    for step in range(10):
        session.receive_data(wire.KEEP_ALIVE * 3, step * 0.01)
    assert taken(session) == b""


def test_a_silent_client_is_given_up() -> None:
    session = server_of(60.0, own=3.0)
    session.receive_data(wire.KEEP_ALIVE[:4], 2.5)  # silence is measured from the last byte
    session.tick(5.49)
    assert session.state is State.OPEN
    session.tick(5.5)
    assert session.state is State.CLOSED
    assert isinstance(session.error, sig.RemoteProtocolError)
    assert "silent for 3.0 s, 3 s are allowed" in str(session.error)
    body = session.take(EVERYTHING)[wire.HEADER :]
    assert json.loads(body)["method"] == "goodbye"


def test_a_held_client_is_not_silent() -> None:
    session = server_of(60.0, own=3.0)
    session.port.set_reading_paused(True)
    for step in range(100):
        session.tick(step * 1.0)
        taken(session)
    assert session.state is State.OPEN
    session.port.set_reading_paused(False)
    session.tick(101.9)
    assert session.state is State.OPEN
    session.tick(102.0)
    assert session.state is State.CLOSED


def test_a_client_knows_how_long_its_server_was_silent() -> None:
    session = client_of(3.0)
    assert session.silence(2.5) == pytest.approx(2.5)
    session.receive_data(wire.KEEP_ALIVE[:1], 2.5)
    assert session.silence(4.0) == pytest.approx(1.5)


def test_links_that_keep_alive_live_on() -> None:
    net = Net(Limits(keepalive=3.0))
    live, brief, dead = net.connect(), net.connect(limits=Limits(keepalive=1.5)), net.connect()
    dead.add_sender("s", ["e"])
    live.listen(None, "#disconnect")
    dead.frozen = True
    net.tick(2.9)
    assert dead.server.state is State.OPEN
    net.tick(0.2)
    assert dead.server.state is State.CLOSED
    assert [heard.sender for heard in live.heard()] == ["s"]
    for _ in range(300):
        net.tick(0.1)
        assert live.client.silence(net.now) <= 1.0 + 0.06
        assert brief.client.silence(net.now) <= 1.5 / 3 + 0.06
    assert {link.client.state for link in (live, brief)} == {State.OPEN}
    assert {link.server.state for link in (live, brief)} == {State.OPEN}


def test_a_held_feeder_lives_as_long_as_it_is_held() -> None:
    net = Net(Limits(keepalive=1.0, stall=30.0, max_outbox=10_000))
    feeder, slow = net.connect(), net.connect(limits=Limits(keepalive=100))
    feeder.add_sender("s", ["e"])
    slow.listen("s", "e")
    slow.carry = lambda: False  # type: ignore[method-assign]
    while not feeder.server.reading_paused:
        feeder.fire("s", "e", "x" * 500)
    for _ in range(60):
        slow.server.receive_data(wire.KEEP_ALIVE, net.now)
        net.tick(0.2)
    assert feeder.server.reading_paused
    assert (feeder.server.state, slow.server.state) == (State.OPEN, State.OPEN)


def test_ticks_after_the_end_do_nothing() -> None:
    server, client = server_of(3.0), client_of(3.0)
    server.close()
    client.close()
    taken(server)
    taken(client)
    for now in (1.0, 5.0, 500.0):
        assert server.tick(now) > 0
        assert client.tick(now)[0] == []
    assert taken(server) == taken(client) == b""
