"""A client as a port of the exchange, without the session that reads it."""

from __future__ import annotations

import json
from typing import Any

from sig_core.errors import NotOwner
from sig_core.protocol.checks import Fields
from sig_core.protocol.hello import Hello
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Call
from sig_core.protocol.wire import EVENT, REQUEST, control_frame, event_frame, request_tail
from sig_core.routing.ports import RequestBatch, Run
from sig_core.routing.traffic import Traffic
from sig_core.session.binary.client_port import ClientPort
from tests.support.named_frames import Frame, NamedReader
from tests.support.sessions import EVERYTHING, PLUGINS, Net

CLIENT = "ab" * 16
LIMITS = Limits(max_outbox=4096)


class Owner:
    """What a session is to its port; notes what it is told."""

    def __init__(self, net: Net | None = None, max_frame: int = 4096) -> None:
        self.net = net or Net(LIMITS)
        self.told: list[Any] = []
        self.port = ClientPort(self.net.exchange, self.net.limits, "peer", Traffic(), self)
        self.port.on_change = lambda: self.told.append("output")
        hello = Hello(codecs=("json",), client=CLIENT, max_frame=max_frame, keepalive=10.0)
        self.port.open(hello, "json", PLUGINS.codecs.get("json"))
        self.net.exchange.join(self.port)

    def note_paused(self) -> None:
        self.told.append(self.port.reading_paused)

    def note_overflow(self) -> None:
        self.told.append("overflow")

    def frames(self) -> list[Frame]:
        """Take the frames that wait."""
        return NamedReader(2**32 - 1).feed(self.port.outbox.take_in_order(EVERYTHING))

    def messages(self) -> list[Any]:
        """Take what waits; control messages decoded, of other frames their type."""
        return [frame.type or json.loads(frame.body) for frame in self.frames()]


def run_of(route: int, size: int = 10) -> Run:
    return Run(route, "json", 1, event_frame(route, b'"' + b"x" * size + b'"'))


def test_a_number_is_bound_before_its_first_event_and_once() -> None:
    owner = Owner()
    owner.port.calls.run(Call(1, "add_listener", Fields({"sender": "s", "event": "e"}, "add_listener")))
    owner.port.deliver(run_of(5), "s", "e")
    owner.port.deliver(run_of(5), "s", "e")
    bind, *events = owner.messages()
    assert (bind["method"], bind["params"]) == ("bind", {"route": 5, "sender": "s", "event": "e"})
    assert events == [EVENT], "both, as one run"
    assert owner.told == ["output"], "where there was none"
    assert owner.port.names_at(5) == ("s", "e") and owner.port.names_at(6) is None


def test_an_event_that_is_too_long_is_counted_and_told() -> None:
    owner = Owner(max_frame=300)
    owner.port.deliver(run_of(5, 400), "s", "e")
    assert dict(owner.port.lost) == {"bigger than the 300 bytes it takes": 1}
    assert [message["method"] for message in owner.messages()] == ["bind", "gap"]


def test_who_is_refused_is_told_once_for_each_route() -> None:
    owner = Owner()
    for route in (5, 5, 6):
        owner.port.refuse(route, 2, NotOwner("not yours"))
    assert [message["params"]["route"] for message in owner.messages()] == [5, 6]
    assert owner.port.traffic.refused == 6


def test_what_is_not_heard_any_more_is_counted_anew_when_it_is() -> None:
    owner = Owner()
    owner.port.deliver(run_of(5), "s", "e")
    owner.messages()
    owner.port.note_unheard((None, "e"))
    assert owner.port.names_at(5) is None
    owner.port.deliver(run_of(5), "s", "e")
    bind, _ = owner.messages()
    assert bind["params"]["anew"] is True


def test_its_session_is_told_that_it_is_held_and_that_too_much_waits() -> None:
    owner = Owner()
    owner.port.set_reading_paused(True)
    owner.port.set_reading_paused(False)
    assert owner.told == [True, False]
    owner.port.send(control_frame(b"x" * 4000))
    assert owner.told[2:] == ["output"]
    owner.port.send(control_frame(b"x" * 4000))
    assert owner.told[3:] == ["overflow"], "it is not dropped; the session has to end"


def test_requests_that_have_no_room_are_refused_one_by_one() -> None:
    owner = Owner()
    tails = {token: request_tail("m", b"x" * 1000) for token in range(1, 6)}
    refused = owner.port.request(RequestBatch(5, "s", "m", "json", tails))
    assert [frame.type for frame in owner.frames()] == [REQUEST] * 3
    assert [(token, str(error)) for token, error in refused] == [
        (token, "sender 's': the output of peer is full (4096 bytes)") for token in (4, 5)
    ]


def test_it_leaves_with_all_that_it_has() -> None:
    net = Net()
    owner = Owner(net)
    net.exchange.add_sender(owner.port, "s", ["e"], None)
    net.exchange.listen(owner.port, (None, None))
    owner.port.calls._counts[None, None] = 1
    owner.port.close(may_return=False)
    assert (net.exchange.senders, net.exchange._table.size) == ({}, 0)
