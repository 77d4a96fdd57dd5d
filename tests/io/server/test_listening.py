"""Where a server listens: acceptors are kept by address, started on the loop, and closed from any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sig_core.errors import ConfigError
from sig_core.io.server.acceptors import AcceptorThread, PolledAcceptor
from sig_core.io.server.listening import Listening
from sig_core.io.server.poller import READ
from sig_core.log import LimitedLog
from sig_core.testing import within


class Loop:
    """An I/O thread whose turns the test takes."""

    def __init__(self) -> None:
        self.watched: list[tuple[Any, int]] = []
        self.posted: list[Callable[[], None]] = []
        self.asked = threading.Event()  # something is posted
        self.current = True

    def watch(self, thing: Any, events: int) -> None:
        self.watched.append((thing, events))

    def unwatch(self, thing: Any) -> None:
        self.watched = [each for each in self.watched if each[0] is not thing]

    def post(self, function: Callable[[], None]) -> None:
        self.posted.append(function)
        self.asked.set()

    def run_later(self, seconds: float, function: Callable[[], None]) -> None:
        raise AssertionError("nothing fails here")

    def is_current(self) -> bool:
        return self.current

    def turn(self) -> None:
        self.asked.clear()
        posted, self.posted = self.posted, []
        for function in posted:
            function()


class Unpolled:
    """An acceptor to which nobody comes, without a descriptor."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.closed = 0
        self.at_close: Callable[[], object] = lambda: None
        self._ended = threading.Event()

    def accept(self, timeout: float) -> Any:
        self._ended.wait(timeout)

    def close(self) -> None:
        self.closed += 1
        self._ended.set()
        self.at_close()


class Polled(Unpolled):
    """One with a descriptor, and links that wait."""

    def __init__(self, address: str, *links: Any) -> None:
        super().__init__(address)
        self.links = list(links)

    def fileno(self) -> int:
        return 17

    def accept(self, timeout: float) -> Any:
        return self.links.pop(0) if self.links else None


class Server:
    """What listens, and what came."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.lock = threading.Lock()
        loop: Any = self.loop
        self.listening = Listening(loop, self.lock, LimitedLog(time.monotonic))
        self.links: list[Any] = []

    def add(self, acceptor: Any, factory: Any = None) -> Any:
        self.listening.add(acceptor, factory, self.links.append)
        return acceptor


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_polled_one_is_watched_once_the_loop_runs(server: Server) -> None:
    server.add(Polled("test://a", "link"))
    assert server.loop.watched == []
    server.loop.turn()
    ((watched, events),) = server.loop.watched
    assert isinstance(watched, PolledAcceptor) and events == READ
    watched.ready(READ)
    assert server.links == ["link"] and server.listening.threads == []


def test_one_that_can_not_be_polled_has_a_thread(server: Server) -> None:
    source = server.add(Unpolled("test://a"))
    (acceptor,) = server.listening.threads
    assert isinstance(acceptor, AcceptorThread)
    server.loop.turn()
    assert server.loop.watched == []
    server.listening.close_all()
    acceptor.join(within(10))
    assert source.closed == 1 and not acceptor._thread.is_alive()


def test_the_addresses_are_in_the_order_in_which_they_were_added(server: Server) -> None:
    assert server.listening.addresses == []
    for name in ("test://b", "test://a", "test://c"):
        server.add(Polled(name))
    assert server.listening.addresses == ["test://b", "test://a", "test://c"]


def test_what_is_removed_is_returned_with_its_factory_and_not_closed(server: Server) -> None:
    sources = [server.add(Polled(f"test://{name}"), f"factory {name}") for name in "ab"]
    acceptor, factory = server.listening.remove("test://a")
    found: Any = factory
    assert (acceptor.address, found) == ("test://a", "factory a")
    assert server.listening.addresses == ["test://b"] and sources[0].closed == 0
    server.listening.close(acceptor)
    server.listening.close(acceptor)
    assert [source.closed for source in sources] == [1, 0]


def test_of_one_address_the_first_is_removed_first(server: Server) -> None:
    for number in (1, 2):
        server.add(Polled("test://a"), number)
    found: list[Any] = [server.listening.remove("test://a")[1] for _ in range(2)]
    assert found == [1, 2]


def test_an_address_that_is_none_is_refused_and_those_that_are_are_named(server: Server) -> None:
    with pytest.raises(ConfigError, match="test://x: this server does not listen there; it does on no address"):
        server.listening.remove("test://x")
    server.add(Polled("test://a"))
    server.add(Polled("test://b"))
    with pytest.raises(ConfigError, match="it does on test://a, test://b"):
        server.listening.remove("test://x")
    assert not server.lock.locked()


def test_on_the_loops_thread_a_close_is_done_at_once(server: Server) -> None:
    source = server.add(Polled("test://a"))
    server.loop.turn()
    server.listening.close_all()
    assert (source.closed, server.loop.watched, server.loop.posted) == (1, [], [])


def test_on_another_thread_the_loop_closes_it(server: Server) -> None:
    source = server.add(Polled("test://a"))
    server.loop.turn()
    server.loop.current = False
    closing = threading.Thread(target=server.listening.close_all)
    closing.start()
    assert server.loop.asked.wait(within(10)) and source.closed == 0
    server.loop.turn()
    closing.join(within(10))
    assert source.closed == 1 and server.loop.watched == []


def test_one_that_is_closed_before_the_loop_runs_is_never_watched(server: Server) -> None:
    server.add(Polled("test://a"))
    server.listening.close_all()
    server.loop.turn()
    assert server.loop.watched == []


def test_an_address_that_is_removed_while_all_are_closed_does_no_harm(server: Server) -> None:
    """A close may take seconds, and whoever removes an address holds no lock that would keep this one waiting."""
    sources = [server.add(Polled(f"test://{name}")) for name in "abc"]
    sources[0].at_close = lambda: server.listening.remove("test://a")
    server.listening.close_all()
    assert [source.closed for source in sources] == [1, 1, 1]


class Changing:
    """Stands for an acceptor while whose address is read another thread changes what is listened on."""

    def __init__(self, change: Callable[[], object]) -> None:
        self._change = change

    @property
    def address(self) -> str:
        self._change()
        return "test://changing"


@pytest.mark.parametrize(
    "read", [lambda listening: listening.addresses, lambda listening: listening.remove("test://a")]
)
def test_addresses_may_come_while_they_are_read(server: Server, read: Callable[[Listening], object]) -> None:
    factories: Any = server.listening._factories
    changing = Changing(lambda: server.add(Polled("test://new")) if len(factories) < 3 else None)
    factories[changing] = None
    server.add(Polled("test://a"))
    read(server.listening)
    assert "test://new" in server.listening.addresses


def test_in_a_forked_child_only_the_descriptors_are_closed(server: Server) -> None:
    sources = [server.add(Polled("test://a")), server.add(Unpolled("test://b"))]
    polled = server.loop.posted[0]
    polled()
    server.listening.abandon()
    assert [source.closed for source in sources] == [1, 1]
    assert len(server.loop.watched) == 1, "the poller is the parent's"
