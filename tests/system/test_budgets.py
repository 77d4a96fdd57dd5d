"""One hostile peer, and a pair that behaves beside it: whatever the one does, the pair loses nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

import sig_core as sig
from sig_core.protocol.limits import Limits
from tests.support import eventually, within
from tests.support.rawpeer import CONTROL, EVENT, REQUEST, RawPeer, call, frame

LIMITS = Limits(max_source=24 << 20)
Attack = Callable[[str, ExitStack], None]


def peer_of(url: str, stack: ExitStack, **hello: object) -> RawPeer:
    return stack.enter_context(RawPeer.connect(url)).open(**hello)


def many_names(url: str, stack: ExitStack) -> None:
    """A megabyte of names, in every list that takes names."""
    peer = peer_of(url, stack)
    names = list(range(1 << 60, (1 << 60) + 50_000))
    peer.send(call(1, "add_sender", sender="x", events=names))
    peer.send(call(2, "add_sender", sender="x", events=[], life="a", fired=[[name, 1] for name in names]))
    peer.send(call(3, "recall", topics=[[name, name] for name in names]))
    assert [peer.message()["status"] for _ in range(3)] == [-8] * 3


def empty_maps(url: str, stack: ExitStack) -> None:
    """Sixteen megabytes of empty maps: as a control message, and as an event for those who need another codec."""
    for codec in ("msgpack", "cbor"):
        peer = peer_of(url, stack, codecs=[codec])
        peer.send(frame(CONTROL, 0, b"\x80" * ((1 << 24) - 5)))
        add = {"id": 1, "method": "add_sender", "params": {"sender": codec, "events": ["e"]}}
        peer.send(frame(CONTROL, 0, sig.default_plugins().codecs.get(codec).encode(add)))
        route = 0
        while not route:
            found = peer.read()
            assert found is not None
            if found[0] == CONTROL and b"route" in found[2]:
                route = found[2][found[2].index(b"route") + 5]
        peer.send(frame(EVENT, route + 1, b"\xdd\x00\x0f\x00\x00" + b"\x80" * 0xF0000))


def never_complete(url: str, stack: ExitStack) -> None:
    """Messages that do not end, on many links."""
    for _ in range(10):
        peer = peer_of(url, stack)
        try:
            peer.send((1 << 24).to_bytes(4, "little") + bytes(3 << 20))
        except OSError:
            continue


def names_that_go(url: str, stack: ExitStack) -> None:
    """Senders that come and go, on a link each and on one."""
    for number in range(20):
        with RawPeer.connect(url) as peer:
            peer.open().send(call(1, "add_sender", sender=f"once {number}", events=["e"]))
            peer.message()
    peer = peer_of(url, stack)
    for number in range(500):
        peer.send(call(1, "add_sender", sender=number, events=["e"]), call(2, "remove_sender", sender=number))


def calls(url: str, stack: ExitStack) -> None:
    """Thousands of calls at once, the dearest there are."""
    peer = peer_of(url, stack)
    peer.send(
        b"".join(call(number, "list_senders", list_events=True) for number in range(2000)),
        b"".join(call(number, "add_listener", sender=None, event=None) for number in range(5000)),
    )


def requests(url: str, stack: ExitStack) -> None:
    """Thousands of requests to somebody else's handler."""
    peer = peer_of(url, stack)
    route = peer.ask(1, "resolve", sender="good")["route"]
    body = b"".join(frame(REQUEST, route, number.to_bytes(4, "little") + b"\x04slow1") for number in range(9999))
    peer.send(body)


ATTACKS: list[Attack] = [many_names, empty_maps, never_complete, names_that_go, calls, requests]


class Pair:
    """A sender with a handler, and a listener that asks it."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self.heard: list[int] = []
        self.served = 0
        self.owner = stack.enter_context(sig.ClientRouter(url, "json"))
        self.listener = stack.enter_context(sig.ClientRouter(url, "msgpack"))
        self.listener.add_remote_listener(lambda info, data: self.heard.append(data), "good", "e")
        sender = self.owner.add_remote_sender("good", ["e"], {"slow": self._serve})
        self._signal = sender.get_signal("e")
        self._fired = 0

    def _serve(self, params: object) -> object:
        self.served += 1
        return params

    def fire(self, count: int) -> None:
        for _ in range(count):
            self._signal.trigger(self._fired)
            self._fired += 1

    def is_whole(self) -> bool:
        return self.heard == list(range(self._fired))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_pair_that_behaves_loses_nothing(attack: Attack, stack: ExitStack) -> None:
    url = stack.enter_context(sig.ServerRouter("tcp://127.0.0.1:0", limits=LIMITS)).addresses[0]
    pair = Pair(url, stack)
    pair.fire(100)
    attack(url, stack)
    pair.fire(100)
    asked = os.getpid()
    assert pair.listener.request("good", "slow", asked) == asked
    eventually(pair.is_whole)
    assert pair.listener.lost == {} == pair.owner.lost
    assert pair.listener.stats()["losses"] == 0 == pair.owner.stats()["losses"]


def test_who_asks_once_waits_for_few_of_thousands(stack: ExitStack) -> None:
    url = stack.enter_context(sig.ServerRouter("tcp://127.0.0.1:0")).addresses[0]
    pair, count = Pair(url, stack), 3000
    hostile, other = stack.enter_context(sig.ClientRouter(url)), stack.enter_context(sig.ClientRouter(url))
    waiting = [hostile.request_async("good", "slow", number) for number in range(count)]
    assert other.request("good", "slow", "mine") == "mine"
    assert [future.result(within(30)) for future in waiting] == list(range(count))
    assert pair.served == count + 1
