"""Receiving from a link that can be polled, and from one that waits by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sig_core.contract import LinkTraits
from sig_core.io.client import link_receiver, writer
from sig_core.io.client.link_receiver import MAX_WAIT, RECEIVE_TIMEOUT, LinkReceiver
from sig_core.io.sync.receive_buffer import SMALL
from sig_core.testing import FakeClock
from tests.io.client.fakes import ScriptedLink
from tests.support import within


class Polled:
    """A link that can be polled: one end of a pair of sockets; the test has the other."""

    peer, traits, wants_write = "test://polled", LinkTraits(packets=False, reliable=True), False

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.recv_into = self.near.recv_into
        self.recv = self.near.recv
        self.asked: list[int] = []

    def fileno(self) -> int:
        return self.near.fileno()

    def send_some(self, data: bytes | memoryview) -> int: ...
    def send(self, data: bytes) -> None: ...
    def receive(self, timeout: float) -> bytes | None: ...
    def close(self) -> None: ...


@pytest.fixture
def polled() -> Iterator[Polled]:
    link = Polled()
    yield link
    link.near.close()
    link.far.close()


def receiver_of(link: Any, read_hint: int = 0) -> LinkReceiver:
    session: Any = SimpleNamespace(read_hint=read_hint)
    return LinkReceiver(link, session)


def taken(receiver: LinkReceiver, timeout: float) -> bytes:
    """What it receives, of which a session takes note."""
    data = receiver.receive(timeout)
    receiver.unread = b""
    return data


def test_what_comes_is_given(polled: Polled) -> None:
    receiver = receiver_of(polled)
    polled.far.send(b"hello")
    assert receiver.receive(within(5)) == b"hello"
    assert not receiver.flows


def test_nothing_within_the_time(polled: Polled) -> None:
    assert receiver_of(polled).receive(0) == b""


def test_the_peer_ends(polled: Polled) -> None:
    receiver = receiver_of(polled)
    polled.far.close()
    with pytest.raises(EOFError):
        receiver.receive(within(5))


def test_after_much_it_reads_without_a_poll_until_nothing_is_there(polled: Polled) -> None:
    receiver = receiver_of(polled)
    polls: list[float] = []
    receiver._wait = lambda milliseconds: not polls.append(milliseconds)
    polled.far.send(bytes(SMALL) + b"more")
    assert len(taken(receiver, 5.0)) == SMALL
    assert receiver.flows
    assert taken(receiver, 5.0) == b"more"
    assert len(polls) == 1
    receiver.flows = True
    assert receiver.receive(5.0) == b""  # at once: nothing was there, whatever the last read made likely
    assert not receiver.flows
    polled.far.send(b"x")
    assert receiver.receive(5.0) == b"x"
    assert polls == [MAX_WAIT * 1000] * 2


def test_a_huge_frame_is_read_by_itself(polled: Polled) -> None:
    receiver = receiver_of(polled, read_hint=50_000)
    sizes: list[int] = []
    polled.recv = lambda size: (sizes.append(size), b"x" * size)[1]  # type: ignore[assignment]
    polled.far.send(b"x")
    assert len(receiver.receive(within(5))) == 50_000
    assert sizes == [50_000]


def test_without_a_poll_of_the_system_it_selects(polled: Polled, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (link_receiver, writer):
        monkeypatch.setattr(module, "select", SimpleNamespace(select=link_receiver.select.select))
    receiver = receiver_of(polled)
    assert receiver.receive(0) == b""
    polled.far.send(b"hello")
    assert receiver.receive(within(5)) == b"hello"


def test_a_link_that_waits_by_itself() -> None:
    link = ScriptedLink(clock := FakeClock())
    receiver = receiver_of(link)
    link.script += [b"one", TimeoutError(), lambda: None, EOFError(), OSError("broken")]
    assert [taken(receiver, 1.0) for _ in range(3)] == [b"one", b"", b""]
    with pytest.raises(EOFError):
        receiver.receive(1.0)
    with pytest.raises(OSError, match="broken"):
        receiver.receive(1.0)
    receiver.receive(100.0)
    assert clock.now == RECEIVE_TIMEOUT  # a close may not end its wait: it looks often
    receiver.receive(0.1)
    assert clock.now == RECEIVE_TIMEOUT + 0.1


def test_a_link_that_gives_no_bytes_is_at_fault() -> None:
    link: Any = ScriptedLink(FakeClock())
    link.script.append(lambda: "text")
    with pytest.raises(TypeError, match="its receive gave str, not bytes"):
        receiver_of(link).receive(1.0)


def test_what_was_not_taken_is_given_again(polled: Polled) -> None:
    receiver = receiver_of(polled)
    polled.far.send(b"once")
    assert [receiver.receive(within(5)), receiver.receive(0)] == [b"once", b"once"]
    receiver.unread = b""
    assert receiver.receive(0) == b""


def test_what_a_link_has_read_ahead_is_taken_without_a_poll(polled: Polled) -> None:
    told = iter([True, False])
    found = [b"ahead"]

    def recv_into(buffer: memoryview) -> int:
        if not found:
            raise BlockingIOError
        data = found.pop()
        buffer[: len(data)] = data
        return len(data)

    polled.recv_into = recv_into  # type: ignore[assignment]
    ahead: Any = type("Ahead", (Polled,), {"pending": property(lambda link: next(told))})
    polled.__class__ = ahead
    receiver = receiver_of(polled)
    next(told)  # isinstance asks it, too
    told = iter([True, False])
    assert taken(receiver, within(60)) == b"ahead"
    assert taken(receiver, 0) == b""
