"""All connections of a server: who is served, who is refused, when each one ends; the test has the clock."""

from __future__ import annotations

import logging
import queue
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from sig_core.contract import Codec, LinkTraits
from sig_core.errors import ConfigError, LinkClosed, LinkLost, PluginError, RemoteProtocolError
from sig_core.io.server.connections import CHECK, ConnectionManager
from sig_core.links.sockets import SocketLink
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import KEEP_ALIVE, control_frame
from sig_core.routing.exchange import Exchange
from sig_core.session.board.renaming import Renaming
from sig_core.testing import eventually, within
from tests.support import nothing_left_behind  # noqa: F401 - a fixture
from tests.support.sessions import PLUGINS, opening

LONG = 3600.0  # seconds: nothing here waits for so long
GOODBYE, WELCOME = b'"goodbye"', b'"token"'


class Door:
    """An acceptor that can't be polled: the test lets links in."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.closed = 0
        self._links: queue.Queue[Any] = queue.Queue()

    def enter(self, link: Any) -> None:
        self._links.put(link)

    def accept(self, timeout: float) -> Any:
        try:
            return self._links.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self) -> None:
        self.closed += 1
        self._links.put(None)  # it ends at once


class Deaf(SocketLink):
    """A link whose peer does not read."""

    def send_some(self, data: Any) -> int:
        return 0


class Memory:
    """A link that can't be polled, to a peer that is the test."""

    def __init__(self, traits: LinkTraits | None = None) -> None:
        self.traits = traits or LinkTraits(packets=False, reliable=True)
        self.peer = "memory"
        self.sent = b""
        self.closed = False
        self.writable = threading.Event()
        self.writable.set()
        self._came: queue.Queue[bytes | None] = queue.Queue()

    def put(self, data: bytes) -> None:
        self._came.put(data)

    def receive(self, timeout: float) -> bytes | None:
        try:
            data = self._came.get(timeout=timeout)
        except queue.Empty:
            return None
        if data is None:
            raise EOFError
        return data

    def send(self, data: bytes) -> None:
        assert self.writable.wait(within(20))
        self.sent += data

    def close(self) -> None:
        self.closed = True
        self._came.put(None)


class Peer:
    """The far end of a link that can be polled."""

    def __init__(self, kind: type[SocketLink] = SocketLink, name: str = "peer") -> None:
        near, self._far = socket.socketpair()
        self._far.settimeout(within(10))
        self.link = kind(near, name)
        self.heard = b""

    def say(self, data: bytes) -> None:
        self._far.sendall(data)

    def hear(self, words: bytes = b"") -> bytes:
        """Read until these words came; b"": to the end."""
        while not words or words not in self.heard:
            data = self._far.recv(65536)
            if not data:
                assert not words, f"the end came before {words!r}, after {self.heard!r}"
                break
            self.heard += data
        return self.heard

    def hear_more(self, words: bytes, count: int) -> None:
        """Read until these words came so often."""
        while self.heard.count(words) < count:
            self.heard += self._far.recv(65536)

    def close(self) -> None:
        self._far.close()


class Server:
    """A manager with one address, and what it was told."""

    def __init__(self, limits: Limits, stop_time: float, codec: Callable[[str], Codec]) -> None:
        self.now = 100.0
        self.told: list[tuple[Any, Any]] = []  # session, and its error then
        self.exchange = Exchange(codec, limits, self.clock)
        self.manager = ConnectionManager(
            *(self.exchange, threading.Lock(), codec, limits, None, lambda now: LONG, self._tell),
            clock=self.clock,
            stop_time=stop_time,
        )
        self.door = self.listen("test://first")
        self.manager.loop.start()
        self._peers: list[Peer] = []

    def clock(self) -> float:
        return self.now

    def _tell(self, session: Any) -> None:
        self.told.append((session, session.error))

    def listen(self, address: str) -> Door:
        door = Door(address)
        self.manager.accept_from(door, PLUGINS.choose_codecs(["json"]), Renaming())
        return door

    def connect(self, kind: type[SocketLink] = SocketLink, door: Door | None = None, name: str = "peer") -> Peer:
        """Somebody comes, and says nothing yet."""
        peer = Peer(kind, name)
        self._peers.append(peer)
        (door or self.door).enter(peer.link)
        return peer

    def program(self, door: Door | None = None, name: str = "peer", **changes: Any) -> Peer:
        """A program that has been taken in."""
        peer = self.connect(door=door, name=name)
        peer.say(opening(client=f"{len(self._peers):032x}", **changes))
        peer.hear(WELCOME)
        return peer

    def advance(self, seconds: float) -> None:
        """Turn the clock, and let the I/O thread look at it."""
        self.now += seconds
        self.manager.loop.tick_soon()

    def errors(self) -> list[type[Any]]:
        """How those ended that were told of."""
        return [type(error) for _, error in self.told if error is not None]

    def close(self) -> None:
        self.manager.close()
        for peer in self._peers:
            peer.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []

    def make(
        *, stop_time: float = within(5), codec: Callable[[str], Codec] = PLUGINS.codecs.get, **limits: Any
    ) -> Server:
        made.append(Server(Limits(**limits), stop_time, codec))
        return made[-1]

    yield make
    for server in made:
        server.close()


