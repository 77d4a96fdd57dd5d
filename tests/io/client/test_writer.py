"""What a writer sends at once and what it lets gather, what it does with what a link does not take, and its thread."""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sig_core.contract import LinkTraits
from sig_core.errors import LinkLost, SigError
from sig_core.io.client import writer as module
from sig_core.io.client.writer import (
    HIGH_WATER,
    HOT_GAP,
    LINGER,
    MAX_BATCH,
    MAX_BURST,
    MIN_WAIT,
    Writer,
    wait_ready,
)
from sig_core.links.sockets import SocketLink
from sig_core.session.binary.gate import FRAMES
from sig_core.testing import FakeClock, begin, eventually
from tests.support import within

LONG = within(10.0)


class Link:
    """A link that can be polled. It takes all that it is given, unless the test says otherwise.

    Attributes:
        takes: of the next sends: the bytes that they take, or what they raise; then everything.
        sent: what was taken.
    """

    peer, traits, wants_write = "test://peer", LinkTraits(packets=False, reliable=True), False

    def __init__(self) -> None:
        self.takes: deque[int | Exception | Callable[[], int]] = deque()
        self.sent: list[bytes] = []

    def send_some(self, data: bytes | memoryview) -> int:
        step: Any = self.takes.popleft() if self.takes else len(data)
        if isinstance(step, Exception):
            raise step
        count: int = step() if callable(step) else step
        if count:
            self.sent.append(bytes(data[:count]))
        return count

    def recv_into(self, buffer: memoryview) -> int:
        raise BlockingIOError

    def fileno(self) -> int:
        raise OSError("no descriptor")  # so `wait_ready` returns at once

    def send(self, data: bytes) -> None: ...
    def receive(self, timeout: float) -> bytes | None: ...
    def close(self) -> None: ...


class PlainLink:
    """A link that can't be polled, whose send takes all."""

    peer, traits = "test://plain", LinkTraits(packets=False, reliable=True)

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def receive(self, timeout: float) -> bytes | None: ...
    def close(self) -> None: ...


class Desk:
    """A writer whose time stands still; its thread does not run unless it is started."""

    def __init__(self, link: Any = None) -> None:
        self.clock = FakeClock(100.0)
        self.link = link or Link()
        self.noted = 0
        self.session: Any = SimpleNamespace(out=[], sent=self._sent)
        self.ticks: deque[Callable[[], float]] = deque()
        self.ticked: list[float] = []
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None
        self.errors: list[SigError] = []
        self.rooms = 0
        self.writer = Writer(
            self.session,
            self.link,
            self._tick,
            self.errors.append,
            self._make_room,
            clock=self.clock,
            fine_clock=self.clock,
            sleep=self._sleep,
        )

    def _sent(self, count: int, now: float) -> None:
        self.noted += count

    def _tick(self, now: float) -> float:
        self.ticked.append(now)
        if self.ticks:
            return self.ticks.popleft()()
        self.writer.stop()
        return 1.0

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)
        self.on_sleep()

    def _make_room(self) -> None:
        self.rooms += 1

    def queue(self, *data: bytes) -> None:
        self.session.out.extend(data)

    def fire(self, size: int = 10) -> None:
        self.queue(bytes(size))
        self.writer.added(size)


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- at once, or gathered


def test_events_with_time_between_them_are_sent_at_once(desk: Desk) -> None:
    for sent in range(1, 20):
        desk.fire()
        assert len(desk.link.sent) == sent
        desk.clock.advance(1.01 * HOT_GAP)
    assert not desk.writer.gathers
    assert desk.noted == 19 * 10


def test_a_short_burst_is_sent_at_once_and_what_follows_gathers(desk: Desk) -> None:
    for sent in range(1, MAX_BURST + 2):
        desk.fire()
        assert len(desk.link.sent) == sent
    desk.fire()
    assert desk.writer.gathers
    desk.fire()
    assert len(desk.link.sent) == MAX_BURST + 1
    desk.writer.flush()
    assert desk.link.sent[-1] == bytes(20)


