"""Streams of many peers over one medium: one thread for all, and nothing is kept of who has proved nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sig_core.contract import Link, PollableLink
from sig_core.datagram.stream import AGREED, ASKED, OTHER_VERSION, PROVE, UNKNOWN
from sig_core.datagram.wire import DATA, OPEN, Wire, opening
from sig_core.io.adapters.as_stream import as_stream, sharing_a_thread
from sig_core.io.adapters.datagram_acceptor import PACKETS, DatagramAcceptor
from sig_core.links.shared_medium import demux, dial
from sig_core.links.sockets import SocketLink
from tests.support import eventually, nothing_left_behind, within
from tests.support.wires import End
from tests.support.wires import Wire as Medium

__all__ = ["nothing_left_behind"]

SOON = within(10.0)


class Place:
    """A medium on which somebody listens."""

    def __init__(self, mtu: int = 1200) -> None:
        self.medium = Medium(mtu)
        self.wire = Wire(mtu)
        self.end = self.medium.end("server")
        found = sharing_a_thread(demux(self.end))
        assert found is not None
        self.acceptor: DatagramAcceptor = found
        self.links: list[Link] = []

    def dial(self, name: str) -> Link:
        """A client, whose stream is there."""
        link = as_stream(dial(self.medium.end(name), "server"), dialing=True, patience=SOON)
        self.links.append(link)
        return link

    def meet(self, name: str) -> tuple[Link, SocketLink]:
        client, server = self.dial(name), self.acceptor.accept(SOON)
        assert server is not None
        self.links.append(server)
        return client, server

    def ask(self, end: End, packet: bytes) -> bytes | None:
        """Send a packet by hand, and return what comes back."""
        end.send_to(packet, "server")
        found = end.receive_from(SOON)
        return None if found is None else found[0]

    def close(self) -> None:
        self.acceptor.close()
        for link in self.links:
            link.close()
        self.acceptor.join(SOON)
        assert not self.acceptor.is_alive
        assert self.end.closed == 1


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.close()


def packets_threads() -> list[str]:
    """Names of the threads of this end: those of dialled links have a peer in them."""
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith("sig-") and "wire://server" in name]


def test_packets_of_who_proved_nothing_cost_no_thread_and_no_state(place: Place) -> None:
    ends = [place.medium.end(f"stranger {number}") for number in range(400)]
    before = threading.active_count()
    for end in ends:
        end.send_to(b"x", "server")
        end.send_to(opening(place.wire, ASKED, 7 << 20 | 1), "server")
    for end in ends:
        found = end.receive_from(SOON)
        assert found is not None
        packet = place.wire.open(found[0])
        assert packet is not None and (packet.kind, packet.tag, packet.epoch >> 20) == (OPEN, PROVE, 7)
    assert threading.active_count() == before
    assert not place.acceptor._peers and place.acceptor._new.empty()
    assert place.acceptor.accept(0) is None


def test_the_answer_is_no_longer_than_the_question(place: Place) -> None:
    end = place.medium.end("stranger")
    for question in (opening(place.wire, ASKED, 1 << 20), place.wire.seal(DATA, 5, b"\0\0x")):
        answer = place.ask(end, question)
        assert answer is not None and len(answer) <= len(question) + 3
    packet = place.wire.open(answer or b"")
    assert packet is not None and packet.tag == UNKNOWN


def test_another_version_is_told(place: Place) -> None:
    end = place.medium.end("newer")
    question = place.wire.seal(OPEN, ASKED, (1 << 20).to_bytes(4, "little") + b"\x09")
    answer = place.wire.open(place.ask(end, question) or b"")
    assert answer is not None and answer.tag == OTHER_VERSION


def test_who_comes_with_its_proof_is_let_in_once(place: Place) -> None:
    end = place.medium.end("by hand")
    proof = place.wire.open(place.ask(end, opening(place.wire, ASKED, 9 << 20)) or b"")
    assert proof is not None
    for _ in range(3):
        agreed = place.wire.open(place.ask(end, opening(place.wire, ASKED, proof.epoch)) or b"")
        assert agreed is not None and (agreed.tag, agreed.epoch) == (AGREED, proof.epoch)
    link = place.acceptor.accept(SOON)
    assert isinstance(link, PollableLink) and link.peer == "wire://by hand"
    assert place.acceptor.accept(0) is None
    other = place.medium.end("thief")
    stolen = place.wire.open(place.ask(other, opening(place.wire, ASKED, proof.epoch)) or b"")
    assert stolen is not None and stolen.tag == PROVE
    place.links.append(link)


@pytest.mark.parametrize("mtu", [8, 63, 1200])
def test_all_arrives_both_ways(mtu: int) -> None:
    place = Place(mtu)
    client, server = place.meet("client")
    there, back = bytes(range(256)) * (4 if mtu == 8 else 400), b"back" * (100 if mtu == 8 else 5000)
    sending = threading.Thread(target=lambda: (client.send(there), client.send(b".")))
    sending.start()
    found = b""
    while len(found) < len(there) + 1:
        found += server.receive(SOON) or b""
    assert found == there + b"."
    server.send(back)
    found = b""
    while len(found) < len(back):
        found += client.receive(SOON) or b""
    assert found == back
    sending.join()
    place.close()


def test_many_links_share_the_threads_of_the_medium(place: Place) -> None:
    pairs = [place.meet(f"client {number}") for number in range(30)]
    assert len(packets_threads()) == 2 + len(pairs), "two of this end, and one of each link that was dialled"
    for number, (client, server) in enumerate(pairs):
        server.send(b"%d" % number)
        client.send(b"%d" % -number)
    for number, (client, server) in enumerate(pairs):
        assert client.receive(SOON) == b"%d" % number
        assert server.receive(SOON) == b"%d" % -number


def test_an_end_comes_behind_all_that_was_sent(place: Place) -> None:
    client, server = place.meet("client")
    server.send(b"x" * 20_000)
    server.close()
    found = b""
    with suppress(EOFError):
        while True:
            found += client.receive(SOON) or b""
    assert found == b"x" * 20_000
    client, server = place.meet("another")
    client.send(b"y" * 5_000)
    client.close()
    found = b""
    with pytest.raises(EOFError):
        while True:
            found += server.receive(SOON) or b""
    assert found == b"y" * 5_000
    server.close()
    eventually(lambda: not place.acceptor._peers)


def test_who_does_not_read_holds_the_other_back(place: Place) -> None:
    client, server = place.meet("client")
    sent = 0
    running = threading.Thread(target=lambda: [client.send(b"z" * 10_000) for _ in range(400)])
    running.start()
    eventually(lambda: bool(place.acceptor._peers["client"].rest))
    assert running.is_alive()
    while sent < 400 * 10_000:
        sent += len(server.receive(SOON) or b"")
    running.join(SOON)


def test_a_peer_that_begins_anew_has_a_new_link(place: Place) -> None:
    client, server = place.meet("client")
    again = as_stream(dial(place.medium.end("client"), "server"), dialing=True, patience=SOON)
    fresh = place.acceptor.accept(SOON)
    assert fresh is not None
    with pytest.raises(EOFError):
        while True:
            server.receive(SOON)
    again.send(b"fresh")
    assert fresh.receive(SOON) == b"fresh"
    place.links += [again, fresh]
    client.close()


def test_a_peer_that_says_nothing_is_forgotten(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _, server = place.meet("client")
    monkeypatch.setattr("sig_core.io.adapters.datagram_acceptor.DEAD", 0.0)
    place.acceptor._look_at = 0.0
    with pytest.raises(EOFError):
        while True:
            server.receive(SOON)


def test_a_medium_that_breaks_ends_all(place: Place) -> None:
    _, server = place.meet("client")
    place.end.fail(OSError("no carrier"))
    with pytest.raises(EOFError):
        while True:
            server.receive(SOON)
    with pytest.raises(OSError, match="no carrier"):
        place.acceptor.accept(SOON)


def test_what_finds_no_room_is_lost_and_told(caplog: pytest.LogCaptureFixture) -> None:
    place = Place()
    inside, go_on = threading.Event(), threading.Event()

    def hold(*packet: object) -> None:
        inside.set()
        go_on.wait(SOON)

    place.acceptor._take = hold  # type: ignore[assignment]
    place.acceptor._put(b"x", "crowd")
    assert inside.wait(SOON)
    for _ in range(PACKETS + 7):
        place.acceptor._put(b"x", "crowd")
    go_on.set()
    place.close()
    assert "7 packets found no room, and were lost" in caplog.text
