"""The way of events into a client: decoded once, by the codec's faster way where it has one, then told in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from sig_codecs.cbor_codec import CborCodec
from sig_codecs.json_codec import JsonCodec
from sig_codecs.msgpack_codec import MsgpackCodec
from sig_core.contract import Codec
from sig_core.protocol.wire import event_frame
from sig_core.routing.entities import Subscription
from sig_core.routing.table import Table
from sig_core.session.binary.fan_out import fan_out, fan_out_pieces
from sig_core.session.binary.reports import Events


class Slowly:
    """JSON without a faster way."""

    name = "json"
    extras: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.encode = JsonCodec().encode
        self._fast = JsonCodec().decode_most

    def decode(self, data: bytes, /) -> Any:
        return self._fast(data)


CODECS = [JsonCodec(), MsgpackCodec(), CborCodec(), Slowly()]


def heard(codec: Codec, run: list[bytes], times: int = 1) -> tuple[list[Any], list[BaseException]]:
    """Give what a listener heard of a run of payloads, and what was bad."""
    found: list[Any] = []
    bad: list[BaseException] = []
    table: Table[Subscription] = Table()
    for _ in range(times):
        table.add(("s", "e"), Subscription(lambda info, data: found.append((info, data)), ("s", "e"), lambda _: None))
    frames = b"".join(event_frame(1, payload) for payload in run)
    fan_out(Events("s", "e", len(run), frames), table.topic("s", "e"), codec, pytest.fail, bad.append)
    return found, bad


@pytest.mark.parametrize("codec", CODECS, ids=["json", "msgpack", "cbor", "no faster way"])
def test_every_event_is_told_to_every_listener(codec: Codec) -> None:
    found, bad = heard(codec, [codec.encode({"n": n}) for n in range(300)], times=2)
    assert (found, bad) == ([({"sender": "s", "event": "e"}, {"n": n // 2}) for n in range(600)], [])


def test_what_the_faster_way_refuses_is_decoded_all_the_same() -> None:
    codec = MsgpackCodec()
    values = [1, b"bytes", {"deep": [[[[[[[1]]]]]]]}, 2, b"more"]
    found, bad = heard(codec, [codec.encode(value) for value in values])
    assert ([data for _, data in found], bad) == (values, [])


@pytest.mark.parametrize("codec", CODECS, ids=["json", "msgpack", "cbor", "no faster way"])
def test_a_bad_payload_is_told_once_and_left_out(codec: Codec) -> None:
    good = codec.encode([1])
    found, bad = heard(codec, [good, b"\xc1", good, b"\xc1\xc1", good])
    assert [data for _, data in found] == [[1], [1], [1]]
    assert len(bad) == 2


def test_events_that_came_together_are_decoded_together() -> None:
    class Together(CborCodec):
        decode_most = None  # type: ignore[assignment]

    codec = Together()
    found, bad = heard(codec, [codec.encode([n]) for n in range(3)])
    assert ([data for _, data in found], bad) == ([[0], [1], [2]], [])


def test_a_codec_that_loses_some_of_many_is_asked_for_each() -> None:
    class Losing(JsonCodec):
        def decode_many(self, payloads: Sequence[bytes], /) -> list[Any]:
            return [self.decode(data) for data in payloads[1:]]

    codec = Losing()
    found, bad = heard(codec, [codec.encode([n]) for n in range(3)])
    assert ([data for _, data in found], bad) == ([[0], [1], [2]], [])


@pytest.mark.parametrize("codec", CODECS, ids=["json", "msgpack", "cbor", "no faster way"])
def test_a_run_in_pieces(codec: Codec) -> None:
    heard: list[Any] = []
    bad: list[BaseException] = []
    table: Table[Subscription] = Table()
    table.add(("s", "e"), Subscription(lambda info, data: heard.append(data), ("s", "e"), lambda _: None))
    frames = b"".join(event_frame(1, codec.encode(number)) for number in range(200))
    topic = table.topic("s", "e")
    pieces = fan_out_pieces(Events("s", "e", 200, frames), topic, codec, pytest.fail, bad.append, 1)
    counts = [200 - next(pieces) for _ in range(4)]
    assert counts == [1, 3, 7, 15] and len(heard) == 15  # each twice as long as the one before ...
    assert pieces.send(1) == 184  # ... but for who says how long
    assert list(pieces) == [182, 178, 170, 154, 122, 58]
    assert heard == list(range(200)) and bad == []


class Panic(BaseException):
    """What compiled code raises where it has a fault: it is no Exception."""


class Panicking(Slowly):
    """Fails on one payload."""

    def decode(self, data: bytes, /) -> Any:
        if data == b"13":
            raise Panic("index out of range")
        return super().decode(data)


def test_a_codec_that_panics_loses_that_event_alone() -> None:
    found, bad = heard(Panicking(), [str(number).encode() for number in range(20)])
    assert [data for _, data in found] == [number for number in range(20) if number != 13]
    assert [type(error) for error in bad] == [Panic]
