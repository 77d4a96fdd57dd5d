"""One link to a station: which one it leads to, and what its end means."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import HandshakeError, LinkClosed, LinkLost
from sig_core.line.handshake import BOARD, LineHello, SynAck, read_syn
from sig_core.line.packets import DATA, FIN, HELLO, SYN, SYNACK, Packet, PacketReader, seal
from sig_core.session.base import State
from sig_core.session.line.line_session import LineSession
from tests.session.boards import CODEC, event
from tests.session.owners import StationOwner
from tests.support.sessions import Net, pieces_of


def hello(sid: int = 0) -> bytes:
    return seal(HELLO, 15, 0, 0, LineHello(sid=sid).pack())


def link_of(net: Net, keeper: StationOwner, peer: str = "tcp:1") -> LineSession:
    return LineSession(peer, keeper.find(peer), net.now + 5.0)


def packets(link: LineSession) -> list[Packet]:
    found: list[Packet] = []
    while link.has_output:
        data = link.take(4096)
        link.sent(len(data), 0.0)
        found += PacketReader().feed(data)
    return found


def connect(net: Net, link: LineSession) -> int:
    """Answer SYN and register; give the sid."""
    (packet,) = packets(link)
    syn = read_syn(packet.payload)
    assert syn is not None
    terms = SynAck(sid=syn.sid, mtu=246, window=4, keepalive=1.0, dialect=BOARD, message=1000, long_crc=False)
    link.receive_data(seal(SYNACK, 15, 0, 0, terms.pack()), net.now)
    if not syn.resume:
        messages: list[Any] = [[0, 0, "uno", 1], event("e")]
        for seq, message in enumerate(messages):
            link.receive_data(seal(DATA, 15, seq, 0, CODEC.encode(message)), net.now)
        packets(link)
    return syn.sid


@pytest.mark.parametrize("piece", [1, 3, 100])
def test_hello_in_any_pieces_leads_to_a_new_station(piece: int) -> None:
    net = Net()
    keeper = StationOwner(net)
    link = link_of(net, keeper)
    assert (link.state, link.has_output, link.take(100)) == (State.OPENING, False, b"")
    data = b"\0" * 3 + hello()
    for part in pieces_of(data, piece):
        link.receive_data(part, net.now)
    assert link.state is State.OPEN
    assert [packet.kind for packet in packets(link)] == [SYN]


def test_what_stands_before_hello_and_behind_it() -> None:
    net = Net()
    keeper = StationOwner(net)
    link = link_of(net, keeper)
    link.receive_data(b"\0boot\0" + hello() + b"\0more text\0", net.now)
    assert link.state is State.OPEN
    assert [text for text, _ in keeper.log] == ["says: boot", "says: more text"]


@pytest.mark.parametrize("data", [b"\0" + b"x" * 64, b"\0" * 65, b"\0\xff" * 40, b"\0" + bytes(range(1, 200)) * 3])
def test_no_hello_in_64_bytes(data: bytes) -> None:
    net = Net()
    keeper = StationOwner(net)
    link = link_of(net, keeper)
    link.receive_data(data, net.now)
    assert isinstance(link.error, HandshakeError) and "HELLO" in str(link.error)
    assert not keeper.stations
    link.receive_data(hello(), net.now)
    assert not keeper.stations, "what comes after the end is not looked at"


@pytest.mark.parametrize("piece", [1, 50, 10_000])
def test_where_bytes_are_lost_hello_may_come_late(piece: int) -> None:
    net = Net()
    keeper = StationOwner(net)
    link = LineSession("line", keeper.find(), net.now + 5.0, reliable=False)
    damaged = hello().replace(b"\x01", b"\x03", 1)
    data = damaged * 100 + hello()
    for part in pieces_of(data, piece):
        assert link.state is State.OPENING and not link.has_output
        link.receive_data(part, net.now)
    assert link.state is State.OPEN
    assert [packet.kind for packet in packets(link)] == [SYN]


def test_not_for_ever() -> None:
    net = Net()
    keeper = StationOwner(net)
    link = LineSession("line", keeper.find(), net.now + 5.0, reliable=False)
    link.receive_data(b"x" * 4096, net.now)
    assert link.error is None
    link.receive_data(b"x", net.now)
    assert isinstance(link.error, HandshakeError) and "4096" in str(link.error) and not keeper.stations


def test_no_hello_in_time() -> None:
    net = Net()
    link = link_of(net, StationOwner(net))
    assert link.tick(3.0) == pytest.approx(2.0)
    link.receive_data(b"\0", 3.0)
    link.tick(5.0)
    assert isinstance(link.error, HandshakeError) and link.error.status == -14


@pytest.mark.parametrize("how", ["eof", "fail"])
def test_the_end_of_the_link_is_not_that_of_the_session(how: str) -> None:
    net = Net()
    keeper = StationOwner(net)
    link = link_of(net, keeper)
    link.receive_data(hello(), net.now)
    sid = connect(net, link)
    if how == "eof":
        link.receive_eof()
    else:
        link.fail(LinkLost("cut"))
    assert isinstance(link.error, LinkLost)
    assert "uno" in net.exchange.senders and bool(keeper.stations)
    net.now = 2.0
    again = link_of(net, keeper, "tcp:2")
    again.receive_data(hello(sid), net.now)
    assert connect(net, again) == sid
    assert len(keeper.begun) == 1 and "uno" in net.exchange.senders


def test_half_open_the_new_link_takes_over() -> None:
    net = Net()
    keeper = StationOwner(net)
    old = link_of(net, keeper)
    old.receive_data(hello(), net.now)
    sid = connect(net, old)
    stirred: list[int] = []
    old.on_change = lambda: stirred.append(1)
    new = link_of(net, keeper, "tcp:2")
    new.receive_data(hello(sid), net.now)
    assert isinstance(old.error, LinkClosed) and "another link" in str(old.error) and stirred
    assert not old.has_output and old.take(100) == b""
    assert connect(net, new) == sid and len(keeper.begun) == 1
    old.receive_data(seal(FIN, 1, 0, 0), net.now)
    old.receive_eof()
    assert keeper.over == [] and "uno" in net.exchange.senders


def test_who_comes_from_elsewhere_does_not_get_a_session_by_its_number() -> None:
    net = Net()
    keeper = StationOwner(net)
    board = link_of(net, keeper, "tcp://10.0.0.5:4001")
    board.receive_data(hello(), net.now)
    sid = connect(net, board)
    thief = link_of(net, keeper, "tcp://10.0.0.6:4001")
    thief.receive_data(hello(sid), net.now)
    (packet,) = packets(thief)
    syn = read_syn(packet.payload)
    assert syn is not None and not syn.resume and syn.sid != sid
    assert board.error is None and "uno" in net.exchange.senders
    board.receive_eof()
    again = link_of(net, keeper, "tcp://10.0.0.5:4002")
    again.receive_data(hello(sid), net.now)
    assert connect(net, again) == sid


def test_a_board_is_a_stranger_until_it_has_a_session() -> None:
    net = Net()
    keeper = StationOwner(net)
    link = link_of(net, keeper)
    assert link.is_stranger
    link.receive_data(hello(), net.now)
    assert link.is_stranger, "whoever can say HELLO"
    connect(net, link)
    assert not link.is_stranger
    port = LineSession("port", keeper.find(), net.now + 5.0, reliable=False)
    assert not port.is_stranger, "there is but one, and nobody else comes there"


def test_another_board_gets_a_station_of_its_own() -> None:
    net = Net()
    keeper = StationOwner(net)
    first, second = link_of(net, keeper), link_of(net, keeper)
    first.receive_data(hello(), net.now)
    sid = connect(net, first)
    second.receive_data(hello(sid + 1000), net.now)
    (packet,) = packets(second)
    syn = read_syn(packet.payload)
    assert syn is not None and not syn.resume and syn.sid != sid
    assert first.error is None


def test_closed_by_the_server_fin_goes_out() -> None:
    net = Net()
    keeper = StationOwner(net)
    link = link_of(net, keeper)
    link.receive_data(hello(), net.now)
    connect(net, link)
    link.close("enough")
    assert isinstance(link.error, LinkClosed)
    assert [packet.kind for packet in packets(link)] == [FIN]
    assert not net.exchange.senders


@pytest.mark.parametrize("said", [b"\0", hello()])
def test_who_closes_it_is_heard_though_nothing_is_to_be_said(said: bytes) -> None:
    net = Net()
    link = link_of(net, StationOwner(net))
    link.receive_data(said, net.now)
    packets(link)
    changes: list[State] = []
    link.on_change = lambda: changes.append(link.state)
    link.close("enough")
    assert changes[-1:] == [State.CLOSED]


def test_losses_of_its_station_are_its_own() -> None:
    net = Net()
    keeper = StationOwner(net)
    link = link_of(net, keeper)
    assert link.lost.total() == 0
    link.receive_data(hello(), net.now)
    connect(net, link)
    keeper.begun[0].traffic.lost["x"] += 3
    assert link.lost.total() == 3
