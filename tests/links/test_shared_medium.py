"""One handle and many peers: links of a medium."""

from __future__ import annotations

import logging
import threading

import pytest

from sig_core.errors import LimitError
from sig_core.links import shared_medium as media
from sig_core.links.shared_medium import MediumAcceptor, MediumLink, demux, dial
from tests.support import eventually, nothing_left_behind, within
from tests.support.no_threads import no_threads
from tests.support.wires import End, Wire

__all__ = ["nothing_left_behind"]

SOON = within(5.0)


def met(acceptor: MediumAcceptor) -> MediumLink:
    """Return the link of a peer that has said something."""
    link = acceptor.accept(SOON)
    assert link is not None
    return link


class Place:
    """A listener on a wire."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.end = wire.end("server")
        self.acceptor = demux(self.end)

    def dial(self, name: str) -> MediumLink:
        return dial(self.wire.end(name), "server")

    def meet(self, name: str) -> tuple[MediumLink, MediumLink]:
        """Return both ends of a new link, which has carried a packet."""
        client = self.dial(name)
        client.send(b"hello")
        server = met(self.acceptor)
        assert server.receive(SOON) == b"hello"
        return client, server


@pytest.fixture
def place() -> Place:
    return Place(Wire())


def test_each_peer_has_a_link_of_its_own(place: Place) -> None:
    pairs = [place.meet(f"client {number}") for number in range(4)]
    for number, (client, server) in enumerate(pairs):
        client.send(b"to server %d" % number)
        server.send(b"to client %d" % number)
    for number, (client, server) in enumerate(pairs):
        assert server.receive(SOON) == b"to server %d" % number
        assert client.receive(SOON) == b"to client %d" % number
        assert (client.peer, server.peer) == ("wire://server", f"wire://client {number}")
        assert client.traits == server.traits == place.end.traits
    assert place.acceptor.address == "wire://server"
    for link in (place.acceptor, *(each for pair in pairs for each in pair)):
        link.close()
    assert [end.closed for end in place.wire.ends.values()] == [1] * 5


def test_who_dials_does_not_hear_strangers(place: Place) -> None:
    client, server = place.meet("client")
    place.wire.end("stranger").send_to(b"psst", "client")
    server.send(b"from the server")
    assert client.receive(SOON) == b"from the server"
    for each in (client, server, place.acceptor):
        each.close()


def test_with_nothing_there_both_give_none(place: Place) -> None:
    client, server = place.meet("client")
    for seconds in (0, 0.001):
        assert (client.receive(seconds), place.acceptor.accept(seconds)) == (None, None)
    for each in (client, server, place.acceptor):
        each.close()


@pytest.mark.parametrize("order", ["client server acceptor", "acceptor server client", "server acceptor client"])
def test_closed_in_any_order_nothing_is_left(place: Place, order: str) -> None:
    client, server = place.meet("client")
    things = {"client": client, "server": server, "acceptor": place.acceptor}
    for name in order.split():
        things[name].close()
        things[name].close()
    assert (place.end.closed, place.wire.ends["client"].closed) == (1, 1)


def test_links_live_on_without_their_acceptor_and_nobody_new_is_let_in(place: Place) -> None:
    client, server = place.meet("client")
    place.acceptor.close()
    late = place.dial("late")
    late.send(b"hello?")
    client.send(b"still here")
    assert server.receive(SOON) == b"still here"
    assert place.acceptor.accept(0) is None
    assert place.end.closed == 0
    for each in (server, client, late):
        each.close()
    assert place.end.closed == 1


def test_links_that_nobody_accepted_are_closed_with_the_acceptor(place: Place) -> None:
    client = place.dial("client")
    client.send(b"hello")
    eventually(lambda: not place.acceptor._hub.new.empty())
    place.acceptor.close()
    assert place.end.closed == 1
    client.close()


def test_a_close_ends_a_receive_that_waits(place: Place) -> None:
    client, server = place.meet("client")
    ended: list[BaseException] = []

    def receive(link: MediumLink) -> None:
        try:
            link.receive(within(30))
        except EOFError as error:
            ended.append(error)

    threads = [threading.Thread(target=receive, args=(link,)) for link in (client, server)]
    for thread in threads:
        thread.start()
    for link in (client, server, place.acceptor):
        link.close()
    for thread in threads:
        thread.join(SOON)
    assert [str(error) for error in ended] and len(ended) == 2
    with pytest.raises(EOFError, match="the link is closed"):
        server.send(b"x")


def test_a_peer_that_was_closed_here_and_speaks_again_is_new(place: Place) -> None:
    client, server = place.meet("client")
    server.close()
    client.send(b"again")
    again = met(place.acceptor)
    assert again is not server
    assert again.receive(SOON) == b"again"
    for each in (again, client, place.acceptor):
        each.close()


def test_what_finds_no_room_is_lost_counted_and_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(media, "QUEUE", 4)
    client, server = place.meet("client")
    for number in range(10):
        client.send(b"%d" % number)
    eventually(lambda: server._hub.overrun == 6)
    assert [server.receive(SOON) for _ in range(4)] == [b"0", b"1", b"2", b"3"]
    with caplog.at_level(logging.WARNING):
        for each in (client, server, place.acceptor):
            each.close()
        eventually(lambda: "wire://server: 6 packets found no room, and were lost" in caplog.text)


def test_only_so_many_peers_are_let_in(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "MAX_PEERS", 1)
    client, server = place.meet("client")
    second = place.dial("second")
    second.send(b"hello")
    eventually(lambda: server._hub.overrun == 1)
    server.close()
    second.send(b"hello again")
    there = met(place.acceptor)
    assert there.receive(SOON) == b"hello again"
    for each in (client, second, there, place.acceptor):
        each.close()


def test_a_peer_that_says_nothing_is_forgotten_and_may_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "IDLE_TIMEOUT", within(0.1))
    place = Place(Wire())
    client, server = place.meet("client")
    with pytest.raises(EOFError, match="wire://client: the link is closed"):
        while True:
            server.receive(SOON)
    client.send(b"again")
    assert client.receive(0) is None  # who dialled is not forgotten
    again = met(place.acceptor)
    for each in (client, server, again, place.acceptor):
        each.close()


@pytest.mark.parametrize("error", [OSError("unplugged"), ConnectionResetError("gone"), ValueError("a bug")])
def test_a_medium_that_raises_ends_all_its_links(place: Place, error: Exception) -> None:
    client, server = place.meet("client")
    place.end.fail(error)
    why = f"wire://server: the medium broke: {error}"
    with pytest.raises(OSError, match=why):
        while True:
            server.receive(SOON)
    for call in (lambda: server.send(b"x"), lambda: place.acceptor.accept(0)):
        with pytest.raises(OSError, match=why):
            call()
    assert place.end.closed == 1
    for each in (client, server, place.acceptor):
        each.close()
    assert place.end.closed == 1


def test_a_timeout_of_the_medium_is_nothing(place: Place) -> None:
    client, server = place.meet("client")
    place.end.fail(TimeoutError())
    eventually(lambda: place.end._came.empty())
    place.end.error = None
    client.send(b"later")
    assert server.receive(SOON) == b"later"
    for each in (client, server, place.acceptor):
        each.close()


def test_a_send_that_fails_is_the_matter_of_its_link(place: Place) -> None:
    client, server = place.meet("client")
    other, other_server = place.meet("other")

    def send_to(data: bytes, peer: str, /) -> None:
        if peer == "client":
            raise OSError("no route to client")
        End.send_to(place.end, data, peer)

    place.end.send_to = send_to  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no route"):
        server.send(b"x")
    other_server.send(b"y")
    assert other.receive(SOON) == b"y"
    for each in (client, server, other, other_server, place.acceptor):
        each.close()


@pytest.mark.parametrize(
    ("peer", "text"),
    [(("127.0.0.1", 5), "127.0.0.1:5"), (("::1", 5, 0, 0), "[::1]:5"), (7, "7"), ("name", "name"), (("one",), "one")],
)
def test_how_peers_are_called(peer: object, text: str) -> None:
    assert media._text_of(peer) == text


def test_a_medium_that_nobody_reads_is_closed() -> None:
    wire = Wire()
    for make in (lambda: demux(wire.end("a")), lambda: dial(wire.end("a"), "b")):
        with no_threads("sig-medium*"), pytest.raises(LimitError, match="sig-medium"):
            make()
        assert wire.ends["a"].closed == 1
