"""What one listener can't take is lost to it alone, counted: not to the others, and who fires hears nothing of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually
from tests.support.heard import Heard
from tests.support.plainpeer import PlainPeer
from tests.support.served import Served

URL = "tcp://127.0.0.1:0"
RAW, TEXT = b"\xff\xd8", "text"


class Network:
    """A server of one face, with one who fires `cam`, `frame`, and who listens to it in every codec."""

    def __init__(self, stack: ExitStack, face: str, sender: str, **options: Any) -> None:
        self.serve(stack, face, options)
        self.own = stack.enter_context(sig.ClientRouter(self.url, "msgpack"))
        add = self.server.add_sender if sender == "server" else self.own.add_remote_sender
        self.signal = add("cam", ["frame"]).get_signal("frame")
        self.heard = {codec: Heard() for codec in ("msgpack", "cbor", "json", "here")}
        self.server.add_listener(self.heard["here"], "cam", "frame")
        self.clients = {codec: stack.enter_context(sig.ClientRouter(self.url, codec)) for codec in list(self.heard)[:3]}
        for codec, client in self.clients.items():
            client.add_remote_listener(self.heard[codec], "cam", "frame")

    def serve(self, stack: ExitStack, face: str, options: dict[str, Any]) -> None:
        if face == "asyncio":
            served = stack.enter_context(Served("asyncio", URL, **options))
            self.server, self.do = served.server, served.do
        else:
            self.server, self.do = stack.enter_context(sig.ServerRouter(URL, **options)), lambda call: call()
        self.url: str = self.server.addresses[0]

    def fire(self, *values: Any) -> None:
        def all_of_them() -> None:
            for value in values:
                self.signal.trigger(value)

        self.do(all_of_them)
        self.own.flush()

    def expect(self, **heard: list[Any]) -> None:
        for name, values in heard.items():
            assert self.heard[name].wait_for(len(values)) == values, name

    def peer(self, **facts: Any) -> dict[str, Any]:
        """What the server counts of the one peer that is so."""
        (found,) = [peer for peer in self.server.stats()["peers"] if facts.items() <= peer.items()]
        return dict(found["events"])


@pytest.fixture(params=["threads", "asyncio"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["server", "client"])
def make(request: pytest.FixtureRequest, face: str) -> Iterator[Callable[..., Network]]:
    with ExitStack() as stack:
        yield lambda **options: Network(stack, face, request.param, **options)


@pytest.mark.parametrize("value", [RAW, bytearray(b"x"), math.inf])
def test_a_value_that_one_codec_can_not_carry(make: Callable[..., Network], value: Any) -> None:
    network = make()
    network.fire(TEXT, value, value, TEXT)
    there = bytes(value) if isinstance(value, bytearray) else value
    network.expect(msgpack=[TEXT, there, there, TEXT], cbor=[TEXT, there, there, TEXT], json=[TEXT, TEXT])
    assert len(network.heard["here"].wait_for(4)) == 4
    eventually(lambda: network.clients["json"].lost == {("cam", "frame"): 2})
    counts = network.peer(codec="json")
    assert (counts["fired"], counts["out"], counts["lost"]) == (4, 2, {"json can't carry the value": 2})
    assert [network.clients[codec].lost.total() for codec in ("msgpack", "cbor")] == [0, 0]


def test_events_that_come_together(make: Callable[..., Network]) -> None:
    network = make()
    values = [number if number % 3 else bytes([number]) for number in range(200)]
    network.fire(*values)
    network.expect(msgpack=values, here=values, json=[value for value in values if isinstance(value, int)])
    eventually(lambda: network.clients["json"].lost.total() == 67)


def test_it_may_be_heard_by_nobody(face: str) -> None:
    with ExitStack() as stack:
        network = Network(stack, face, "server")
        for codec in ("msgpack", "cbor"):
            network.clients[codec].stop()
        eventually(lambda: len(network.server.peers) == 2)
        network.fire(RAW, TEXT)
        network.expect(here=[RAW, TEXT], json=[TEXT])
        eventually(lambda: network.clients["json"].lost.total() == 1)


def test_additions_that_one_codec_can_not_carry(make: Callable[..., Network]) -> None:
    network = make()
    network.signal.event_info["raw"] = RAW
    network.fire(1)
    del network.signal.event_info["raw"]
    network.fire(2)
    network.expect(msgpack=[1, 2], here=[1, 2], json=[2])
    eventually(lambda: network.clients["json"].lost.total() == 1)


def test_what_is_too_long_in_one_codec(face: str) -> None:
    with ExitStack() as stack:
        network = Network(stack, face, "server", limits=sig.Limits(max_frame=4096))
        long = "\x01" * 3000  # JSON writes six characters for each
        network.fire(long, TEXT)
        network.expect(msgpack=[long, TEXT], cbor=[long, TEXT], here=[long, TEXT], json=[TEXT])
        eventually(lambda: network.clients["json"].lost.total() == 1)


def test_a_plain_peer_loses_it_as_well(make: Callable[..., Network]) -> None:
    network = make()
    with PlainPeer(network.url) as plain:
        plain.call("add_listener", sender="cam", event="frame")
        network.fire(RAW, TEXT)
        assert plain.heard()["params"]["data"] == TEXT
        lost = network.peer(client="", codec="json")["lost"]
    assert lost == {"json can't carry the value": 1}
    network.expect(msgpack=[RAW, TEXT])


@pytest.mark.parametrize("value", [{1, 2}, "\ud800", 2**64, object(), "x" * 5000])
def test_what_nobody_could_carry_is_the_error_of_who_fires_it(make: Callable[..., Network], value: Any) -> None:
    network = make(limits=sig.Limits(max_frame=4096))
    kind = sig.MessageTooBig if isinstance(value, str) and len(value) > 4096 else sig.EncodeError
    with pytest.raises(kind, match="event 'frame' of sender 'cam'"):
        network.fire(value)
    network.fire(TEXT)
    network.expect(msgpack=[TEXT], cbor=[TEXT], json=[TEXT], here=[TEXT])
    assert network.clients["json"].lost.total() == 0


def test_a_server_of_json_alone_says_so_at_once(face: str) -> None:
    with ExitStack() as stack:
        network = Network.__new__(Network)
        network.serve(stack, face, {"codecs": ["json"]})
        client = stack.enter_context(sig.ClientRouter(network.url))
        heard = Heard()
        client.add_remote_listener(heard, "cam")
        signal = network.server.add_sender("cam", ["frame"]).get_signal("frame")
        with pytest.raises(sig.EncodeError, match="bytes can't be carried"):
            network.do(lambda: signal.trigger(RAW))
        network.do(lambda: signal.trigger(TEXT))
        heard.wait_for(2)
        assert heard.values[1:] == [TEXT]


# -- what listeners and loggers do


class Shy:
    """A listener that raises whatever it is asked."""

    def __call__(self, info: sig.Info, data: Any) -> None:
        raise ValueError("no")

    def __repr__(self) -> str:
        raise ValueError("no name either")


class Raising(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise OSError("the disk is full")


@pytest.fixture
def raising_logger() -> Iterator[None]:
    handler, logger = Raising(), logging.getLogger("sig")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)


@pytest.mark.usefixtures("raising_logger")
def test_a_listener_that_raises_whatever_it_is_asked_and_a_logger_that_raises_too(make: Callable[..., Network]) -> None:
    network = make()
    network.server.add_listener(Shy(), None, None)
    network.own.add_listener(Shy(), None, None)
    network.clients["json"].add_remote_listener(Shy(), "cam")
    after = Heard()
    network.server.add_listener(after, "cam", "frame")
    network.clients["json"].add_remote_listener(after, "cam", "frame")
    network.fire(*range(10))
    network.expect(here=list(range(10)), msgpack=list(range(10)), json=list(range(10)))
    assert sorted(after.wait_for(20)) == sorted([*range(10), *range(10)])
    eventually(lambda: network.clients["json"].listener_errors == 10)
    assert network.server.listener_errors == 10
    assert network.clients["json"].is_connected
