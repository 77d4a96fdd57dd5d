"""The reading thread from its start to its end, and what may be asked of it from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sig_core.errors import LinkClosed, LinkLost
from sig_core.io.client.reader import Reader
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.session.base import State
from sig_core.session.binary.reports import Closed
from sig_core.testing import begin, eventually
from tests.io.client.fakes import LONG, Parts, Patient, answer, asking, events, future
from tests.support import nothing_left_behind
from tests.support.held import held_elsewhere

__all__ = ["nothing_left_behind"]


class Desk(Parts):
    """A reader whose thread runs; what the test plays is under it."""

    def __init__(self, **limits: Any) -> None:
        super().__init__(**limits)
        self.writer.reading_thread = 0
        self.reader = Reader(self.session, self.link, self.writer, self.sink, self.limits, self.clock)

    def run(self) -> list[Any]:
        """Let it read to the end; give what came of it."""
        self.reader.start()
        self.reader.join(LONG)
        assert not self.reader._thread.is_alive()
        return self.sink.got


def hold(entered: threading.Event, release: threading.Event) -> Callable[[], None]:
    """Make what says that it was entered, and waits to be released."""

    def held() -> None:
        entered.set()
        assert release.wait(LONG)

    return held


def test_what_comes_runs_in_order_to_the_end() -> None:
    desk, waiter, made = Desk(), PendingReply(), future()
    closed = Closed(LinkLost("gone"))
    desk.comes(b"1", events(b"1"), asking(10), answer(made, 5))
    desk.comes(b"2", events(b"2"))
    desk.link.script.append(EOFError())
    desk.session.open += [answer(waiter, error=LinkLost("told")), closed]
    assert desk.run() == [b"1", 10, b"2", closed]
    assert made.result() == 5
    assert isinstance(waiter.error, LinkLost)
    assert desk.writer.stopped and desk.link.closed.is_set()


def test_callbacks_run_on_the_reading_thread_and_answers_of_futures_come_first() -> None:
    desk, made = Desk(), future()
    seen: list[Any] = []
    made.add_done_callback(lambda done: seen.append(("future", desk.reader.is_current())))
    desk.sink.does = lambda got: seen.append((got, desk.reader.is_current()))
    desk.comes(b"1", events(b"1"), answer(made, 5))
    desk.link.script.append(EOFError())
    desk.run()
    assert seen == [("future", True), (b"1", True)]
    assert not desk.reader.is_current()


def test_the_time_that_callbacks_take_is_not_silence_of_the_peer() -> None:
    desk = Desk(keepalive=1.0)
    desk.sink.does = lambda got: desk.clock.advance(60.0)
    desk.comes(b"1", events(b"1"))
    desk.link.script += [lambda: None, EOFError()]
    desk.run()
    assert str(desk.session.error) == "the end"


def test_what_a_callback_brings_about_at_the_end_still_runs() -> None:
    desk = Desk()
    closed = Closed(LinkLost("gone"))
    desk.sink.does = lambda got: desk.reader.take([events(b"late")]) if got is closed else None
    desk.session.open.append(closed)
    desk.link.script.append(EOFError())
    assert desk.run() == [closed, b"late"]


def test_at_the_end_it_waits_for_a_thread_that_has_not_passed_on_yet_what_it_read() -> None:
    desk, waiter = Desk(), PendingReply()
    entered, release = threading.Event(), threading.Event()
    held = hold(entered, release)

    def receive_data(data: bytes, now: float) -> list[Any]:
        desk.session.fail(LinkLost("found in these bytes"))
        held()
        return [events(b"before the end"), answer(waiter, 5)]

    desk.session.receive_data = receive_data
    desk.link.script.append(b"x")
    waiting = begin(desk.reader.wait, waiter, LONG)
    assert entered.wait(LONG)
    desk.reader.start()
    eventually(lambda: desk.writer.reading_thread)
    assert desk.reader._thread.is_alive()
    release.set()
    waiting.result(LONG)
    desk.reader.join(LONG)
    assert desk.sink.got == [b"before the end"]


def test_after_our_goodbye_it_reads_until_the_peer_ends() -> None:
    desk = Desk()
    desk.reader.leave(2.0)
    desk.session.fail(LinkClosed("goodbye"))
    desk.link.script += [b"unread", b"", b"more", EOFError(), b"never"]
    assert desk.run() == []
    assert desk.link.reads == 4
    assert desk.link.closed.is_set()
    assert desk.clock.now == 100.0


def test_but_not_for_longer_than_it_may() -> None:
    desk = Desk()
    desk.reader.leave(2.0)
    desk.session.fail(LinkClosed("goodbye"))
    desk.run()
    assert desk.clock.now == 102.0
    assert desk.link.closed.is_set()


def test_who_does_not_leave_does_not_hear_the_peer_out() -> None:
    desk = Desk()
    desk.session.fail(LinkLost("gone"))
    desk.link.script.append(b"never")
    desk.run()
    assert desk.link.reads == 0


def test_a_cut_ends_hearing_out_and_the_link_is_closed_once() -> None:
    desk = Desk()
    entered, release = threading.Event(), threading.Event()
    held = hold(entered, release)
    desk.link.script.append(lambda: held())
    desk.reader.leave(LONG)
    desk.session.fail(LinkClosed("goodbye"))
    closes: list[None] = []
    close = desk.link.close
    desk.link.close = lambda: (closes.append(None), close())[1]  # type: ignore[method-assign]
    desk.reader.start()
    assert entered.wait(LONG)
    desk.reader.cut()
    release.set()
    desk.reader.join(LONG)
    assert (desk.link.reads, len(closes)) == (1, 1)


def test_a_cut_wakes_the_thread_that_stands_by() -> None:
    desk = Desk()
    news = desk.reader.role.news = Patient()
    with held_elsewhere(desk.reader.role.lock):
        desk.reader.role._is_held = True
        desk.reader.start()
        eventually(lambda: desk.reader.role._standing_by)
        desk.session.fail(LinkLost("gone"))
        desk.reader.cut()
    desk.reader.join(LONG)
    assert not desk.reader._thread.is_alive()
    assert news.woken == [True]


def test_who_waits_is_told_of_the_end_although_a_callback_keeps_the_thread() -> None:
    desk, waiter = Desk(), PendingReply()
    entered, release = threading.Event(), threading.Event()
    held = hold(entered, release)
    desk.sink.does = lambda got: held()
    desk.comes(b"1", events(b"1"))
    desk.reader.start()
    assert entered.wait(LONG)
    desk.session.open.append(answer(waiter, error=LinkLost("told")))
    desk.session.fail(LinkLost("gone"))
    desk.reader.tell_the_end()
    assert waiter.done
    release.set()
    desk.reader.join(LONG)


def test_settle_waits_for_a_request_that_runs() -> None:
    desk = Desk()
    entered, release = threading.Event(), threading.Event()
    held = hold(entered, release)
    desk.sink.does = lambda got: held()
    desk.comes(b"1", asking(10))
    desk.link.script.append(EOFError())
    desk.reader.start()
    assert entered.wait(LONG)
    assert not desk.reader.settle(0)
    settling = begin(desk.reader.settle, LONG)
    release.set()
    assert settling.result(LONG)
    desk.reader.join(LONG)
    assert desk.session.state is State.CLOSED


def test_a_join_on_the_thread_itself_does_not_wait() -> None:
    desk = Desk()
    desk.sink.does = lambda got: desk.reader.join(LONG)
    desk.comes(b"1", events(b"1"))
    desk.link.script.append(EOFError())
    assert desk.run() == [b"1"]
    desk.reader.join(LONG)  # one that has ended