Serve = Callable[..., Server]


# -- who is served


def test_a_program_is_served_told_of_and_forgotten(serve: Serve) -> None:
    server = serve()
    peer = server.program()
    ((session, error),) = server.told
    assert (session.peer, session.codec, error) == ("peer", "json", None)
    assert server.manager.peers == ["peer"]
    peer.close()
    eventually(lambda: server.manager.peers == [])
    eventually(lambda: server.errors() == [LinkLost])
    assert server.exchange.stats(peers=False)["links"] == {"open": 0, "ever": 1}


def test_who_leaves_without_a_hello_is_told_to_nobody(serve: Serve) -> None:
    server = serve()
    peer = server.connect()
    eventually(lambda: server.manager.peers == ["peer"])
    peer.close()
    eventually(lambda: server.manager.peers == [])
    assert server.told == []


def test_a_link_that_can_not_be_polled_is_served_by_threads_of_its_own(serve: Serve) -> None:
    server, link = serve(), Memory()
    server.door.enter(link)
    link.put(opening())
    eventually(lambda: WELCOME in link.sent)
    names = {thread.name for thread in threading.enumerate()}
    assert {"sig-reader memory", "sig-writer memory"} <= names
    link.close()
    eventually(lambda: server.manager.peers == [] and server.errors() == [LinkLost])


def test_a_crowd_of_objects_is_taken_in_turns_and_answered_whole(serve: Serve) -> None:
    server = serve()
    peer = server.connect()
    count = 500
    peer.say(b"".join(b'{"id":%d,"method":"get_version"}\n' % number for number in range(count)))
    peer.hear(b'{"id":%d,' % (count - 1))
    assert [line.split(b",")[0] for line in peer.heard.splitlines()[: count - 1]] == [
        b'{"id":%d' % number for number in range(count - 1)
    ]


# -- who is refused


