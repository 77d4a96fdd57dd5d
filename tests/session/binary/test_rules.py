"""A client at a server with rules that change: what waits for it."""

from __future__ import annotations

from typing import Any

from tests.support.ruled import RuledNet, rules_of

ALL: dict[str, Any] = {"add": ["*"], "see": ["*"], "listen": [{"sender": "*"}]}
LESS = ALL | {"listen": [{"sender": "other"}]}


def test_what_waits_for_a_listener_that_has_ended_is_dropped_as_well() -> None:
    net = RuledNet(rules_of(owner=ALL, listener=ALL))
    owner, listener = net.connect(), net.connect()
    net.know(listener.server.port, "listener")
    owner.add_sender("s", ["e"])
    ident = listener.listen("s", "e")
    listener.frozen = True
    owner.fire("s", "e", 1)
    listener.client.call("remove_listener", {"listener_id": ident}, lambda value, error: None)
    listener.server.receive_data(b"".join(listener.client.out), net.now)
    listener.client.out.clear()
    net.exchange.apply(rules_of(owner=ALL, listener=LESS))
    listener.frozen = False
    net.pump()
    assert listener.values() == []
    assert listener.server.port.traffic.lost == {"not allowed any more": 1}
