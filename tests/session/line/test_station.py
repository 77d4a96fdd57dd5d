"""Stations: a line, the session of whoever answers on it, and how they are found again."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import LinkClosed, LinkLost
from sig_core.line.handshake import BOARD, LineHello, SynAck, read_syn
from sig_core.line.packets import ACK, DATA, FIN, HELLO, SYN, SYNACK, Packet, PacketReader, seal
from sig_core.line.responder import LineResponder
from sig_core.line.upper_layer import Terms
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Opened, ReplyReceived
from sig_core.session.line.station import Station
from tests.session.boards import CODEC, event, listen
from tests.session.owners import StationOwner
from tests.support.sessions import PLUGINS, Net


class Wired:
    """A station with a link, and at the other end a board that is played packet by packet."""

    def __init__(self, net: Net, keeper: StationOwner | None = None) -> None:
        self.net = net
        self.keeper = keeper or StationOwner(net)
        self.station = self.keeper.of_line()
        self.stirred = self.replaced = 0
        self._seq = self._ack = 0
        self.attach()

    def attach(self) -> None:
        self.station.attach(self._stir, self._replace)

    def _stir(self) -> None:
        self.stirred += 1

    def _replace(self) -> None:
        self.replaced += 1

    def packets(self) -> list[Packet]:
        found: list[Packet] = []
        while self.station.line.has_output:
            data = self.station.take(4096)
            self.station.sent(len(data))
            found += PacketReader().feed(data)
        return found

    def send(self, data: bytes) -> list[Packet]:
        self.station.receive(data, self.net.now)
        self.net.pump()
        return self.packets()

    def connect(self, packets: list[Packet] | None = None) -> None:
        (syn,) = [packet for packet in packets or self.packets() if packet.kind == SYN]
        found = read_syn(syn.payload)
        assert found is not None
        self._seq = self._ack = 0
        self.send(synack(found.sid))

    def say(self, *message: Any) -> list[Any]:
        """Send a message, acknowledge all that comes, and give that."""
        packets = self.send(seal(DATA, 15, self._seq, self._ack, CODEC.encode(list(message))))
        self._seq += 1
        return self.listen(packets)

    def listen(self, packets: list[Packet]) -> list[Any]:
        found = [CODEC.decode(packet.payload) for packet in packets if packet.kind == DATA]
        if found:
            self._ack += len(found)
            found += self.listen(self.send(seal(ACK, 15, 0, self._ack)))
        return found

    def register(self, name: Any, *items: list[Any]) -> list[Any]:
        found = self.say(0, 0, name, len(items))
        for item in items:
            found += self.say(*item)
        return found


def synack(sid: int) -> bytes:
    terms = SynAck(sid=sid, mtu=246, window=4, keepalive=1.0, dialect=BOARD, message=1000, long_crc=False)
    return seal(SYNACK, 15, 0, 0, terms.pack())


def hello(sid: int = 0) -> bytes:
    return seal(HELLO, 15, 0, 0, LineHello(sid=sid).pack())


def test_a_board_from_the_first_packet_to_an_event() -> None:
    net = Net()
    wired, client = Wired(net), net.connect()
    client.listen("uno", "e")
    wired.connect()
    assert wired.register("uno", event("e"), listen("s", "x")) == [[0, 0]]
    wired.say(1, 0, {"t": 21.5})
    assert client.values() == [{"t": 21.5}]
    client.add_sender("s", ["x"])
    stirred = wired.stirred
    client.fire("s", "x", 5)
    assert wired.stirred > stirred
    assert wired.listen(wired.packets()) == [[1, 0, 5]]
    assert ("connected", False) in wired.keeper.log


def test_bytes_are_counted_on_the_wire() -> None:
    net = Net()
    wired = Wired(net)
    wired.connect()
    wired.register("uno", event("e"))
    counts = wired.station.session.port.stats()["bytes"]  # type: ignore[union-attr]
    before = counts["in"]
    wired.say(1, 0, 5)
    after = wired.station.session.port.stats()["bytes"]  # type: ignore[union-attr]
    assert after["in"] - before == len(seal(DATA, 15, 0, 0, CODEC.encode([1, 0, 5])))
    assert after["out"] > counts["out"]


def test_reset_it_begins_anew_and_what_is_open_ends() -> None:
    net = Net()
    wired, client = Wired(net), net.connect()
    wired.connect()
    wired.register("uno", [0, 2, "m"])
    answer = client.request("uno", "m", None)
    wired.packets()
    wired.send(hello())
    ((_, error),) = answer
    assert "OutcomeUnknown" in type(error).__name__
    assert "uno" not in net.exchange.senders
    assert wired.keeper.over == [wired.keeper.begun[0]]
    assert isinstance(wired.keeper.over[0].error, LinkLost)


def test_away_and_back_the_session_is_the_same() -> None:
    net = Net()
    wired, client = Wired(net), net.connect()
    client.listen("uno", "e")
    wired.connect()
    wired.register("uno", event("e"), listen("s", "x"))
    client.add_sender("s", ["x"])
    sid = wired.station.line.sid
    wired.station.detach()
    assert wired.station.is_needed and wired.keeper.when <= 5.0
    client.fire("s", "x", "while away")
    net.now = 4.0
    assert wired.keeper.stations.tick(net.now) > net.now
    wired.attach()
    (syn,) = wired.packets()
    assert read_syn(syn.payload).resume  # type: ignore[union-attr]
    packets = wired.send(seal(SYNACK, 15, 0, 1, synack_payload(sid)))
    assert wired.listen(packets) == [[1, 0, "while away"]]
    assert "uno" in net.exchange.senders and len(wired.keeper.begun) == 1
    assert ("back again, nothing is lost", False) in wired.keeper.log


def synack_payload(sid: int) -> bytes:
    (packet,) = PacketReader().feed(synack(sid))
    return packet.payload


def test_away_for_too_long() -> None:
    net = Net()
    wired = Wired(net)
    wired.connect()
    wired.register("uno")
    wired.station.detach()
    net.now = 5.1
    assert wired.keeper.stations.tick(net.now) == float("inf")
    assert "uno" not in net.exchange.senders
    assert not wired.keeper.stations
    assert wired.keeper.of_line() is not wired.station


def test_a_line_without_a_link_and_without_a_session_is_forgotten() -> None:
    net = Net()
    keeper = StationOwner(net)
    station = keeper.of_line("a")
    assert keeper.of_line("a") is station and keeper.of_line("b") is not station
    station.attach(lambda: None, lambda: None)
    keeper.stations.tick(net.now)
    assert keeper.of_line("a") is station
    station.detach()
    keeper.stations.tick(net.now + 1)
    assert not keeper.stations


def test_a_line_is_the_same_whatever_its_links_are_called_and_names_make_none() -> None:
    keeper = StationOwner(Net())
    station = keeper.of_line("a", peer="/dev/ttyACM0")
    assert keeper.of_line("a", peer="/dev/ttyACM1") is station
    assert keeper.of_line("b", peer="/dev/ttyACM0") is not station
    assert keeper.find("/dev/ttyACM0")(0) is not keeper.find("/dev/ttyACM0")(0)
    assert keeper.of_line("a") is station


def test_a_station_is_never_due_in_the_past() -> None:
    net = Net()
    wired = Wired(net)
    wired.connect()
    wired.register("uno")
    wired.station.detach()
    while net.now < 4.9:
        net.now += 0.1
        assert wired.keeper.stations.tick(net.now) > net.now


def test_the_station_of_a_session() -> None:
    net = Net()
    wired = Wired(net)
    other = wired.keeper.find("port")(0)
    assert other is not wired.station
    sid = wired.station.line.sid
    assert wired.keeper.find("port")(sid) is not wired.station, "it has no session yet"
    wired.connect()
    assert wired.keeper.find("port")(sid) is wired.station
    assert wired.keeper.find("port")(sid + 100) is not wired.station


def test_another_link_replaces_the_one_before() -> None:
    net = Net()
    wired = Wired(net)
    wired.connect()
    assert wired.replaced == 0
    wired.attach()
    assert wired.replaced == 1
    (syn,) = wired.packets()
    assert syn.kind == SYN and read_syn(syn.payload).resume  # type: ignore[union-attr]


def test_held_the_board_gets_no_credit() -> None:
    net = Net()
    wired = Wired(net)
    wired.connect()
    wired.register("uno")
    session = wired.station.session
    assert session is not None
    session.port.set_reading_paused(True)
    assert [(packet.kind, packet.credit) for packet in wired.packets()] == [(ACK, 0)]
    session.port.set_reading_paused(False)
    assert [(packet.kind, packet.credit) for packet in wired.packets()] == [(ACK, 15)]


def test_the_next_session_of_a_line_has_credit_again() -> None:
    net = Net()
    wired = Wired(net)
    wired.connect()
    wired.station.session.port.set_reading_paused(True)  # type: ignore[union-attr]
    wired.packets()
    wired.connect(wired.send(hello()))
    assert wired.station.line.credit == 15
    assert wired.register("uno") == [[0, 0]]


def test_the_end_of_the_server() -> None:
    net = Net()
    wired = Wired(net)
    wired.connect()
    wired.register("uno")
    wired.keeper.stations.close()
    assert [packet.kind for packet in wired.packets()] == [FIN]
    assert isinstance(wired.keeper.over[0].error, LinkClosed)
    assert not net.exchange.senders


def test_what_a_board_prints_and_what_is_wrong_is_told() -> None:
    net = Net()
    wired = Wired(net)
    wired.send(b"\0boot ok\r\n\0")
    assert ("says: boot ok", False) in wired.keeper.log
    wired.send(seal(HELLO, 1, 0, 0, LineHello(sid=0, version=9).pack()))
    assert any(warning and "version 9" in text for text, warning in wired.keeper.log)


# -- a program on a line


class Program:
    """A client whose stream goes over a line to a station."""

    def __init__(self, net: Net, station: Station) -> None:
        self.net, self.station = net, station
        codecs = PLUGINS.choose_codecs(["json"])
        self.client = ClientSession(codecs, net.limits, client="ab" * 16, token=None, packets=False, now=0.0)
        self.line = LineResponder(self, Terms(), 0.0)
        self.out = bytearray()
        self.reports: list[Any] = []
        self.ends: list[Any] = []
        station.attach(lambda: None, lambda: None)

    def pump(self) -> None:
        moved = True
        while moved:
            moved = False
            self.out += b"".join(self.client.out)
            self.client.out.clear()
            if self.line.has_output:
                self.station.receive(self.line.take(300, self.net.now), self.net.now)
                moved = True
            if self.station.line.has_output:
                self.line.receive(self.station.take(300), self.net.now)
                moved = True

    @property
    def has_message(self) -> bool:
        return bool(self.out)

    def next_message(self, room: int) -> bytes | None:
        data = bytes(self.out[:room])
        del self.out[:room]
        return data or None

    def message(self, data: bytes, now: float) -> None:
        for report in self.client.receive_data(data, now):
            if isinstance(report, ReplyReceived):
                report.tell()
            else:
                self.reports.append(report)

    def connected(self, peer: Any, fresh: bool, now: float) -> None: ...
    def disconnected(self) -> None: ...
    def printed(self, text: str) -> None: ...
    def warned(self, text: str) -> None: ...
    def ended(self, error: Any, doubtful: int) -> None:
        self.ends.append(error)


def test_a_program_on_a_line() -> None:
    net = Net()
    keeper = StationOwner(net)
    program, other = Program(net, keeper.of_line()), net.connect()
    other.listen("far", "e")
    program.pump()
    assert isinstance(program.reports[0], Opened)
    told: list[Any] = []
    before, came = keeper.begun[0].port.stats()["bytes"], program.station.line.bytes_in
    program.client.add_sender("far", ["e"], None, lambda value, error: told.append((value, error)))
    program.pump()
    net.pump()
    assert told[0][1] is None and "far" in net.exchange.senders
    after = keeper.begun[0].port.stats()["bytes"]
    assert after["in"] - before["in"] == program.station.line.bytes_in - came > 0, "those of the line, each once"


def test_what_comes_for_a_program_on_a_line_is_there_when_it_is_told_of() -> None:
    net = Net()
    keeper = StationOwner(net)
    program, other = Program(net, keeper.of_line()), net.connect()
    program.pump()
    program.client.call("add_listener", {"sender": "s", "event": "e"}, lambda value, error: None)
    program.pump()
    other.add_sender("s", ["e"])
    program.pump()
    told: list[bool] = []
    program.station.on_change = lambda: told.append(program.station.line.has_output)
    other.fire("s", "e", 1)
    assert told == [True]


def test_the_last_words_of_a_session_go_out_before_fin() -> None:
    net = Net()
    keeper = StationOwner(net)
    program = Program(net, keeper.of_line())
    program.pump()
    keeper.begun[0].program.close("enough")
    program.station.changed()
    program.pump()
    program.station.tick(net.now)
    program.pump()
    assert keeper.over and len(program.ends) == 1 and isinstance(program.ends[0], LinkClosed)
    assert program.client.state is not State.OPEN, "goodbye came first"


@pytest.mark.parametrize("how", ["fin", "silence"])
def test_a_program_that_ends(how: str) -> None:
    net = Net()
    keeper = StationOwner(net)
    program = Program(net, keeper.of_line())
    program.pump()
    if how == "fin":
        program.line.finish()
        program.pump()
    else:
        for _ in range(100):
            net.now += 0.1
            keeper.stations.tick(net.now)
    assert keeper.over == keeper.begun[:1]
    assert keeper.over[0].program.error is not None
