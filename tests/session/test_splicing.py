"""Listings are put together of what is encoded already, and are what they would have been."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.contract import Codec
from sig_core.session.splicing import EncodedList, can_splice
from tests.session.by_hand import Raw
from tests.session.plains import Plain
from tests.support.sessions import CODECS, PLUGINS, Net


class Counting:
    """A codec that counts the values that it encodes."""

    def __init__(self, codec: Codec) -> None:
        self.name, self.extras, self.decode = codec.name, codec.extras, codec.decode
        self.encoded: list[Any] = []
        self._codec = codec

    def encode(self, value: Any, /) -> bytes:
        self.encoded.append(value)
        return self._codec.encode(value)


class Whole(Counting):
    """A codec that says first how long the whole is: nothing can be put into it."""

    def encode(self, value: Any, /) -> bytes:
        data = super().encode(value)
        return len(data).to_bytes(4, "big") + data

    def decode(self, data: bytes, /) -> Any:
        if int.from_bytes(data[:4], "big") != len(data) - 4:
            raise ValueError("another length")
        return self._codec.decode(data[4:])


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("ident", [7, "#here#", None, "x"])
def test_what_is_put_together_is_what_the_codec_gives(name: str, ident: Any) -> None:
    codec = PLUGINS.codecs.get(name)
    assert can_splice(codec)
    items = [{"sender": "#here#"}, None, [1, 2.5], "\u20ac" * 300]
    found = EncodedList(codec, [codec.encode(item) for item in items]).answer(ident)
    assert found == codec.encode({"id": ident, "status": 0, "response": items})


def test_a_codec_that_does_not_allow_it_is_found_out() -> None:
    whole: Any = Whole(PLUGINS.codecs.get("json"))
    del whole.decode  # that of the class
    assert not can_splice(whole)


@pytest.mark.parametrize("name", CODECS)
def test_each_sender_is_encoded_once_however_often_it_is_listed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net()
    raw, owner = Raw(net, name), net.connect()
    counting: Any = Counting(raw.codec)
    monkeypatch.setattr(net.exchange, "codec", lambda name: counting)
    can_splice(counting)
    for number in range(500):
        owner.add_sender(number, ["e", "f"])
    first = raw.ask("list_senders", list_events=True)
    assert [item["sender"] for item in first] == list(range(500))
    assert [event["event"] for event in first[7]["events"]] == ["e", "f", "#connect", "#disconnect"]
    counting.encoded.clear()
    assert raw.ask("list_senders", list_events=True) == first
    assert len(counting.encoded) <= 2
    owner.call("remove_sender", sender=3)
    owner.add_sender("new", [])
    counting.encoded.clear()
    listed = [item["sender"] for item in raw.ask("list_senders", list_events=True)]
    assert listed == [*(number for number in range(500) if number != 3), "new"]
    assert len(counting.encoded) <= 3


def test_a_plain_peer_has_the_broadcast_sender_first() -> None:
    net = Net()
    peer, owner = Plain(net), net.connect()
    owner.add_sender("s", ["e"])
    assert peer.call("list_senders") == [{"sender": None, "connected": True}, {"sender": "s", "connected": True}]
    events = [{"event": name} for name in ("e", "#connect", "#disconnect")]
    assert peer.call("list_senders", list_events=True) == [
        {"sender": None, "connected": True, "events": []},
        {"sender": "s", "connected": True, "events": events},
    ]


class Untouched(dict[Any, Any]):
    """The senders of a server, which nobody looks through."""

    def __iter__(self) -> Any:
        raise AssertionError("somebody looks at all senders")

    items = keys = values = __iter__  # type: ignore[assignment]


@pytest.mark.parametrize("peer", [Raw, Plain])
def test_the_end_of_a_link_costs_what_it_has_itself(peer: Any) -> None:
    net = Net()
    owner, link = net.connect(), peer(net)
    for number in range(100):
        owner.add_sender(number, ["e"])
    net.exchange.senders = Untouched(net.exchange.senders)
    net.exchange.requests._open = Untouched()
    link.session.receive_eof()
    assert link.session.error is not None
    net.exchange.senders = dict(dict.items(net.exchange.senders))
    assert len(net.exchange.senders) == 100


def test_listeners_that_come_and_go_cost_what_was_fired_meanwhile() -> None:
    net = Net()
    owner, raw = net.connect(), Raw(net)
    raw.ask("add_listener", sender=None, event="#c")
    for number in range(200):
        owner.add_sender(number, ["e"])
    table = net.exchange._table
    raw.ask("add_listener", sender=None, event=None)
    assert len(table.fresh) == 0
    owner.fire(5, "e", 1)
    assert {(topic.sender, topic.event) for topic in table.fresh} == {(5, "e")}
    owner.call("remove_sender", sender=5)
    assert len(table.fresh) == 0
