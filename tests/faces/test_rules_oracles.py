"""What somebody may not see does not exist for him: no word on a link, no number and no count tells of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.tokens import digest
from tests.support.plainpeer import PlainPeer
from tests.support.rawpeer import CONTROL, RawPeer, call

OWNER, SPY = "sig_" + "1" * 64, "sig_" + "2" * 64
RULES: dict[str, Any] = {
    "version": 1,
    "roles": {
        "owner": {"add": ["*"]},
        "spy": {"see": ["open*"], "listen": [{"sender": "open*"}], "add": ["spy"]},
    },
    "who": [
        {"token": digest(OWNER), "user": "owner", "roles": ["owner"]},
        {"token": digest(SPY), "user": "spy", "roles": ["spy"]},
    ],
}
HIDDEN = "h1dden"


@pytest.fixture
def server() -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=RULES) as made:
        yield made


def busy(server: sig.ServerRouter) -> None:
    """Somebody comes with a hidden sender and an open one, fires on both, and leaves."""
    with sig.ClientRouter(server.addresses[0], token=OWNER) as owner:
        for name in (HIDDEN, "open"):
            signal = owner.add_remote_sender(name, ["e", "#c"], {"get": lambda params: 1}).get_signal("e")
            for number in range(5):
                signal.trigger(number)
        owner.flush()


def test_a_listener_for_everything_is_told_nothing_of_it(server: sig.ServerRouter) -> None:
    with RawPeer.connect(server.addresses[0]).open(auth={"token": SPY}) as spy:
        spy.send(call(1, "add_listener", sender=None, event=None))
        assert spy.message()["status"] == 0
        busy(server)
        spy.send(call(2, "recall", topics=[[HIDDEN, "e"], ["open", "e"]]), call(3, "list_senders", list_events=True))
        spy.send(call(4, "sync"))
        said = []
        while not said or b'"id":4' not in said[-1].replace(b" ", b""):
            frame = spy.read()
            assert frame is not None
            said.append(frame[2])
        text = b"\n".join(said)
        assert b"open" in text and HIDDEN.encode() not in text


def test_each_question_is_answered_as_for_a_name_that_is_not_there(server: sig.ServerRouter) -> None:
    asked: list[tuple[str, dict[str, Any]]] = [
        ("resolve", {}),
        ("remove_sender", {}),
        ("skip", {"events": [["e", 1]]}),
        ("add_sender", {"events": []}),
        ("add_listener", {"event": "e"}),
        ("add_listener", {"event": "#connect"}),
        ("add_listener", {"event": None}),
    ]
    server.add_sender(HIDDEN, ["e"], {"get": lambda params: 1})
    with RawPeer.connect(server.addresses[0]).open(auth={"token": SPY}) as spy:
        for method, params in asked:
            told = []
            for name in (HIDDEN, "n0where"):
                spy.send(call(7, method, sender=name, **params))
                told.append(json.dumps(spy.message()).replace(name, "NAME"))
            assert told[0] == told[1], method
            assert '"status": 0' not in told[0]


def test_numbers_of_routes_are_no_way_in(server: sig.ServerRouter) -> None:
    """Numbers are given in order, so they can be guessed: what is behind them answers as if nothing was."""
    sender = server.add_sender(HIDDEN, ["e"], {"get": lambda params: 1})
    route = server._exchange.senders[next(iter(server._exchange.senders))].route
    with RawPeer.connect(server.addresses[0]).open(auth={"token": SPY}) as spy:
        told = []
        for number in (route, 4_000_000):
            spy.send(b"".join((_request(number), call(9, "sync"))))
            frame = spy.read()
            while frame is not None and frame[0] == CONTROL:
                frame = spy.read()
            assert frame is not None
            told.append(frame[2][4:].replace(str(number).encode(), b"NUMBER"))
        assert told[0] == told[1]
        assert sender.name == HIDDEN


def _request(route: int) -> bytes:
    import struct

    body = struct.pack("<IB", 5, 3) + b"get1"
    return struct.pack("<IBI", 5 + len(body), 2, route) + body


def test_plain_peers_and_counts(server: sig.ServerRouter) -> None:
    busy(server)
    with PlainPeer(server.addresses[0]) as spy:
        spy.call("login", token=SPY)
        server.add_sender(HIDDEN, ["e"])
        assert HIDDEN not in json.dumps(spy.call("list_senders", list_events=True))
        for method in ("stats", "explain"):
            spy.send({"id": 1, "method": method, "params": {"user": "owner", "action": "add"}})
            assert spy.read()["status"] == -6
        assert spy.call("whoami")["rule"] == ""
