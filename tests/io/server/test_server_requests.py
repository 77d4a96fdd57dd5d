"""Requests of a server's own program: answers, failures, and deadlines by a clock that the test turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sig_core.errors import EncodeError, RemoteError, RequestTimeout, UnknownMethod, UnknownSender
from sig_core.io.server.threaded_port import ThreadedPort
from sig_core.io.server.threaded_requests import SPARE, ThreadedRequests
from sig_core.routing.ports import RequestBatch
from sig_core.testing import eventually, within
from tests.support.sessions import PLUGINS, Link, Net


class Program:
    """A server's own program beside a client that has a sender."""

    def __init__(self) -> None:
        self.net = Net()
        self.lock = threading.Lock()
        self.jobs: list[Callable[[], None]] = []
        self.port = ThreadedPort(
            *(PLUGINS.codecs.get, self.net.limits, self.lock, self.net.exchange.flow_control),
            lambda sender, event: (),
            self._answer,
            lambda *failed: None,
        )
        self.net.exchange.join(self.port, own=True)
        self.requests = ThreadedRequests(self.net.exchange, self.port, self.lock, PLUGINS, self.clock)
        self.client: Link = self.net.connect()
        self.client.add_sender("s", [], ["m"])

    def clock(self) -> float:
        return self.net.now

    def _answer(self, token: int, batch: RequestBatch, params: bytes) -> None:
        self.jobs.pop(0)()

    def serve(self, handler: Callable[[str, Any], Any] = lambda method, params: [method, params]) -> int:
        """Let the client answer what has come; give how much that was."""
        self.net.pump()
        return len(self.client.serve(handler))

    def open(self) -> int:
        """Requests that the exchange has open."""
        return len(self.net.exchange.requests)

    def expire(self, seconds: float) -> None:
        """Turn the clock, and look what is due."""
        self.net.now += seconds
        with self.lock:
            self.requests.expire(self.net.now)


@pytest.fixture
def program() -> Iterator[Program]:
    made = Program()
    yield made
    for dispatcher in (made.port.dispatcher, made.port.answers):
        dispatcher.stop(within(5))


def refuse(method: str, params: Any) -> Any:
    raise RemoteError("ValueError", "not this one")


# -- asynchronous


def test_an_answer_settles_the_future_on_a_thread_of_the_router(program: Program) -> None:
    future = program.requests.ask_async("s", "m", {"a": 1}, 5.0)
    threads: list[str] = []
    future.add_done_callback(lambda settled: threads.append(threading.current_thread().name))
    assert not future.done() and program.serve() == 1
    assert future.result(within(10)) == ["m", {"a": 1}]
    eventually(lambda: threads == ["sig-answers"])
    assert program.open() == 0


def test_a_failure_settles_it_too(program: Program) -> None:
    future = program.requests.ask_async("s", "m", None, 5.0)
    program.serve(refuse)
    with pytest.raises(RemoteError, match="not this one"):
        future.result(within(10))


def test_who_is_not_there_is_an_error_of_the_call(program: Program) -> None:
    with pytest.raises(UnknownSender, match="'nobody' is not connected"):
        program.requests.ask_async("nobody", "m", None, 5.0)
    assert program.open() == 0


def test_what_it_does_not_answer_fails_the_future(program: Program) -> None:
    future = program.requests.ask_async("s", "other", None, 5.0)
    with pytest.raises(UnknownMethod, match="answers no request 'other'"):
        future.result(within(10))


def test_what_can_not_be_encoded_is_an_error_of_the_call_and_nothing_is_sent(program: Program) -> None:
    with pytest.raises(EncodeError, match="request 'm' to sender 's'"):
        program.requests.ask_async("s", "m", object(), 5.0)
    assert (program.open(), program.serve()) == (0, 0)


def test_an_owner_that_leaves_fails_what_is_open(program: Program) -> None:
    future = program.requests.ask_async("s", "m", None, 5.0)
    program.client.lose()
    with pytest.raises(Exception, match="was lost while the request was open"):
        future.result(within(10))


def test_nothing_fails_before_its_time_and_everything_then(program: Program) -> None:
    late = program.requests.ask_async("s", "m", 1, 5.0)
    soon = program.requests.ask_async("s", "m", 2, 2.0)
    program.expire(1.999)
    assert program.open() == 2
    program.expire(0.001)
    with pytest.raises(RequestTimeout, match="request 'm' to sender 's': no answer within 2 s"):
        soon.result(within(10))
    assert (program.open(), late.done()) == (1, False)
    program.expire(10.0)
    with pytest.raises(RequestTimeout, match="within 5 s"):
        late.result(within(10))
    assert program.open() == 0


def test_an_answer_that_is_late_changes_nothing(program: Program) -> None:
    future = program.requests.ask_async("s", "m", 1, 2.0)
    program.expire(2.0)
    assert program.serve() == 1
    with pytest.raises(RequestTimeout):
        future.result(within(10))
    assert program.client.server.unmatched_replies == 1


def test_an_answer_in_time_is_not_overtaken_by_its_deadline(program: Program) -> None:
    future = program.requests.ask_async("s", "m", 1, 2.0)
    program.serve()
    program.expire(100.0)
    assert future.result(within(10)) == ["m", 1]


def test_deadlines_of_what_was_answered_are_not_kept_for_ever(program: Program) -> None:
    waiting = program.requests.ask_async("s", "m", "waiting", 1e6)
    program.net.pump()
    (token,) = program.client.asked()
    for _ in range(SPARE + 10):
        program.requests.ask_async("s", "m", None, 1e6)
        program.serve()
    program.expire(0.0)
    assert len(program.requests._deadlines) == program.open() == 1
    program.client.client.reply(token.ident, token.route, "at last")
    program.net.pump()
    assert waiting.result(within(10)) == "at last"


# -- blocking


def in_thread(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start a call; give its thread, and a list that gets the result or error."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(function())
        except Exception as error:
            came.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, came


def test_a_blocking_call_returns_the_answer(program: Program) -> None:
    thread, came = in_thread(lambda: program.requests.ask("s", "m", [1], within(20)))
    eventually(lambda: program.open() == 1)
    program.serve()
    thread.join(within(10))
    assert came == [["m", [1]]]


def test_a_blocking_call_raises_what_the_answer_says(program: Program) -> None:
    thread, came = in_thread(lambda: program.requests.ask("s", "m", [1], within(20)))
    eventually(lambda: program.open() == 1)
    program.serve(refuse)
    thread.join(within(10))
    assert [str(error) for error in came] == ["ValueError: not this one"]


def test_a_blocking_call_ends_when_its_time_is_over_and_asks_no_more(program: Program) -> None:
    with pytest.raises(RequestTimeout, match=r"no answer within 0\.001 s"):
        program.requests.ask("s", "m", None, 0.001)
    assert program.open() == 0


def test_a_call_in_a_handler_lets_the_other_handlers_run(program: Program) -> None:
    """The handler of "outer" waits for an answer that only comes after the handler of "inner" has run."""
    came: list[Any] = []
    inner = threading.Event()

    def ask() -> None:
        came.append(program.requests.ask("s", "m", None, within(20)))

    program.jobs += [ask, inner.set]
    with program.lock:
        for method in ("outer", "inner"):
            batch = RequestBatch(1, "own", method, "json", {1: bytes([len(method)]) + method.encode()})
            assert program.port.request(batch) == []
    assert inner.wait(within(10)) and came == []
    eventually(lambda: program.open() == 1)
    program.serve()
    eventually(lambda: came == [["m", None]])
