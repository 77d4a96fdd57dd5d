"""Any link as one that can be polled: what the poll shows, what is taken ahead, and how it ends."""

from __future__ import annotations

import queue
import select
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from sig_core.contract import LinkTraits, PollableLink
from sig_core.io.adapters import pumped
from sig_core.io.adapters.pumped import DRAIN_TIMEOUT, PumpedLink, pollable
from sig_core.testing import FakeClock
from tests.support import eventually, nothing_left_behind, sig_threads, within

__all__ = ["nothing_left_behind"]

LONG = within(10.0)


class Stuck:
    """A link whose send waits until it may go on."""

    traits = LinkTraits(packets=False, reliable=True)
    peer = "stuck"

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.go_on.wait(within(20))
        self.sent.append(data)

    def receive(self, timeout: float) -> Any:
        threading.Event().wait(timeout)

    def close(self) -> None:
        self.go_on.set()


@pytest.fixture
def stuck() -> Iterator[tuple[Stuck, PumpedLink]]:
    raw = Stuck()
    link = PumpedLink(raw)
    yield raw, link
    link.close()


def writable(link: PumpedLink) -> bool:
    return bool(select.select([], [link.fileno()], [], 0)[1])


def test_who_sends_too_much_is_stopped_by_the_poll(
    stuck: tuple[Stuck, PumpedLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumped, "HIGH_WATER", 1000)
    monkeypatch.setattr(pumped, "LOW_WATER", 500)
    raw, link = stuck
    assert [link.send_some(b"x" * 600) for _ in range(3)] == [600, 600, 0]
    assert not writable(link)
    raw.go_on.set()
    eventually(lambda: writable(link))
    assert link.send_some(b"y") == 1
    eventually(lambda: b"".join(raw.sent) == b"x" * 1200 + b"y")


def test_last_words_are_sent_after_a_close(stuck: tuple[Stuck, PumpedLink]) -> None:
    raw, link = stuck
    link.send_some(b"goodbye")
    link.close()
    raw.go_on.set()
    eventually(lambda: raw.sent == [b"goodbye"])
    eventually(lambda: not sig_threads())
    with pytest.raises(OSError):
        link.send_some(b"more")


def test_a_broken_link_says_so_in_both_directions() -> None:
    class Broken(Stuck):
        def send(self, data: bytes) -> None:
            raise ConnectionResetError("gone")

        def receive(self, timeout: float) -> Any:
            raise ConnectionResetError("gone")

    link = PumpedLink(Broken())
    link.send_some(b"x")

    def sends() -> bool:
        try:
            link.send_some(b"x")
        except ConnectionResetError:
            return False
        return True

    eventually(lambda: not sends())
    with pytest.raises(ConnectionResetError):
        while True:
            try:
                link.recv_into(memoryview(bytearray(10)))
            except BlockingIOError:
                threading.Event().wait(0.001)
    link.close()


class Fed:
    """A link whose other end is the test.

    Attributes:
        taken: how many reads gave something, or raised.
    """

    traits = LinkTraits(packets=False, reliable=True)
    peer = "fed"

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.taken = 0
        self.closed = 0
        self._came: queue.Queue[bytes | Exception] = queue.Queue()

    def put(self, *came: bytes | Exception) -> None:
        for each in came:
            self._came.put(each)

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def receive(self, timeout: float) -> bytes | None:
        try:
            found = self._came.get(timeout=timeout)
        except queue.Empty:
            return None
        self.taken += 1
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def fed() -> Iterator[tuple[Fed, PumpedLink]]:
    raw = Fed()
    link = PumpedLink(raw)
    yield raw, link
    link.close()


def readable(link: PumpedLink, timeout: float = 0) -> bool:
    return bool(select.select([link.fileno()], [], [], timeout)[0])


def read(link: PumpedLink, size: int = 100) -> bytes:
    """Read as a loop does: when the poll says so, which may be for nothing."""
    buffer = bytearray(size)
    while True:
        assert readable(link, LONG)
        with suppress(BlockingIOError):
            return bytes(buffer[: link.recv_into(memoryview(buffer))])


def test_a_link_that_can_be_polled_stays_as_it_is() -> None:
    raw = Fed()
    link = pollable(raw)
    assert isinstance(link, PumpedLink)
    assert pollable(link) is link and isinstance(link, PollableLink)
    assert (link.peer, link.traits) == (raw.peer, raw.traits)
    link.close()


def test_the_poll_shows_what_came_until_it_is_read(fed: tuple[Fed, PumpedLink]) -> None:
    raw, link = fed
    assert not readable(link)
    raw.put(b"hello", TimeoutError(), b"world")
    assert read(link, 3) == b"hel"
    assert read(link, 3) == b"lo"
    assert read(link) == b"world"
    with pytest.raises(BlockingIOError):
        link.recv_into(memoryview(bytearray(1)))
    assert not readable(link)
    raw.put(b"again")
    assert read(link) == b"again"


def test_the_end_comes_after_all_that_came(fed: tuple[Fed, PumpedLink]) -> None:
    raw, link = fed
    raw.put(b"last", EOFError())
    assert read(link) == b"last"
    assert read(link) == b""
    assert read(link) == b""


def test_what_broke_is_raised_after_all_that_came(fed: tuple[Fed, PumpedLink]) -> None:
    raw, link = fed
    raw.put(b"last", OSError("unplugged"))
    assert read(link) == b"last"
    with pytest.raises(OSError, match="unplugged"):
        read(link)


def test_no_more_is_received_ahead_than_it_may(
    fed: tuple[Fed, PumpedLink], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumped, "READ_AHEAD", 10)
    raw, link = fed
    raw.put(b"123456", b"123456", b"more")
    eventually(lambda: raw.taken == 2)
    assert read(link, 3) == b"123"
    eventually(lambda: raw.taken == 3)
    assert [read(link), read(link), read(link)] == [b"456", b"123456", b"more"]


def test_what_is_sent_arrives_in_order(fed: tuple[Fed, PumpedLink]) -> None:
    raw, link = fed
    for number in range(100):
        assert link.send_some(b"%d " % number) == len(b"%d " % number)
    eventually(lambda: len(raw.sent) == 100)
    assert b"".join(raw.sent).split() == [b"%d" % number for number in range(100)]


def test_a_link_that_does_not_take_its_last_words_is_closed_when_their_time_is_over() -> None:
    raw = Stuck()
    clock = FakeClock(100.0)
    link = PumpedLink(raw, clock)
    link.send_some(b"goodbye")
    link.close()
    clock.advance(0.99 * DRAIN_TIMEOUT)
    assert not raw.go_on.wait(0.2)  # several looks of the thread at the clock
    clock.advance(0.02 * DRAIN_TIMEOUT)
    assert raw.go_on.wait(LONG)  # its close


def test_it_closes_the_raw_link_once(fed: tuple[Fed, PumpedLink]) -> None:
    raw, link = fed
    link.close()
    link.close()
    eventually(lambda: raw.closed)
    eventually(lambda: not sig_threads())
    assert raw.closed == 1


def test_it_is_polled_and_never_waited_for(fed: tuple[Fed, PumpedLink]) -> None:
    with pytest.raises(NotImplementedError):
        fed[1].receive(1.0)