def test_bursts_with_time_between_them_do_not_gather(desk: Desk) -> None:
    for _ in range(20):
        for _ in range(MAX_BURST + 1):
            desk.fire()
        desk.clock.advance(1.01 * HOT_GAP)
    assert len(desk.link.sent) == 20 * (MAX_BURST + 1)
    assert not desk.writer.gathers


@pytest.mark.parametrize(("size", "events"), [(10, FRAMES), (MAX_BATCH // 8, 8)])
def test_who_gathered_enough_sends_it(desk: Desk, size: int, events: int) -> None:
    desk.writer.gathers = True
    for number in range(events):
        assert not desk.link.sent, number
        desk.fire(size)
    assert desk.link.sent == [bytes(size * events)]


def test_a_big_event_is_sent_at_once(desk: Desk) -> None:
    desk.writer.gathers = True
    desk.fire()
    desk.fire(MAX_BATCH)
    assert desk.link.sent == [bytes(10 + MAX_BATCH)]


def test_a_request_is_sent_at_once_with_all_that_gathered(desk: Desk) -> None:
    desk.writer.gathers = True
    desk.fire()
    desk.queue(b"request")
    desk.writer.asked(7, 105.0)
    assert desk.link.sent == [bytes(10) + b"request"]


def test_requests_of_callbacks_may_gather(desk: Desk) -> None:
    desk.writer.reading_thread = threading.get_ident()
    desk.writer.gathers = True
    desk.queue(b"request")
    desk.writer.asked(7, 105.0)
    assert desk.link.sent == []


# -- what a link does not take


def test_a_thread_that_flushes_waits_until_the_link_has_taken_all(desk: Desk) -> None:
    desk.link.takes += [4, 0, 3]
    desk.queue(b"0123456789")
    desk.writer.flush()
    assert desk.link.sent == [b"0123", b"456", b"789"]
    assert desk.noted == 10
    assert not desk.writer.full


def test_it_goes_on_with_what_came_meanwhile(desk: Desk) -> None:
    desk.link.takes.append(lambda: (desk.queue(b"second"), 5)[1])
    desk.queue(b"first")
    desk.writer.flush()
    assert desk.link.sent == [b"first", b"second"]


def test_the_reading_thread_sends_what_can_go_and_leaves_the_rest(desk: Desk) -> None:
    desk.writer.reading_thread = threading.get_ident()
    desk.link.takes += [4, 0]
    desk.queue(b"0123456789")
    desk.writer.flush()
    assert desk.link.sent == [b"0123"]
    assert desk.writer._wake.wait(0)  # the writer's thread is to do the rest
    desk.writer.push()
    assert desk.link.sent == [b"0123"]
    assert desk.writer._wake.wait(0)
    desk.queue(b"later")
    desk.writer.push()
    assert desk.link.sent == [b"0123", b"456789", b"later"]
    assert not desk.writer._wake.wait(0)


def test_the_reading_thread_does_not_wait_for_a_thread_that_sends(desk: Desk) -> None:
    desk.queue(b"x")
    with desk.writer._lock:
        desk.writer.push()
    assert desk.link.sent == []
    assert desk.writer._wake.wait(0)


def test_it_is_full_while_too_much_waits(desk: Desk) -> None:
    desk.writer.reading_thread = threading.get_ident()
    desk.link.takes += [1, 0, 0, 0]
    desk.fire(HIGH_WATER)
    assert not desk.writer.full
    desk.fire(2)
    assert desk.writer.full
    desk.link.takes.clear()
    desk.writer.push()
    assert not desk.writer.full


def test_who_makes_room(desk: Desk) -> None:
    desk.queue(b"x")
    desk.writer.make_room()
    assert (desk.link.sent, desk.rooms) == ([b"x"], 0)  # any thread: it sends, and waits if it must
    desk.writer.reading_thread = threading.get_ident()
    desk.writer.make_room()
    assert desk.rooms == 1  # the reading thread: it reads on


def test_a_link_that_can_t_be_polled_is_left_to_the_writer_s_thread_by_the_reading_one() -> None:
    link = PlainLink()
    desk = Desk(link)
    desk.queue(b"a", b"b")
    desk.writer.push()
    assert link.sent == []
    assert desk.writer._wake.wait(0)
    desk.writer.flush()
    assert link.sent == [b"ab"]
    assert desk.noted == 2


# -- a link that breaks


def test_a_link_that_breaks_is_told_once_and_nothing_more_is_sent(desk: Desk) -> None:
    desk.link.takes += [3, OSError(32, "broken pipe")]
    desk.queue(b"0123456789")
    desk.writer.flush()
    (error,) = desk.errors
    assert isinstance(error, LinkLost)
    assert str(error) == "test://peer: the link broke: broken pipe"
    desk.fire()
    desk.writer.push()
    desk.writer.finish(LONG)
    assert desk.link.sent == [b"012"]
    assert len(desk.errors) == 1


# -- the end


def test_finish_sends_what_waits(desk: Desk) -> None:
    desk.link.takes += [4, 0, 0]
    desk.queue(b"0123456789")
    desk.writer.finish(LONG)
    assert desk.link.sent == [b"0123", b"456789"]


def test_finish_gives_up_when_its_time_is_over(desk: Desk) -> None:
    def nothing() -> int:
        desk.clock.advance(0.5)
        return 0

    desk.link.takes += [nothing] * 10
    desk.queue(b"x")
    desk.writer.finish(2.0)
    assert desk.clock.now == 102.0
    assert desk.link.sent == []


def test_finish_does_not_wait_for_ever_for_a_thread_that_sends(desk: Desk) -> None:
    class Held:
        def acquire(self, timeout: float) -> bool:
            desk.clock.advance(timeout)
            return False

        def is_mine(self) -> bool:
            return False

    desk.writer._lock = Held()  # type: ignore[assignment]
    desk.queue(b"x")
    desk.writer.finish(1.0)
    assert desk.clock.now == 101.0


def test_finish_leaves_a_link_that_can_t_be_polled_to_the_writer_s_thread() -> None:
    link = PlainLink()
    desk = Desk(link)
    desk.queue(b"x")
    desk.on_sleep = lambda: desk.writer.flush() if len(desk.slept) == 3 else None
    desk.writer.finish(LONG)
    assert link.sent == [b"x"]
    assert desk.slept == [LINGER] * 3
    assert desk.writer._wake.wait(0)


def test_nothing_is_sent_after_a_stop(desk: Desk) -> None:
    desk.writer.stop()
    desk.fire()
    desk.writer.finish(LONG)
    assert desk.link.sent == []


# -- its thread


def test_its_thread_sends_what_waits_then_ticks(desk: Desk) -> None:
    desk.queue(b"x")
    desk.writer._run()
    assert desk.link.sent == [b"x"]
    assert desk.ticked == [100.0]
    assert desk.writer.next_tick == 101.0


def test_a_tick_comes_when_it_is_due_but_not_all_the_time(desk: Desk) -> None:
    waits: list[float] = []

    class Wake:
        def wait(self, timeout: float) -> None:
            waits.append(timeout)

        def set(self) -> None: ...

    desk.writer._wake = Wake()  # type: ignore[assignment]
    desk.ticks += [lambda: 3.0, lambda: -1.0]
    desk.writer._run()
    assert waits == [0.0, 3.0, MIN_WAIT]


def test_due_brings_the_next_tick_forward_and_never_puts_it_off(desk: Desk) -> None:
    desk.writer.next_tick = 103.0
    desk.writer.due(104.0)
    assert desk.writer.next_tick == 103.0
    assert not desk.writer._wake.wait(0)
    desk.writer.due(102.0)
    assert desk.writer.next_tick == 102.0
    assert desk.writer._wake.wait(0)


def test_a_request_brings_the_tick_forward_at_which_its_answer_is_late(desk: Desk) -> None:
    desk.writer.next_tick = 103.0
    desk.writer.asked(7, 105.0)
    assert desk.writer.next_tick == 103.0
    desk.writer.asked(7, 101.0)
    assert desk.writer.next_tick == 101.0
    assert desk.writer._wake.wait(0)


def test_what_gathered_is_sent_when_nobody_else_did(desk: Desk) -> None:
    desk.writer.next_tick = 200.0
    desk.queue(b"x")
    desk.writer.gather()
    desk.writer._run()
    assert desk.slept == [LINGER]
    assert desk.link.sent == [b"x"]
    assert not desk.writer.gathers


def test_who_gathers_may_allow_a_longer_time(desk: Desk) -> None:
    desk.writer.next_tick = 200.0
    desk.writer.gather(0.001)
    desk.writer.gather(5.0)  # what gathers already is not put off
    desk.writer._run()
    assert desk.slept == [0.001]


def test_while_others_send_by_themselves_it_only_watches(desk: Desk) -> None:
    desk.writer.next_tick = 200.0
    desk.writer.gather()

    def send() -> None:
        if len(desk.slept) < 4:
            desk.queue(b"batch")
            desk.writer.flush()
        desk.clock.advance(1e-6)

    desk.on_sleep = send
    desk.writer._run()
    assert desk.slept == [LINGER] * 4
    assert desk.link.sent == [b"batch"] * 3


def test_but_ticks_come_in_time(desk: Desk) -> None:
    desk.writer.next_tick = 100.0 + 2.5 * LINGER
    desk.writer.gather()
    desk.on_sleep = lambda: (desk.queue(b"batch"), desk.writer.flush())[1]
    desk.writer._run()
    assert desk.slept == [LINGER] * 3
    assert len(desk.ticked) == 1


def test_it_sends_the_rest_when_the_link_takes_more(desk: Desk) -> None:
    desk.link.takes += [4, 0]
    desk.ticks += [lambda: 10 * LONG] * 2
    desk.queue(b"0123456789")
    begin(desk.writer._run).result(LONG)  # it does not wait for the next tick: a rest wakes it anew
    assert b"".join(desk.link.sent) == b"0123456789"


def test_a_wake_has_it_send_and_tick(desk: Desk) -> None:
    desk.ticks += [lambda: 10 * LONG] * 2
    desk.writer.start()
    eventually(lambda: desk.ticked)
    desk.queue(b"x")
    desk.writer.wake()
    eventually(lambda: desk.link.sent == [b"x"] and len(desk.ticked) == 2)
    desk.writer.wake()
    desk.writer.join(LONG)
    assert not desk.writer._thread.is_alive()


def test_a_stop_ends_a_thread_that_waits_for_room(desk: Desk) -> None:
    stop = desk.writer.stop
    desk.link.takes += [0, lambda: (stop(), 0)[1]]
    desk.queue(b"x")
    begin(desk.writer.flush).result(LONG)
    assert desk.link.sent == []


# -- whether a link is ready


class Pipe:
    """The reading end of a pipe, or the writing one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("polls", [True, False])
def test_whether_a_link_is_ready(pipe: tuple[int, int], polls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not polls:
        monkeypatch.setattr(module, "select", SimpleNamespace(select=module.select.select))
    reading, writing = pipe
    assert not wait_ready(Pipe(reading), 0)
    assert wait_ready(Pipe(writing), 0, writing=True)
    os.write(writing, b"x")
    assert wait_ready(Pipe(reading), 0)


def test_a_link_that_was_closed_meanwhile_says_so_itself() -> None:
    assert wait_ready(Link(), LONG)


def test_a_link_whose_socket_is_no_plain_one_does_not_say_how_much_left() -> None:
    class Wrapped:
        """As TLS: several steps for each send."""

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock

        def __getattr__(self, name: str) -> Any:
            return getattr(self.sock, name)

        def send(self, data: bytes, flags: int) -> int:
            return self.sock.send(data, flags)

    ends = socket.socketpair()
    plain, wrapped = SocketLink(ends[0], "plain"), SocketLink(Wrapped(ends[1]), "wrapped")  # type: ignore[arg-type]
    assert module.counted(plain) is plain
    assert module.counted(wrapped) is None
    for link in (plain, wrapped):
        link.close()
