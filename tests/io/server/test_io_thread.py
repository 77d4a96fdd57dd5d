"""The I/O thread: who is watched may fail, and the next who has something for it is heard all the same."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from sig_core.errors import LimitError
from sig_core.io.server import loop as loops
from sig_core.io.server.io_thread import IoThread
from sig_core.io.server.poller import READ
from sig_core.session.fair_shares import FIRST, LEVELS, NEXT, PROOF
from sig_core.testing import eventually, within


@pytest.fixture
def loop() -> Iterator[IoThread]:
    made = IoThread(lambda: None, lambda now: 3600.0, "sig-io")
    made.start()
    yield made
    made.stop()


class Fragile:
    """Fails whenever it is ready, after it has read what was there."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.peer = sock, "fragile"
        self.failed = 0

    def fileno(self) -> int:
        return self.sock.fileno()

    def ready(self, events: int) -> None:
        self.sock.recv(100)
        self.failed += 1
        raise ZeroDivisionError("mine")


def test_a_turn_that_fails_is_told_and_takes_nothing_along(loop: IoThread, caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fragile = Fragile(ours)
        loop.post(lambda: loop.watch(fragile, READ))
        for number in range(1, 4):
            theirs.send(b"x")
            eventually(lambda: fragile.failed == number)  # noqa: B023 - it is over before the next
            eventually(lambda: not loop.has_turn_ahead)  # else who has something for it would wait for a turn in vain
            done = threading.Event()
            loop.post(done.set)
            assert done.wait(within(10))
        assert caplog.text.count("ZeroDivisionError: mine") == 3


class Ticking:
    """A loop whose clock the test turns, and the times at which it ticked."""

    def __init__(self, wait: float = 10.0) -> None:
        self.now = 100.0
        self.ticks: list[float] = []
        self.fails = False
        self.wait = wait
        self.loop = IoThread(lambda: None, self._tick, "sig-io", lambda: self.now)
        self.loop.start()
        self.settled()

    def _tick(self, now: float) -> float:
        self.ticks.append(now)
        if self.fails:
            raise ZeroDivisionError("mine")
        return self.wait

    def settled(self) -> list[float]:
        """Wait until the thread has taken a whole turn; give the ticks so far."""
        for _ in range(2):
            done = threading.Event()
            self.loop.post(done.set)
            assert done.wait(within(10))
        return self.ticks


@pytest.fixture
def ticking() -> Iterator[Ticking]:
    made = Ticking()
    yield made
    made.loop.stop()


def test_it_ticks_when_the_clock_says_so_and_not_before(ticking: Ticking) -> None:
    assert ticking.ticks == [100.0]
    ticking.now = 109.9
    assert ticking.settled() == [100.0]
    ticking.now = 110.0
    assert ticking.settled() == [100.0, 110.0]


def test_who_needs_a_tick_sooner_gets_it(ticking: Ticking) -> None:
    ticking.loop.tick_at(105.0)
    ticking.loop.tick_at(107.0)
    ticking.now = 105.0
    assert ticking.settled() == [100.0, 105.0]
    ticking.now = 107.0
    assert ticking.settled() == [100.0, 105.0], "at each tick all is looked at, so nobody's time is kept beyond it"
    ticking.loop.tick_soon()
    assert ticking.settled() == [100.0, 105.0, 107.0]


def test_a_tick_that_fails_is_told_and_the_next_one_comes(ticking: Ticking, caplog: pytest.LogCaptureFixture) -> None:
    ticking.fails = True
    ticking.now = 110.0
    ticking.settled()
    assert "sig-io: a tick failed" in caplog.text and "ZeroDivisionError: mine" in caplog.text
    ticking.fails = False
    ticking.now = 110.25
    assert ticking.settled() == [100.0, 110.0, 110.25]


def test_later_calls_come_in_their_time_on_the_thread() -> None:
    ticking = Ticking()
    called: list[tuple[str, bool]] = []

    def call(name: str) -> None:
        called.append((name, ticking.loop.is_current()))

    for seconds, name in ((0.5, "second"), (0.1, "first"), (3600.0, "never")):
        ticking.loop.run_later(seconds, partial(call, name))
    ticking.settled()
    assert called == []
    ticking.now += 0.2
    ticking.settled()
    assert called == [("first", True)]
    ticking.now += 0.4
    ticking.settled()
    assert called == [("first", True), ("second", True)]
    ticking.loop.stop()


def test_a_later_call_wakes_the_thread_in_time(loop: IoThread) -> None:
    done = threading.Event()
    loop.run_later(0.01, done.set)
    assert done.wait(within(10))


class Costly:
    """Is ready always, and takes so much time; what it takes is told by the clock of the test."""

    def __init__(self, crowd: Crowd, descriptor: int, seconds: float) -> None:
        self.crowd, self.descriptor, self.seconds, self.peer = crowd, descriptor, seconds, f"tcp://a:{descriptor}"

    def fileno(self) -> int:
        return self.descriptor

    def ready(self, events: int) -> None:
        self.crowd.served.append(self.descriptor)
        self.crowd.now += self.seconds


class Crowd:
    """Many who are ready, and a loop that serves them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *seconds: float) -> None:
        self.now = 100.0
        self.served: list[int] = []
        self.loop = IoThread(lambda: None, lambda now: 3600.0, "sig-io", lambda: self.now)
        self.watched = [Costly(self, number, each) for number, each in enumerate(seconds)]
        monkeypatch.setattr(loops.time, "thread_time", lambda: self.now)

    def turn(self) -> list[int]:
        """Give who is served in one turn."""
        self.served.clear()
        self.loop._serve_many([(each, READ) for each in self.watched])
        return list(self.served)


def test_who_took_little_is_served_before_who_took_much(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch, *[0.004] * 30, 0.0001)
    for _ in range(LEVELS * PROOF):  # until then nobody is known
        while 30 not in crowd.turn():
            pass
    for _ in range(40):
        began = crowd.now
        assert crowd.turn()[0] == 30
        assert crowd.now - began < NEXT + 0.005, "then comes another poll"


def test_also_those_who_took_little_are_not_served_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch, *[0.001] * 200)
    seen = Counter(number for _ in range(LEVELS * PROOF * 40) for number in crowd.turn())
    assert len(seen) == 200, "nobody is left out"
    assert not crowd.loop.shares.unproved
    for _ in range(40):
        began = crowd.now
        assert len(set(crowd.turn())) > 10
        assert crowd.now - began < FIRST + 0.005


def test_who_is_there_when_many_come_has_proved_that_it_takes_little(loop: IoThread) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        served = threading.Semaphore(0)

        class Short:
            peer = "tcp://a:1"

            def fileno(self) -> int:
                return ours.fileno()

            def ready(self, events: int) -> None:
                ours.recv(1)
                served.release()

        loop.shares.come("tcp://a:1", 0.0)
        loop.post(lambda: loop.watch(Short(), READ))
        for _ in range(50 * LEVELS * PROOF):  # a turn may be long by chance
            theirs.send(b"x")
            assert served.acquire(timeout=within(10))
            if not loop.shares.unproved:
                break
        assert not loop.shares.unproved


def test_those_who_take_much_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch, *[0.004] * 30)
    for _ in range(30):  # until it is known of all
        crowd.turn()
    served = Counter(number for _ in range(30) for number in crowd.turn())
    assert len(served) == 30
    assert max(served.values()) - min(served.values()) <= 1


def test_who_holds_too_much_gives_way_before_the_next_one_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(monkeypatch, *[0.0001] * 30)
    between: list[int] = []
    crowd.loop.between = lambda: between.append(len(crowd.served))
    assert len(crowd.turn()) == 30 and between == list(range(1, 31))


def test_without_descriptors_the_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> None:
        raise OSError(24, "Too many open files")

    made = IoThread(lambda: None, lambda now: 3600.0, "sig-io")
    monkeypatch.setattr(socket, "socketpair", none_left)
    with pytest.raises(LimitError, match=r"^thread 'sig-io': .*Too many open files: end links .*ulimit -n"):
        made.start()
    made.stop()
