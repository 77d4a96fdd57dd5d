"""The port of the server's own program: what its listeners hear, what is lost, and what waits; no clock is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sig_core
from sig_core.errors import Busy, DecodeError
from sig_core.io.server.threaded_port import ThreadedPort
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import event_frame
from sig_core.routing.flow_control import FlowControl
from sig_core.routing.ports import RequestBatch, Run
from tests.support import eventually, within

EVENTS = 400
PAYLOAD = b'"0123456789"'


class Feeder:
    held = False

    def set_reading_paused(self, on: bool) -> None:
        self.reading_paused = on


class Gate:
    """A listener that lets one event through at a time."""

    def __init__(self) -> None:
        self.passed = 0
        self._permits = threading.Semaphore(0)

    def call(self, info: Any, data: Any) -> None:
        self._permits.acquire()
        self.passed += 1

    def open(self, times: int) -> None:
        self._permits.release(times)


def test_who_feeds_a_slow_program_goes_on_as_soon_as_it_has_drained() -> None:
    gate, feeder, holds, lock = Gate(), Feeder(), FlowControl(), threading.Lock()
    frame = event_frame(1, PAYLOAD)
    port = ThreadedPort(
        sig_core.default_plugins().codecs.get,
        Limits(max_inbound=EVENTS * len(frame)),
        lock,
        holds,
        lambda sender, event: (gate,),  # type: ignore[arg-type, return-value]
        lambda *asked: None,
        lambda *failed: None,
    )
    with lock:
        while not port.is_slow(0.0):
            port.deliver(Run(1, "json", 1, frame), "s", "e")
        holds.pause_feeder(port, feeder)  # type: ignore[arg-type]
    assert feeder.reading_paused
    gate.open(10)
    eventually(lambda: gate.passed == 10)
    assert feeder.reading_paused  # more than half of what it may hold still waits
    gate.open(EVENTS)
    eventually(lambda: not feeder.reading_paused)
    for dispatcher in (port.dispatcher, port.answers):
        dispatcher.stop(10)


class Program:
    """A program's port; what its listeners heard, which requests came, and what failed."""

    def __init__(self, **limits: Any) -> None:
        self.heard: list[tuple[Any, Any]] = []
        self.asked: list[tuple[int, str, bytes]] = []
        self.failed: list[str] = []
        self.raises: BaseException | None = None
        self.lock = threading.Lock()
        self.port = ThreadedPort(
            sig_core.default_plugins().codecs.get,
            Limits(**limits),
            self.lock,
            FlowControl(),
            lambda sender, event: (self,),  # type: ignore[arg-type, return-value]
            lambda token, batch, params: self.asked.append((token, batch.method, params)),
            lambda callback, info, error: self.failed.append(str(error)),
        )

    callback = None

    def call(self, info: Any, data: Any) -> None:
        if self.raises is not None:
            raise self.raises
        self.heard.append((info, data))

    def counts(self) -> Any:
        with self.lock:
            return self.port.stats()["events"]


@pytest.fixture
def make_program() -> Iterator[Callable[..., Program]]:
    made: list[Program] = []

    def make(**limits: Any) -> Program:
        made.append(Program(**limits))
        return made[-1]

    yield make
    for program in made:
        for dispatcher in (program.port.dispatcher, program.port.answers):
            dispatcher.stop(10)


def deliver(program: Program, payload: bytes, added: bytes | None = None, codec: str = "json") -> None:
    with program.lock:
        program.port.deliver(Run(1, codec, 1, event_frame(1, payload, added)), "s", "e")


def test_events_of_any_codec_are_heard_decoded(make_program: Callable[..., Program]) -> None:
    program = make_program()
    deliver(program, b"[1,2]", b'{"unit":"m","sender":"other"}')
    deliver(program, b"\x93\x01\x02\x03", codec="msgpack")
    eventually(lambda: len(program.heard) == 2)
    info = {"sender": "s", "event": "e"}
    assert program.heard == [({**info, "unit": "m"}, [1, 2]), (info, [1, 2, 3])]
    assert program.counts()["out"] == 2


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit("mine")])
def test_a_listener_that_raises_is_told_and_the_next_event_is_heard(
    make_program: Callable[..., Program], error: BaseException
) -> None:
    program = make_program()
    program.raises = error
    deliver(program, b"1")
    eventually(lambda: program.failed == ["mine"])
    program.raises = None
    deliver(program, b"2")
    eventually(lambda: [data for _, data in program.heard] == [2])


