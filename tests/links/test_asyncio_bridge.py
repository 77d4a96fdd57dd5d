"""Carriers for asyncio under threads: nothing is lost, nothing hangs, and the loop ends with its last user."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

import sig_core as sig
from sig_core.address import Address
from sig_core.contract import HasOnePeer, LinkTraits
from sig_core.links import asyncio_bridge as bridge
from sig_core.links.asyncio_bridge import Bridge, BridgedLink
from sig_core.testing import begin
from tests.support import eventually, nothing_left_behind, within
from tests.support.no_threads import no_threads

__all__ = ["nothing_left_behind"]

SOON = within(5.0)
WHERE = Address.parse("memory://here")


class MemoryLink:
    """One end; what it sends comes to the other.

    Attributes:
        cancelled: how many receives were.
        holds: a send waits as long as this is set.
    """

    traits = LinkTraits(packets=True, reliable=True)
    peer = "memory://peer"

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        self.other: MemoryLink | None = None
        self.cancelled = self.closed = self.received = 0
        self.flow_control = threading.Event()

    async def send(self, data: bytes, /) -> None:
        while self.flow_control.is_set():
            await asyncio.sleep(0.001)
        assert self.other is not None
        self.other.came.put_nowait(data)

    async def receive(self) -> bytes:
        try:
            found = await self.came.get()
            await asyncio.sleep(0)  # a cancelled receive would lose what it has here
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(found, Exception):
            raise found
        self.received += 1
        return found

    async def close(self) -> None:
        self.closed += 1
        assert self.other is not None
        self.other.came.put_nowait(EOFError("the peer ended"))


class MemoryCarrier:
    """Both ends of all its links; it is its own acceptor."""

    scheme = "memory"
    address = "memory://here"
    errors = (LookupError,)

    def __init__(self) -> None:
        self.links: list[tuple[MemoryLink, MemoryLink]] = []
        self.closed = 0
        self.fails: Exception | None = None

    async def connect(self, address: Address, /) -> MemoryLink:
        if self.fails is not None:
            raise self.fails
        one, two = MemoryLink(), MemoryLink()
        one.other, two.other = two, one
        self.links.append((one, two))
        self._came.put_nowait(two)
        return one

    async def listen(self, address: Address, /) -> MemoryCarrier:
        if self.fails is not None:
            raise self.fails
        self._came: asyncio.Queue[MemoryLink | Exception] = asyncio.Queue()
        return self

    async def accept(self) -> MemoryLink:
        found = await self._came.get()
        if isinstance(found, Exception):
            raise found
        return found

    async def close(self) -> None:
        self.closed += 1


class Place:
    """A carrier under its bridge, which listens."""

    def __init__(self) -> None:
        self.carrier = MemoryCarrier()
        self.bridge = Bridge(self.carrier)
        self.acceptor = self.bridge.listen(WHERE)

    def meet(self) -> tuple[BridgedLink, BridgedLink]:
        client = self.bridge.connect(WHERE)
        server = self.acceptor.accept(SOON)
        assert server is not None
        return client, server

    def close(self, *links: BridgedLink) -> None:
        for each in (*links, self.acceptor):
            each.close()
        assert bridge._shared._users == 0


@pytest.fixture
def place() -> Place:
    return Place()


def test_it_shows_what_the_carrier_says(place: Place) -> None:
    client, server = place.meet()
    assert (place.bridge.scheme, place.bridge.errors) == ("memory", (LookupError,))
    assert place.acceptor.address == "memory://here"
    assert (client.peer, client.traits) == (MemoryLink.peer, MemoryLink.traits)
    place.close(client, server)


class OneOtherEnd(MemoryCarrier):
    one_peer = True


@pytest.mark.parametrize("carrier", [MemoryCarrier, OneOtherEnd])
def test_an_acceptor_says_of_its_peers_what_the_carrier_says(carrier: type[MemoryCarrier]) -> None:
    acceptor = Bridge(carrier()).listen(WHERE)
    assert isinstance(acceptor, HasOnePeer) is (carrier is OneOtherEnd)
    assert getattr(acceptor, "one_peer", None) is getattr(carrier, "one_peer", None)
    acceptor.close()


def test_short_waits_lose_nothing_since_no_receive_is_cancelled(place: Place) -> None:
    client, server = place.meet()
    sending = begin(lambda: [client.send(b"%d" % number) for number in range(300)])
    found: list[bytes] = []
    while len(found) < 300:
        data = server.receive(0.0001)
        if data is not None:
            found.append(data)
    sending.result(SOON)
    assert found == [b"%d" % number for number in range(300)]
    assert place.carrier.links[0][1].cancelled == 0
    place.close(client, server)


@pytest.mark.parametrize(("size", "count"), [(1, bridge.PREFETCH_ITEMS), (bridge.PREFETCH_BYTES // 2, 2)])
def test_only_so_much_is_fetched_before_it_is_asked_for(place: Place, size: int, count: int) -> None:
    client, server = place.meet()
    raw = place.carrier.links[0][1]
    for _ in range(3 * count):
        client.send(bytes(size))
    eventually(lambda: raw.received == count)
    assert server.receive(SOON) == bytes(size)
    eventually(lambda: raw.received == count + 1)
    assert [server.receive(SOON) for _ in range(3 * count - 1)] == [bytes(size)] * (3 * count - 1)
    assert server.receive(0) is None
    place.close(client, server)


def test_the_end_comes_after_the_data_and_again(place: Place) -> None:
    client, server = place.meet()
    client.send(b"last")
    client.close()
    assert server.receive(SOON) == b"last"
    for _ in range(2):
        with pytest.raises(EOFError, match="the peer ended"):
            server.receive(SOON)
    place.close(server)


def test_an_error_of_the_link_comes_through(place: Place) -> None:
    client, server = place.meet()
    asyncio_side = place.carrier.links[0][1]
    client._loop.call(asyncio_side.came.put_nowait, ConnectionResetError("gone"))
    with pytest.raises(ConnectionResetError, match="gone"):
        server.receive(SOON)
    place.close(client, server)


def test_what_the_carrier_names_in_errors_comes_out_as_oserror(place: Place) -> None:
    client, server = place.meet()
    for link, raw in zip((client, server), place.carrier.links[0], strict=True):
        client._loop.call(raw.came.put_nowait, LookupError("its driver says so"))
        with pytest.raises(OSError, match=r"memory://peer: .*its driver says so") as raised:
            link.receive(SOON)
        assert isinstance(raised.value.__cause__, LookupError)
    place.carrier.links[0][0].other = None  # a breach of the driver's own, which it does not name
    with pytest.raises(AssertionError):
        client.send(b"x")
    place.carrier.links[0][0].other = place.carrier.links[0][1]
    place.close(client, server)


def test_a_close_ends_a_receive_that_waits(place: Place) -> None:
    client, server = place.meet()
    waiting = begin(server.receive, within(30))
    server.close()
    with pytest.raises(EOFError):
        waiting.result(SOON)
    place.close(client)


def test_a_close_ends_a_send_that_waits(place: Place) -> None:
    client, server = place.meet()
    place.carrier.links[0][0].flow_control.set()
    waiting = begin(client.send, b"x")
    eventually(lambda: client._sending is not None)
    client.close()
    with pytest.raises(OSError, match="memory://peer: closed while a send waited"):
        waiting.result(SOON)
    place.close(server)


def test_after_close_nothing_hangs(place: Place) -> None:
    client, server = place.meet()
    place.close(client, server)
    for link in (client, server):
        with pytest.raises(EOFError):
            link.receive(0)
        with pytest.raises(OSError, match="closed"):
            link.send(b"x")
        link.close()
    place.acceptor.close()
    assert [raw.closed for raw in place.carrier.links[0]] == [1, 1]
    assert place.carrier.closed == 1


def test_a_close_that_hangs_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "CLOSE_TIMEOUT", 0.05)
    client, server = place.meet()

    async def hang() -> None:
        await asyncio.Event().wait()

    place.carrier.links[0][0].close = hang  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        client.close()
    monkeypatch.undo()
    place.close(server)


def test_a_link_that_can_be_aborted_is_when_its_close_takes_long(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "ABORT_AFTER", 0.01)
    client, server = place.meet()
    raw: Any = place.carrier.links[0][0]
    aborted = threading.Event()

    async def hang() -> None:
        await asyncio.Event().wait()

    raw.close, raw.abort = hang, aborted.set
    client.close()
    assert aborted.is_set()
    place.close(server)


def test_links_that_nobody_accepted_are_closed_with_the_acceptor(place: Place) -> None:
    clients = [place.bridge.connect(WHERE) for _ in range(3)]
    eventually(lambda: len(place.acceptor._prefetch._items) == 3)
    place.acceptor.close()
    assert [server.closed for _, server in place.carrier.links] == [1, 1, 1]
    place.close(*clients)


def test_an_accept_gives_nobody_in_time_or_the_error(place: Place) -> None:
    assert place.acceptor.accept(0) is None
    assert place.acceptor.accept(0.001) is None
    place.acceptor._loop.call(place.carrier._came.put_nowait, OSError("no descriptor is left"))
    with pytest.raises(OSError, match="no descriptor is left"):
        place.acceptor.accept(SOON)
    place.close()


def test_a_connect_that_fails_leaves_nothing(place: Place) -> None:
    place.carrier.fails = LookupError("no such place")
    for call in (place.bridge.connect, place.bridge.listen):
        with pytest.raises(LookupError, match="no such place"):
            call(WHERE)
    assert bridge._shared._users == 1
    place.close()


def test_a_connect_that_hangs_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "CONNECT_TIMEOUT", 0.05)

    async def hang(address: Address, /) -> MemoryLink:
        await asyncio.Event().wait()
        raise AssertionError

    place.carrier.connect = hang  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        place.bridge.connect(WHERE)
    place.close()


def test_all_links_share_a_loop_that_ends_with_the_last() -> None:
    def loops() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name == "sig-asyncio"]

    places = [Place(), Place()]
    links = [link for place in places for link in place.meet()]
    assert loops() == ["sig-asyncio"]
    for each in (*links, places[0].acceptor):
        each.close()
    assert loops() == ["sig-asyncio"]
    places[1].close()
    assert loops() == []
    again = Place()
    again.close(*again.meet())
    assert loops() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_lets_its_parents_links_alone_and_has_a_loop_of_its_own(place: Place) -> None:
    client, server = place.meet()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            client.close()
            place.acceptor.close()
            own = Place()
            one, two = own.meet()
            one.send(b"x")
            code = 7 if two.receive(SOON) == b"x" and not place.carrier.closed else 2
            own.close(one, two)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    client.send(b"still mine")
    assert server.receive(SOON) == b"still mine"
    place.close(client, server)


def test_routers_speak_over_it() -> None:
    plugins = sig.Plugins()
    carrier = MemoryCarrier()
    plugins.carriers.register("memory", lambda: carrier)  # type: ignore[arg-type, return-value]
    with sig.ServerRouter("memory://here", plugins=plugins) as server:
        server.add_sender("s", [], {"echo": lambda params: params})
        with sig.ClientRouter("memory://here", plugins=plugins) as client:
            assert client.remote_request("s", "echo", [1, "x" * 100_000]) == [1, "x" * 100_000]
    assert carrier.closed == 1


RESOLVER_HANGS = """
import asyncio, threading
from sig_core.address import Address
from sig_core.links.asyncio_bridge import Bridge

