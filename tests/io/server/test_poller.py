"""Pollers: the one of the standard library and the one for Linux tell the same."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from sig_core.io.server.poller import BATCH, READ, WRITE, EpollPoller, Poller, SelectorPoller, new_poller

EPOLL = pytest.param(
    EpollPoller, marks=pytest.mark.skipif(not hasattr(select, "epoll"), reason="there is no epoll on this system")
)
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=[SelectorPoller, EPOLL], ids=["selector", "epoll"])
def poller(request: pytest.FixtureRequest) -> Iterator[Poller[str]]:
    made: Poller[str] = request.param()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_nothing_is_ready(poller: Poller[str], pair: Pair) -> None:
    poller.register(pair[0].fileno(), READ, "a")
    assert poller.poll(0) == []
    assert poller.poll(0.001) == []


def test_what_can_be_read_and_written(poller: Poller[str], pair: Pair) -> None:
    poller.register(pair[0].fileno(), READ | WRITE, "a")
    assert poller.poll(1) == [("a", WRITE)]
    pair[1].send(b"x")
    assert poller.poll(1) == [("a", READ | WRITE)]
    assert poller.poll(1) == [("a", READ | WRITE)]  # until it is read


def test_only_what_is_waited_for(poller: Poller[str], pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    poller.register(ours.fileno(), WRITE, "a")
    assert poller.poll(1) == [("a", WRITE)]
    poller.modify(ours.fileno(), READ, "b")
    assert poller.poll(1) == [("b", READ)]
    theirs.close()  # a hang-up concerns readers and writers, but here only one of them waits
    assert poller.poll(1) == [("b", READ)]
    poller.modify(ours.fileno(), WRITE, "c")
    assert poller.poll(1) == [("c", WRITE)]


def test_a_refused_connection_is_ready_for_who_reads(poller: Poller[str]) -> None:
    with socket.socket() as nobody, socket.socket() as ours:
        nobody.bind(("127.0.0.1", 0))
        ours.setblocking(False)
        ours.connect_ex(nobody.getsockname())  # bound, and nobody listens
        poller.register(ours.fileno(), READ, "a")
        assert poller.poll(10) == [("a", READ)]
        poller.modify(ours.fileno(), WRITE, "a")
        assert poller.poll(10) == [("a", WRITE)]


def test_who_is_not_waited_for_any_more(poller: Poller[str], pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ, "a")
    theirs.send(b"x")
    poller.unregister(ours.fileno())
    assert poller.poll(0) == []
    poller.register(ours.fileno(), READ, "again")
    assert poller.poll(1) == [("again", READ)]


def test_a_descriptor_that_was_closed_too_early_and_lives_on_in_a_copy(poller: Poller[str], pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ, "a")
    copy, descriptor = ours.dup(), ours.fileno()
    with copy:
        ours.close()
        poller.unregister(descriptor)
        theirs.send(b"x")
        assert poller.poll(0) == []


@pytest.mark.parametrize("again", [False, True], ids=["never", "twice"])
def test_mistakes_are_told(poller: Poller[str], pair: Pair, again: bool) -> None:
    descriptor = pair[0].fileno()
    mistakes: tuple[Any, ...] = (KeyError, OSError)
    if again:
        poller.register(descriptor, READ, "a")
        with pytest.raises(mistakes):
            poller.register(descriptor, READ, "b")
    else:
        with pytest.raises(mistakes):
            poller.modify(descriptor, READ, "a")
        with pytest.raises(mistakes):
            poller.unregister(descriptor)


def test_more_than_one_poll_tells_of(poller: Poller[str]) -> None:
    pairs = [socket.socketpair() for _ in range(BATCH + 10)]
    try:
        for number, (ours, theirs) in enumerate(pairs):
            poller.register(ours.fileno(), READ, str(number))
            theirs.send(b"x")
        heard: set[str] = set()
        for _ in range(3):
            for name, _ in poller.poll(1):
                heard.add(name)
                pairs[int(name)][0].recv(1)
        assert len(heard) == BATCH + 10
    finally:
        for pair in pairs:
            for each in pair:
                each.close()


def test_the_best_one_is_taken() -> None:
    made: Poller[str] = new_poller()
    made.close()
    assert isinstance(made, EpollPoller if hasattr(select, "epoll") else SelectorPoller)