def test_beyond_the_limit_links_are_refused_and_the_next_one_is_served(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(max_links=1)
    first = server.program()
    second = server.connect(name="second")
    assert second.hear() == b""
    eventually(lambda: "second: closed: 1 links are open, which is the limit" in caplog.text)
    first.close()
    eventually(lambda: server.manager.peers == [])
    server.program()


def test_one_source_does_not_keep_the_others_out(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(max_links=10, max_source_links=2)
    greedy = [server.program(name="test://greedy:1"), server.program(name="test://greedy:2")]
    assert server.connect(name="test://greedy:3").hear() == b""
    eventually(lambda: "2 links of 'test://greedy:' are open, which is the limit (max_source_links)" in caplog.text)
    server.program(name="test://other:1")
    greedy[0].close()
    eventually(lambda: len(server.manager.peers) == 2)
    server.program(name="test://greedy:4")


@pytest.mark.parametrize("said", [b"", b"{}", b"\xf5SIG", b"\0"])
def test_strangers_are_few_and_keep_nobody_out(serve: Serve, said: bytes) -> None:
    server = serve(max_links=6, max_unknown=4, handshake=1000.0)
    program = server.program()
    silent = []
    for number in range(12):
        silent.append(server.connect(name=f"test://host:{number}"))
        silent[-1].say(said)
    for peer in silent[:8]:  # the oldest gave way
        with suppress(ConnectionResetError):  # what it said may not have been read
            peer.hear()
    eventually(lambda: len(server.manager.peers) == 5)
    another = server.program()
    for peer in (program, another):
        peer.say(control_frame(b'{"id":1,"method":"get_version","params":{}}'))
        peer.hear(b"1.01")


def test_of_many_sources_the_busiest_gives_way(serve: Serve) -> None:
    server = serve(max_unknown=4, handshake=1000.0)
    quiet = server.connect(name="test://quiet:1")
    busy = [server.connect(name=f"test://busy:{number}") for number in range(20)]
    for peer in busy[:17]:
        peer.hear()
    quiet.say(opening(client="ef" * 16))
    quiet.hear(WELCOME)


def test_a_full_house_has_room_for_who_says_who_it_is(serve: Serve) -> None:
    server = serve(max_links=3, handshake=1000.0)
    crowd = [server.connect(name=f"test://host:{number}") for number in range(3)]
    for peer in crowd:
        peer.say(b"{}")
        peer.hear(b"-3")
    for _ in crowd:
        server.program()
    assert len(server.manager.peers) == 3
    last = server.connect(name="too many")
    assert last.hear() == b""


def test_links_leave_descriptors_to_all_else(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (130, 4096))
    server = serve(max_unknown=1000, handshake=1000.0)
    crowd = [server.connect(name=f"test://host {number}") for number in range(80)]
    for peer in crowd[:14]:
        peer.hear()
    eventually(lambda: len(server.manager.peers) == 66)
    server.program()


def test_of_few_descriptors_a_source_gets_fewer_links(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (68, 4096))  # 128 at least: 64 links
    server = serve(max_links=128, max_source_links=8)
    for number in range(4):
        server.program(name=f"test://greedy:{number}")
    assert server.connect(name="test://greedy:4").hear() == b""
    server.program(name="test://other:1")


def test_a_line_is_refused_without_a_codec_for_boards(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def codec(name: str) -> Codec:
        raise PluginError(f"there is no codec {name!r}")

    server, line = serve(codec=codec), Memory(LinkTraits(packets=False, reliable=False))
    server.door.enter(line)
    eventually(lambda: line.closed)
    eventually(lambda: "memory: closed: boards can't be served: there is no codec 'cbor-board'" in caplog.text)
    eventually(lambda: server.manager.peers == [])


def test_packets_that_are_too_short_are_refused(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    server, link = serve(), Memory(LinkTraits(packets=True, reliable=True, mtu=4))
    server.door.enter(link)
    eventually(lambda: link.closed)
    eventually(lambda: "closed: memory: packets of 4 bytes; at least" in caplog.text)
    server.program()


# -- time


def test_who_says_no_hello_is_sent_away_after_the_handshake_time(serve: Serve) -> None:
    server = serve(handshake=5.0)
    peer = server.connect()
    eventually(lambda: server.manager.peers == ["peer"])
    server.advance(4.9)
    server.advance(0.2)
    peer.hear()
    eventually(lambda: server.manager.peers == [])


def test_who_is_silent_for_too_long_is_sent_away(serve: Serve) -> None:
    server = serve(keepalive=10.0)
    peer = server.program()
    server.advance(10.1)
    assert b"silent for" in peer.hear()
    eventually(lambda: server.errors() == [RemoteProtocolError])


def test_a_check_that_fails_is_not_the_last_one(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(handshake=5.0)
    peer = server.connect()
    eventually(lambda: server.manager.peers == ["peer"])
    with monkeypatch.context() as broken:
        broken.setattr(server.exchange.memory, "look", lambda: 1 / 0)
        server.advance(CHECK)
        eventually(lambda: "a tick failed" in caplog.text)
    server.advance(5.1)
    peer.hear()
    eventually(lambda: server.manager.peers == [])
    assert "a turn failed" not in caplog.text


def test_who_wants_to_hear_something_often_does(serve: Serve) -> None:
    server = serve()
    peer = server.program(keepalive=1.2)
    session = server.told[0][0]
    known = peer.heard.count(KEEP_ALIVE)
    for more in range(1, 4):
        eventually(lambda: session.traffic.bytes_out == len(peer.heard))  # the server has noted when it was sent
        server.advance(0.41)
        peer.hear_more(KEEP_ALIVE, known + more)
    assert server.errors() == []


def test_who_does_not_take_its_last_words_is_cut_off(serve: Serve) -> None:
    server = serve(stop_time=within(5), handshake=5.0)
    peer = server.connect(Deaf)
    peer.say(b"GET / HTTP/1.1\r\n\r\n{}")  # no dialect
    other = server.connect(Deaf, name="other")
    other.say(opening(codecs=["none"]))
    eventually(lambda: server.manager.peers == ["other"])  # the first one has nothing to be told
    eventually(lambda: all(each.session.error for each in list(server.manager._connections)))
    server.advance(0.3)
    eventually(lambda: server.manager._ending)
    server.advance(within(5) + 0.1)
    eventually(lambda: server.manager.peers == [])
    other.hear()


# -- the end of an address


def test_only_those_go_who_came_where_it_does_not_listen_any_more(serve: Serve) -> None:
    server = serve()
    second = server.listen("test://second")
    stays, goes = server.program(), server.program(second)
    server.manager.refuse_at("test://second")
    assert GOODBYE in goes.hear() and b"the server does not listen there any more" in goes.heard
    assert (server.manager.addresses, second.closed) == (["test://first"], 1)
    stays.say(KEEP_ALIVE)
    eventually(lambda: server.manager.peers == ["peer"] and server.errors() == [LinkClosed])  # after its link is closed


def test_where_nobody_listens_nobody_stops(serve: Serve) -> None:
    server = serve()
    with pytest.raises(ConfigError, match="test://none: this server does not listen there; it does on test://first"):
        server.manager.refuse_at("test://none")
    assert (server.manager.addresses, server.door.closed) == (["test://first"], 0)


# -- the end of all


def test_a_stop_says_goodbye_to_all(serve: Serve) -> None:
    server = serve(stop_time=LONG)
    peers = [server.program() for _ in range(3)]
    link = Memory()
    server.door.enter(link)
    link.put(opening())
    eventually(lambda: WELCOME in link.sent)
    server.manager.close()
    assert all(GOODBYE in peer.hear() for peer in peers) and GOODBYE in link.sent
    assert (server.manager.peers, server.door.closed, link.closed) == ([], 1, True)
    assert server.errors() == [LinkClosed] * 4


def test_a_stop_does_not_wait_for_who_does_not_read(serve: Serve) -> None:
    server = serve(stop_time=0.02)
    peer = server.connect(Deaf)
    peer.say(opening())
    eventually(lambda: len(server.told) == 1)
    server.manager.close()
    assert peer.hear() == b"" and server.manager.peers == []


def test_a_stop_does_not_wait_for_a_link_that_blocks(serve: Serve) -> None:
    server, link = serve(stop_time=0.02), Memory()
    link.writable.clear()
    server.door.enter(link)
    link.put(opening())
    eventually(lambda: len(server.told) == 1)
    server.manager.close()
    assert link.closed and server.manager.peers == []
    link.writable.set()  # lets its thread end


def test_who_comes_while_it_stops_is_sent_away(serve: Serve) -> None:
    inside, go_on, link = threading.Event(), threading.Event(), Memory()

    class Slow(Door):
        def accept(self, timeout: float) -> Any:
            inside.set()
            assert go_on.wait(within(20))
            return link if not link.closed else None

    server = serve(stop_time=within(20))
    server.manager.accept_from(Slow("test://slow"), {}, Renaming())
    assert inside.wait(within(10))
    stopping = threading.Thread(target=server.manager.close)
    stopping.start()
    eventually(lambda: server.door.closed)
    go_on.set()
    stopping.join(within(20))
    assert link.closed and not stopping.is_alive() and server.told == []


def test_an_end_is_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    server = serve()
    server.program().close()
    eventually(lambda: "peer: link closed: the link ended without a goodbye" in caplog.text)
    refused = server.connect()
    refused.say(opening(codecs=["none"]))
    refused.hear()
    eventually(lambda: "peer: link closed: no codec in common" in caplog.text)
    levels = [record.levelno for record in caplog.records if "link closed" in record.message]
    assert levels == [logging.INFO, logging.WARNING]
