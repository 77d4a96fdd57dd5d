"""Acceptors: who comes is passed on, whatever fails meanwhile, and a stop ends them in time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sig_core.io.server.acceptors import LINKS_PER_TURN, PAUSE, AcceptorThread, PolledAcceptor
from sig_core.io.server.poller import READ
from sig_core.log import LimitedLog
from sig_core.testing import eventually, within

LONG = 3600.0  # seconds: nothing here waits for so long
BROKEN = OSError("too many open files")


class Loop:
    """An I/O thread whose turns the test takes."""

    def __init__(self) -> None:
        self.watched: list[tuple[Any, int]] = []
        self.posted: list[Callable[[], None]] = []
        self.current = True

    def watch(self, thing: Any, events: int) -> None:
        self.watched.append((thing, events))

    def unwatch(self, thing: Any) -> None:
        self.watched = [each for each in self.watched if each[0] is not thing]

    def post(self, function: Callable[[], None]) -> None:
        self.posted.append(function)

    def is_current(self) -> bool:
        return self.current

    def turn(self) -> None:
        posted, self.posted = self.posted, []
        for function in posted:
            function()


class Scripted:
    """An acceptor that gives what it is told to, then nothing."""

    address = "test://here"

    def __init__(self, *results: Any) -> None:
        self.results: queue.Queue[Any] = queue.Queue()
        self.closed = 0
        self.timeouts: list[float] = []
        for result in results:
            self.results.put(result)

    def fileno(self) -> int:
        return 17

    def accept(self, timeout: float) -> Any:
        self.timeouts.append(timeout)
        try:
            found = self.results.get(timeout=min(timeout, 0.01) or None, block=timeout > 0)
        except queue.Empty:
            return None
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        self.closed += 1


class Polled:
    """A polled acceptor, and what came of it."""

    def __init__(self, *results: Any) -> None:
        self.loop = Loop()
        self.source = Scripted(*results)
        self.links: list[Any] = []
        self.later: list[tuple[float, Callable[[], None]]] = []
        loop: Any = self.loop
        self.acceptor = PolledAcceptor(
            *(loop, self.source, self._take, LimitedLog(time.monotonic)),
            run_later=lambda seconds, function: self.later.append((seconds, function)),
        )

    def _take(self, link: Any) -> None:
        self.links.append(link)
        if isinstance(link, int) and link < 0:
            raise TypeError("this is no link")

    def is_watched(self) -> bool:
        return self.loop.watched == [(self.acceptor, READ)]


# -- on the I/O thread


def test_a_polled_one_has_the_descriptor_and_address_of_its_acceptor() -> None:
    polled = Polled()
    assert (polled.acceptor.fileno(), polled.acceptor.address) == (17, "test://here")
    polled.acceptor.start()
    assert polled.is_watched()


def test_all_who_wait_are_accepted_without_blocking() -> None:
    polled = Polled(1, 2, 3)
    polled.acceptor.ready(READ)
    assert (polled.links, set(polled.source.timeouts)) == ([1, 2, 3], {0})


def test_a_crowd_is_accepted_in_several_turns() -> None:
    polled = Polled(*range(LINKS_PER_TURN + 3))
    polled.acceptor.ready(READ)
    assert len(polled.links) == LINKS_PER_TURN
    polled.acceptor.ready(READ)
    assert polled.links == list(range(LINKS_PER_TURN + 3))


def test_after_a_failure_it_pauses_and_then_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    polled = Polled(1, BROKEN, 2)
    polled.acceptor.start()
    polled.acceptor.ready(READ)
    assert (polled.links, polled.loop.watched) == ([1], []), "the peer that waits would keep the thread busy"
    assert f"test://here: can't accept: too many open files; trying again in {PAUSE} s" in caplog.text
    ((seconds, function),) = polled.later
    assert seconds == PAUSE
    function()
    assert not polled.is_watched(), "that is for the I/O thread"
    polled.loop.turn()
    assert polled.is_watched()
    polled.acceptor.ready(READ)
    assert polled.links == [1, 2]


def test_a_lack_of_descriptors_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    polled = Polled(*[BROKEN] * 1000)
    for _ in range(1000):
        polled.acceptor.ready(READ)
    assert caplog.text.count("can't accept") == 10


def test_what_can_not_be_served_is_logged_and_the_next_one_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    polled = Polled(-1, 2)
    polled.acceptor.ready(READ)
    assert polled.links == [-1, 2]
    assert "can't be served: -1: TypeError: this is no link" in caplog.text


def test_a_closed_one_is_not_polled_and_closed_once() -> None:
    polled = Polled()
    polled.acceptor.start()
    polled.acceptor.close()
    assert (polled.is_watched(), polled.source.closed) == (True, 0), "that is for the I/O thread"
    polled.loop.turn()
    assert (polled.loop.watched, polled.source.closed) == ([], 1)
    polled.acceptor.close()
    polled.acceptor.abandon()
    polled.loop.turn()
    assert polled.source.closed == 1


def test_a_pause_that_ends_after_the_close_starts_nothing() -> None:
    polled = Polled(BROKEN)
    polled.acceptor.start()
    polled.acceptor.ready(READ)
    polled.acceptor.close()
    polled.loop.turn()
    for _, function in polled.later:
        function()
    polled.loop.turn()
    assert polled.loop.watched == []


def test_a_close_on_another_thread_returns_when_the_io_thread_has_closed() -> None:
    polled = Polled()
    polled.acceptor.start()
    polled.loop.current = False
    closing = threading.Thread(target=polled.acceptor.close)
    closing.start()
    eventually(lambda: polled.loop.posted)
    assert closing.is_alive() and polled.source.closed == 0
    polled.loop.turn()
    closing.join(within(10))
    assert not closing.is_alive() and polled.source.closed == 1


def test_in_a_forked_child_only_the_descriptor_is_closed() -> None:
    polled = Polled()
    polled.acceptor.start()
    polled.acceptor.abandon()
    assert (polled.source.closed, polled.is_watched()) == (1, True), "the poller is the parent's"
    assert polled.loop.posted == []


# -- on a thread of its own


class Threaded:
    """An acceptor thread, and what came of it."""

    def __init__(self, *results: Any, pause: float = 0.001) -> None:
        self.source = Scripted(*results)
        self.links: list[Any] = []
        self.threads: set[str] = set()
        self.acceptor = AcceptorThread(self.source, self._take, LimitedLog(time.monotonic), pause)

    def _take(self, link: Any) -> None:
        self.links.append(link)
        self.threads.add(threading.current_thread().name)
        if isinstance(link, int) and link < 0:
            raise TypeError("this is no link")

    def alive(self) -> bool:
        return self.acceptor._thread.is_alive()


@pytest.fixture
def threaded() -> Iterator[Callable[..., Threaded]]:
    made: list[Threaded] = []

    def make(*results: Any, **options: Any) -> Threaded:
        made.append(Threaded(*results, **options))
        made[-1].acceptor.start()
        return made[-1]

    yield make
    for each in made:
        each.acceptor.close()
        each.acceptor.join(within(10))
        assert not each.alive()


def test_a_thread_accepts_until_it_is_closed(threaded: Callable[..., Threaded]) -> None:
    accepting = threaded(1, -1, 2)
    eventually(lambda: accepting.links == [1, -1, 2])
    assert accepting.threads == {"sig-accept test://here"}
    assert min(accepting.source.timeouts) > 0
    accepting.acceptor.close()
    accepting.acceptor.join(within(10))
    assert not accepting.alive() and accepting.source.closed == 1
    accepting.source.results.put(3)
    assert accepting.links == [1, -1, 2]


def test_pauses_after_failures_grow_and_begin_anew(
    threaded: Callable[..., Threaded], caplog: pytest.LogCaptureFixture
) -> None:
    accepting = threaded(BROKEN, BROKEN, BROKEN, 1, BROKEN, 2, pause=0.001)
    eventually(lambda: accepting.links == [1, 2])
    assert [record.message.rpartition(" in ")[2] for record in caplog.records] == [
        "0.001 s",
        "0.002 s",
        "0.004 s",
        "0.001 s",
    ]


def test_a_close_ends_a_pause(threaded: Callable[..., Threaded], caplog: pytest.LogCaptureFixture) -> None:
    accepting = threaded(BROKEN, pause=LONG)
    eventually(lambda: "trying again in 3600 s" in caplog.text)
    accepting.acceptor.close()
    accepting.acceptor.join(within(10))
    assert not accepting.alive()


def test_the_failure_that_a_close_brings_about_is_no_error(
    threaded: Callable[..., Threaded], caplog: pytest.LogCaptureFixture
) -> None:
    accepting = threaded()
    close = accepting.source.close

    def close_and_break() -> None:
        close()
        accepting.source.results.put(OSError("closed on this side"))

    accepting.source.close = close_and_break  # type: ignore[method-assign]
    eventually(lambda: accepting.source.timeouts)
    accepting.acceptor.close()
    accepting.acceptor.join(within(10))
    assert not accepting.alive() and not caplog.records


def test_a_join_takes_no_longer_than_it_may() -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Hanging(Scripted):
        def accept(self, timeout: float) -> Any:
            inside.set()
            go_on.wait(within(20))
            return None

    acceptor = AcceptorThread(Hanging(), lambda link: None, LimitedLog(time.monotonic))
    acceptor.start()
    assert inside.wait(within(10))
    acceptor.close()
    began = time.monotonic()
    acceptor.join(0.01)
    assert time.monotonic() - began < within(5)
    assert acceptor._thread.is_alive()
    go_on.set()
    acceptor.join(within(10))
    assert not acceptor._thread.is_alive()


def test_a_link_may_close_its_acceptor_and_wait_for_the_end() -> None:
    ended = threading.Event()

    def stop(link: Any) -> None:
        acceptor.close()
        acceptor.join(LONG)  # its own thread: it does not wait for itself
        ended.set()

    acceptor = AcceptorThread(Scripted(1), stop, LimitedLog(time.monotonic))
    acceptor.start()
    assert ended.wait(within(10))
    acceptor.join(within(10))
    assert not acceptor._thread.is_alive()