def test_what_can_not_be_decoded_is_a_counted_loss(
    make_program: Callable[..., Program], caplog: pytest.LogCaptureFixture
) -> None:
    program = make_program()
    deliver(program, b"{nonsense")
    eventually(lambda: "1 events of ('s', 'e') did not reach this program: bad payload" in caplog.text)
    counts = program.counts()
    assert (counts["fired"], counts["out"], sum(counts["lost"].values())) == (1, 0, 1)


def test_what_the_link_of_a_sender_lost_is_counted(
    make_program: Callable[..., Program], caplog: pytest.LogCaptureFixture
) -> None:
    program = make_program()
    with program.lock:
        program.port.rebind(1, "s", "e", 0, known_only=False)
        program.port.rebind(1, "s", "e", 3, known_only=False)
        program.port.note_lost(Run(1, "json", 2, b""), "s", "e", 2, "too big")
    eventually(lambda: "2 events of ('s', 'e') did not reach this program: too big" in caplog.text)
    counts = program.counts()
    assert (counts["fired"], counts["lost"]) == (5, {"the link of their sender was lost": 3, "too big": 2})


def test_requests_keep_their_place_among_the_events(make_program: Callable[..., Program]) -> None:
    program = make_program()
    order: list[Any] = []
    program.call = lambda info, data: order.append(data)  # type: ignore[method-assign]
    program.port._answer = lambda token, batch, params: order.append(batch.method)
    with program.lock:
        for number in range(3):
            program.port.deliver(Run(1, "json", 1, event_frame(1, b"%d" % number)), "s", "e")
            assert program.port.request(RequestBatch(1, "own", f"m{number}", "json", {number: b"\x02m0null"})) == []
    eventually(lambda: order == [0, "m0", 1, "m1", 2, "m2"])


def test_requests_beyond_what_may_wait_are_refused(make_program: Callable[..., Program]) -> None:
    program = make_program(max_inbound=65_536)
    inside, go_on = threading.Event(), threading.Event()

    def block(info: Any, data: Any) -> None:
        inside.set()
        go_on.wait(within(20))

    program.call = block  # type: ignore[method-assign]
    deliver(program, b"1")
    assert inside.wait(within(10))
    big = b"\x01m" + b'"' + b"x" * 65_600 + b'"'
    with program.lock:
        assert program.port.request(RequestBatch(1, "own", "m", "json", {1: big})) == []
        ((token, error),) = program.port.request(RequestBatch(1, "own", "m", "json", {2: big}))
    assert (token, type(error)) == (2, Busy)
    go_on.set()
    eventually(lambda: [each[0] for each in program.asked] == [1])


def test_answers_are_told_on_a_thread_of_their_own(make_program: Callable[..., Program]) -> None:
    program = make_program()
    told: list[Any] = []

    def when(value: Any, error: Any) -> None:
        told.append((value, type(error), threading.current_thread().name))

    with program.lock:
        program.port.reply(1, "json", [(when, b"[1]"), (when, b"{nonsense")])
        program.port.fail_to(when, 1, Busy("no room"))
    eventually(lambda: len(told) == 3)
    assert [each[:2] for each in told] == [([1], type(None)), (None, DecodeError), (None, Busy)]
    assert {each[2] for each in told} == {"sig-answers"}


def test_while_it_feeds_a_slow_port_its_own_events_wait(make_program: Callable[..., Program]) -> None:
    port = make_program().port
    port.set_reading_paused(True)
    assert (port.flow.is_set(), port.stats()["held"]) == (False, True)
    port.set_reading_paused(False)
    assert (port.flow.is_set(), port.stats()["held"]) == (True, False)


def test_names_of_events_that_are_done_are_forgotten() -> None:
    program = Program()
    for first in range(1, 5001, 500):
        with program.lock:
            for route in range(first, first + 500):
                program.port.deliver(Run(route, "json", 1, event_frame(route, PAYLOAD)), route, "e")
        eventually(lambda: len(program.heard) == first + 499)  # noqa: B023
        assert len(program.port._names) <= 2 * 500 + 1000
    assert [info["sender"] for info, _ in program.heard] == list(range(1, 5001))
    for dispatcher in (program.port.dispatcher, program.port.answers):
        dispatcher.stop(10)