hangs = threading.Event()

class Carrier:
    scheme = "hangs"

    async def connect(self, address):
        await asyncio.get_running_loop().run_in_executor(None, self.resolve)

    def resolve(self):
        hangs.set()
        threading.Event().wait()

threading.Thread(target=Bridge(Carrier()).connect, args=[Address.parse("hangs://here")], daemon=True).start()
hangs.wait()
"""


def test_a_program_ends_though_a_resolver_hangs() -> None:
    assert subprocess.run([sys.executable, "-c", RESOLVER_HANGS], timeout=SOON * 4, check=True).returncode == 0


def test_what_the_loop_hands_to_a_thread_gives_its_result_or_raises() -> None:
    class Carrier:
        scheme = "memory"

        async def connect(self, address: Address) -> MemoryLink:
            assert await asyncio.to_thread(lambda: 3) == 3
            await asyncio.to_thread(lambda: 1 // 0)
            return MemoryLink()

    with pytest.raises(ZeroDivisionError):
        Bridge(Carrier()).connect(WHERE)  # type: ignore[arg-type]


def test_a_loop_that_has_no_thread_is_told_and_tried_again() -> None:
    class Carrier:
        scheme = "memory"

        async def connect(self, address: Address) -> MemoryLink:
            link = MemoryLink()
            link.other = link
            return link

    with no_threads("sig-asyncio"), pytest.raises(sig.LimitError, match="sig-asyncio"):
        Bridge(Carrier()).connect(WHERE)  # type: ignore[arg-type]
    Bridge(Carrier()).connect(WHERE).close()  # type: ignore[arg-type]
