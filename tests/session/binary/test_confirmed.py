"""Events with CONFIRM, byte by byte: agreed on or not, answered or refused, in their place among others."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import LinkLost, LocalProtocolError, MessageTooBig, OutcomeUnknown
from sig_core.protocol import wire
from sig_core.protocol.wire import CONFIRM, event_frame, flagged_frame
from sig_core.session.binary.reports import ReplyReceived
from tests.session.by_hand import Client, Raw, events_of, goodbyes, sender_of
from tests.support.named_frames import Frame, split_reply
from tests.support.sessions import CODECS, Net

AGREED = {"features": ["confirm"]}


def confirm_frame(route: int, ident: int, data: bytes, additions: bytes | None = None) -> bytes:
    return flagged_frame(event_frame(route, data, additions), CONFIRM, ident)


def links_of(frames: list[Frame]) -> list[tuple[int, bytes]]:
    return [split_reply(frame.body) for frame in frames if frame.type == wire.REPLY]


def test_the_frame_is_that_of_the_page() -> None:
    frame = confirm_frame(7, 258, b"21", b"{}")
    assert frame.hex() == "0f00000031070000000201000002007b7d3231"
    assert wire.cut_ident(0x31, 7, frame[9:]) == (258, event_frame(7, b"21", b"{}"))


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize("codec", CODECS)
def test_it_is_routed_in_its_place_and_answered(codec: str, piece: int) -> None:
    net = Net()
    raw, other = Raw(net, codec, **AGREED), Raw(net, codec, number=2)
    assert raw.welcome["features"] == ["confirm"] and not other.welcome.get("features")
    other.ask("add_listener", sender="s", event=None)
    _, routes = sender_of(raw)
    one, two, three = (raw.codec.encode(value) for value in (1, 2, 3))
    route = routes["e"]
    frames = raw.send(event_frame(route, one), confirm_frame(route, 9, two), event_frame(route, three), piece=piece)
    assert links_of(frames) == [(9, raw.codec.encode(1))]
    assert [data for where, _, data in events_of(other.read()) if where == route] == [one, two, three]


def test_without_the_feature_it_is_a_breach() -> None:
    raw = Raw(Net())
    _, routes = sender_of(raw)
    assert goodbyes(raw, raw.send(confirm_frame(routes["e"], 1, b"1"))) == [-7]
    assert not raw.open


@pytest.mark.parametrize(
    "data",
    ["08000000 21 07000000 010000", "0a000000 31 07000000 01000000 05", "0d000000 31 07000000 01000000 0900 6162"],
)
def test_a_frame_without_room_for_what_it_says_is_a_breach(data: str) -> None:
    raw = Raw(Net(), **AGREED)
    assert goodbyes(raw, raw.send(bytes.fromhex(data))) == [-7]


def test_what_is_not_its_own_to_send_is_refused_by_the_answer() -> None:
    net = Net()
    raw, other = Raw(net, **AGREED), Raw(net, number=2)
    _, routes = sender_of(other)
    frames = raw.send(confirm_frame(routes["e"], 3, b"1"))
    ((kind, body),) = [(frame.type, frame.body) for frame in frames]
    assert kind == wire.ERROR and wire.split_error(body)[:2] == (3, -12)
    assert raw.session.traffic.refused == 1 and raw.open


def test_a_listener_at_which_it_is_lost_is_not_counted() -> None:
    net = Net()
    raw = Raw(net, "msgpack", **AGREED)
    for number, codec in enumerate(["json", "cbor"], 2):
        Raw(net, codec, number=number).ask("add_listener", sender="s", event=None)
    _, routes = sender_of(raw)
    sent = raw.codec.encode(b"bytes")
    assert links_of(raw.send(confirm_frame(routes["e"], 1, sent))) == [(1, raw.codec.encode(1))]
    assert links_of(raw.send(confirm_frame(routes["e"], 2, raw.codec.encode(1)))) == [(2, raw.codec.encode(2))]


# -- the client


def confirm(client: Client, data: bytes = b"1") -> int:
    return client.session.confirm(event_frame(4, data), "event 'e' of sender 's'", client.when)


def test_the_client_asks_and_is_told() -> None:
    client = Client.opened(features=("confirm",))
    first, second = confirm(client), confirm(client)
    assert [frame.type for frame in client.said()] == [wire.EVENT | CONFIRM] * 2
    client.feed(wire.reply_frame(4, second, b"7"))
    assert client.told == [(7, None)]
    client.feed(wire.error_frame(4, first, -12, b'{"type":"NotOwner","text":"no"}'))
    assert type(client.told[1][1]).__name__ == "NotOwner"


def test_a_server_that_confirms_nothing_is_named() -> None:
    client = Client.opened()
    with pytest.raises(LocalProtocolError, match="'e' of sender 's': this server confirms none"):
        confirm(client)
    assert client.said() == []


def test_what_the_server_does_not_take_is_not_sent() -> None:
    client = Client.opened(features=("confirm",), max_frame=4096)
    with pytest.raises(MessageTooBig, match="4097 bytes, 4096 are taken"):
        confirm(client, b" " * 4088)
    assert client.said() == [] and client.session.tick(1e9)[0] == []


def test_the_end_of_the_link_is_no_answer() -> None:
    client = Client.opened(features=("confirm",))
    confirm(client)
    client.session.fail(LinkLost("cut"))
    told: list[Any] = [report for report in client.session.end() if isinstance(report, ReplyReceived)]
    assert [type(report.error) for report in told] == [OutcomeUnknown]
