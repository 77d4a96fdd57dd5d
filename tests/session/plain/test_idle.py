"""A plain peer that has nothing here and says nothing: it is asked for a sign of life, and goes if there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sig_core.errors import HandshakeError, Status
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from tests.session.plains import Plain
from tests.support.sessions import Net

LIMITS = Limits(idle=60.0, request_timeout=10.0, keepalive=1000.0)
PING = {"id": 1, "method": "ping", "params": {}}


def silent(end: bytes = b"\n") -> Plain:
    """One that has said an empty object, and no more."""
    peer = Plain(Net(LIMITS), end=end)
    peer.say({})
    peer.out()
    return peer


def later(peer: Plain, seconds: float) -> float:
    peer.net.now += seconds
    return peer.session.tick(peer.net.now)


def test_it_is_asked_once_then_goes() -> None:
    peer = silent()
    assert later(peer, 59.0) == pytest.approx(1.0)
    assert peer.out() == b""
    assert later(peer, 1.0) == pytest.approx(10.0)
    assert peer.read() == [PING]
    later(peer, 5.0)
    assert peer.out() == b""
    later(peer, 5.0)
    error = peer.session.error
    assert isinstance(error, HandshakeError) and error.status is Status.TIMEOUT
    assert "silent for 70 s" in str(error)
    (told,) = [json.loads(line) for line in peer.out().splitlines()]
    assert (told["id"], told["status"]) == (None, -14)


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("said", [{"id": 1, "status": -1}, {"id": 1, "status": 0, "response": None}, {}])
def test_whatever_it_says_is_a_sign_of_life(said: Any, end: bytes) -> None:
    peer = silent(end)
    for number in range(1, 4):
        later(peer, 60.0)
        assert peer.out() != b""
        peer.say(said | ({"id": number} if said else {}))
        peer.out()
    assert peer.session.state is State.OPEN


@pytest.mark.parametrize("has", ["sender", "listener", "request"])
def test_who_has_something_here_may_be_silent(has: str) -> None:
    peer = silent()
    if has == "sender":
        peer.add_sender("p", ["e"])
    elif has == "listener":
        peer.listen("s", "e")
    else:
        program = peer.net.connect()
        program.add_sender("s", [], ["m"])
        peer.say({"id": 1, "method": "request", "params": {"sender": "s", "method": "m"}})
    assert not peer.session.is_stranger
    later(peer, 9.0 if has == "request" else 10_000.0)
    later(peer, 0.5)
    assert peer.session.state is State.OPEN and peer.out() == b""


def test_who_gave_up_what_it_had_is_a_stranger_again() -> None:
    peer = silent()
    assert peer.session.is_stranger
    ident = peer.listen("s", "e")
    assert not peer.session.is_stranger
    peer.call("remove_listener", listener_id=ident)
    assert peer.session.is_stranger
    peer.session.close()
    assert not peer.session.is_stranger
