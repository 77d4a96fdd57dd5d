"""What is too long, too many, or left over: sizes, limits and memory of a server and its clients."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest

import sig_core as sig
from sig_core.protocol import wire
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.reports import Gap, RequestsReceived
from tests.session.by_hand import Raw
from tests.support.sessions import Net, pieces_of

# -- sizes


def small_and_big() -> tuple[Any, Any]:
    """A client that takes little, and one that takes what it pleases, at a server that takes 1 MiB."""
    net = Net(Limits(max_frame=1 << 20))
    return net.connect(limits=Limits(max_frame=4096)), net.connect()


def test_events_that_are_too_long() -> None:
    small, big = small_and_big()
    net = big.net
    big.add_sender("s", ["e"])
    small.listen("s", "e")
    for size in (10, 4096 - 5 - 2, 4096 - 5 - 1, 20_000, 20):
        big.queue("s", "e", "x" * size)
    net.pump()
    assert [len(value) for value in small.values()] == [10, 4089, 20]  # to the byte
    (gap,) = small.of(Gap)
    assert (gap.count, "4096" in gap.reason) == (2, True)
    with pytest.raises(sig.MessageTooBig) as caught:
        big.fire("s", "e", "x" * (1 << 20))
    assert caught.value.limit == 1 << 20
    with pytest.raises(sig.MessageTooBig):
        big.fire("s", "e", "x" * ((1 << 20) - 20), more="x" * 100)
    with pytest.raises(sig.MessageTooBig, match="65535"):
        big.fire("s", "e", 1, more="x" * 65_536)
    assert small.values() == []


def test_requests_and_replies_that_are_too_long() -> None:
    small, big = small_and_big()
    small.add_sender("t", [], ["take"])
    big.add_sender("s", [], ["echo"])
    ((_, error),) = big.request("t", "take", "x" * 5000)
    assert isinstance(error, sig.MessageTooBig)
    with pytest.raises(sig.MessageTooBig):
        big.request("t", "take", "x" * (1 << 20))
    for size in (4096, 1 << 20):
        told = small.request("s", "echo", 1)
        big.serve(lambda method, params, size=size: "x" * size)
        ((_, error),) = told
        assert isinstance(error, sig.MessageTooBig)
    assert (small.client.state, big.client.state) == (State.OPEN, State.OPEN)


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_requests_and_replies_to_the_byte(more: int, fits: bool) -> None:
    small, big = small_and_big()
    small.add_sender("t", [], ["m"])
    big.add_sender("s", [], ["m"])
    told = big.request("t", "m", "x" * (4096 - 9 - 2 - 2 + more))  # id, method, quotes
    assert len(small.of(RequestsReceived)) == fits
    assert (told == []) is fits
    told = small.request("s", "m", 1)
    big.serve(lambda method, params: "x" * (4096 - 9 - 2 + more))
    assert [type(error) for _, error in told] == [type(None) if fits else sig.MessageTooBig]
    assert [len(value) for value, error in told if error is None] == [4096 - 9 - 2] * fits
    size = (1 << 20) - 9 - 2 - 2 + more
    if fits:
        assert big.request("s", "m", "x" * size) == []
        assert big.client.state is State.OPEN
    else:
        with pytest.raises(sig.MessageTooBig):
            big.request("s", "m", "x" * size)


def test_answers_that_are_too_long() -> None:
    small, big = small_and_big()
    for number in range(300):
        big.add_sender(f"a sender with a long name, number {number}", [])
    with pytest.raises(sig.MessageTooBig):
        small.call("list_senders")
    assert len(big.call("list_senders")) == 300


@pytest.mark.parametrize("text", ["x" * 9000, "€" * 3000], ids=["ascii", "wide"])
def test_errors_of_a_handler_that_say_too_much(text: str) -> None:
    small, big = small_and_big()
    big.add_sender("s", [], ["fail"])

    def fail(method: str, params: Any) -> Any:
        raise sig.RemoteError("ValueError", text)

    told = small.request("s", "fail", 1)
    big.serve(fail)
    assert small.client.state is State.OPEN, small.client.error
    ((_, error),) = told
    assert isinstance(error, sig.RemoteError | sig.MessageTooBig)


def test_what_is_too_long_to_be_put_into_another_codec() -> None:
    net = Net(Limits(max_transcode=4096))
    owner, same, other, another = net.connect(), net.connect(), net.connect("msgpack"), net.connect("cbor")
    owner.add_sender("s", ["e"], ["m"])
    for listener in (same, other, another):
        listener.listen("s", "e")
    for size in (10, 4096 - 2, 4096 - 1, 20):
        owner.queue("s", "e", "x" * size)
    owner.queue("s", "e", 1, more="x" * 5000)
    net.pump()
    assert [len(str(value)) for value in same.values()] == [10, 4094, 4095, 20, 1]
    for listener in (other, another):
        assert [len(value) for value in listener.values()] == [10, 4094, 20]
        assert sum(gap.count for gap in listener.of(Gap)) == 2
        assert listener.server.lost.total() == 2
        assert listener.server.lost["longer than the 4096 bytes that are put into another codec"] >= 1
    ((_, error),) = other.request("s", "m", "x" * 5000)
    assert isinstance(error, sig.EncodeError) and "max_transcode" in str(error)
    told = other.request("s", "m", 1)
    owner.serve(lambda method, params: "x" * 5000)
    ((_, error),) = told
    assert isinstance(error, sig.EncodeError) and "5002" in str(error)


# -- limits


def test_limits_of_a_link() -> None:
    net = Net(Limits(max_requests=2, max_listeners=2, max_senders=2))
    link, other = net.connect(), net.connect()
    link.add_sender("a", ["e"], ["slow"])
    link.add_sender("b", ["e"])
    with pytest.raises(sig.Busy, match="2 senders"):
        link.add_sender("c", [])
    link.call("remove_sender", sender="b")
    link.add_sender("c", [])
    first = link.listen()
    link.listen()
    with pytest.raises(sig.Busy, match="2 listeners"):
        link.listen()
    link.call("remove_listener", listener_id=first)
    link.listen()
    told = [other.request("a", "slow", number) for number in range(3)]
    ((_, error),) = told[2]
    assert isinstance(error, sig.Busy)
    link.serve(lambda method, params: params)
    assert told[:2] == [[(0, None)], [(1, None)]]
    assert other.request("a", "slow", 3) == []


def test_more_events_than_the_limit_are_refused_with_busy() -> None:
    link = Net(Limits(max_events=2)).connect()
    link.add_sender("a", ["1", "2"])
    with pytest.raises(sig.Busy):
        link.add_sender("b", ["1", "2", "3"])


def test_the_routes_of_one_link_are_bounded() -> None:
    net = Net(Limits(max_routes=9))
    link, other = net.connect(), net.connect()
    link.add_sender("a", ["e"])
    link.add_sender("b", ["e", "f"])
    with pytest.raises(sig.Busy, match="9 routes on one link"):
        link.add_sender("c", [])
    other.add_sender("c", [])
    link.call("remove_sender", sender="a")
    link.add_sender("d", ["e"])


def test_the_routes_of_a_server_are_bounded_and_come_back() -> None:
    net = Net(Limits(max_names=8))
    link, other = net.connect(), net.connect()
    routes = link.add_sender("a", ["e"])
    with pytest.raises(sig.Busy, match="8 routes"):
        other.add_sender("b", ["1", "2"])
    other.add_sender("b", ["1"])
    with pytest.raises(sig.Busy):
        other.add_sender("c", [])
    link.call("remove_sender", sender="a")
    assert link.add_sender("a", ["e"]) == routes  # its names have their numbers: no new one is needed


# -- input of all links together


def test_incomplete_messages_of_all_links_are_bounded_together() -> None:
    net = Net(Limits(max_source=1 << 20))
    listener, owner = net.connect(), Raw(net, number=999)
    listener.listen("s", "e")
    routes = owner.ask("add_sender", sender="s", events=["e"])["events"]
    frame = wire.event_frame(routes[0][1], b'"%s"' % (b"x" * 300_000))
    hostile = [Raw(net, number=number) for number in range(40)]
    for raw in hostile:
        raw.session.receive_data((1 << 20).to_bytes(4, "little") + bytes(5), 0.0)
        for _ in range(3):
            raw.session.receive_data(bytes(100_000), 0.0)
            assert net.exchange.memory.size <= 1 << 20
    assert sum(raw.open for raw in hostile) == 3
    assert all("max_source" in str(raw.session.error) for raw in hostile if not raw.open)
    for part in pieces_of(frame, 60_000):
        owner.session.receive_data(part, 0.0)
    net.pump()
    assert [len(value) for value in listener.values()] == [300_000] and owner.open
    for raw in hostile:
        raw.session.receive_eof()
    net.exchange.memory.look()
    assert net.exchange.memory.size < 10_000


def test_a_plain_peer_counts_as_well() -> None:
    net = Net(Limits(max_source=1 << 20))
    peers = [net.plain_session() for _ in range(10)]
    for peer in peers:
        peer.receive_data(b'{"method":"get_version"}\n{"a":"', 0.0)
        for _ in range(4):
            peer.receive_data(b"x" * 100_000, 0.0)
            assert net.exchange.memory.size <= 1 << 20
    assert sum(peer.error is None for peer in peers) == 2
    for peer in peers:
        peer.receive_data(b'"}', 0.0)
    net.exchange.memory.look()
    assert net.exchange.memory.size < 10_000


# -- memory


def tables(net: Net) -> dict[str, int]:
    """The sizes of all tables that links leave something in; `_numbers` stays, by design."""
    exchange = net.exchange
    return {
        "senders": len(exchange.senders),
        "routes": len(exchange._routes),
        "targets": len(exchange._targets),
        "patterns": len(exchange._table._at),
        "topics": len(exchange._table._topics),
        "requests": len(exchange.requests),
        "asked": sum(map(len, exchange.requests._tokens.values())),
        "askers that are gone": len(exchange.requests._tokens.keys() - exchange._ports.keys()),
        "holds": len(exchange.flow_control._feeders),
        "clients": len(net.identities),
    }


@pytest.mark.parametrize("how", ["goodbye", "lost", "breach", "replaced"])
def test_nothing_stays_of_a_thousand_clients(how: str) -> None:
    net = Net(Limits(max_outbox=20_000))
    host = net.connect()
    host.add_sender("host", ["e"], [None])
    host.listen(None, "#connect")
    empty = tables(net)
    for number in range(1000):
        client, token = f"{number + 7:032x}", None
        link = net.connect("msgpack", client=client)
        link.add_sender("s", ["e"], ["x"])
        link.listen()
        link.listen("s", "e")
        link.request("host", "m", 1)  # nobody answers: open on both sides
        host.request("s", "x", 1)
        if number % 100 == 0:  # slow: its feeder is held
            link.frozen = True
            for _ in range(17):
                host.fire("host", "e", "x" * 1000)
            assert tables(net)["holds"] == 1
        if how == "goodbye":
            link.server.receive_data(wire.control_frame(link.server.encoding.encode({"method": "goodbye"})), 0.0)
        elif how == "breach":
            link.server.receive_data(b"\0\0\0\0", 0.0)
        elif how == "replaced":
            token = link.client.welcome.token
            net.links.remove(link)
            link = net.connect("msgpack", client=client, token=token)
            link.server.receive_eof()
        if how == "lost":
            link.lose()
        else:
            net.links.remove(link)
        net.pump()
        assert host.client.state is State.OPEN, host.client.error
    assert tables(net) == empty
    assert not host.server.reading_paused
    assert not host.client._requests
    host.lose()
    assert set(tables(net).values()) == {0}


@pytest.mark.slow
def test_a_hundred_thousand_subscriptions_stay_under_a_kib_each() -> None:
    count = 100_000
    net = Net(Limits(max_source=1 << 30))
    raw = Raw(net)
    calls = [
        wire.control_frame(
            b'{"id":%d,"method":"add_listener","params":{"sender":"sender %d","event":"e"}}' % (number, number)
        )
        for number in range(count)
    ]
    gc.collect()
    tracemalloc.start()
    for start in range(0, count, 1000):
        raw.session.receive_data(b"".join(calls[start : start + 1000]), 0.0)
        raw.session.take(1 << 30)
    size = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()
    assert len(raw.session.port.calls._listeners) == count
    assert size < 1024, f"{size:.0f} bytes"
    raw.session.receive_eof()
    assert set(tables(net).values()) == {0}
