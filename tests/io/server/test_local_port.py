"""The port of the server's own program, where nobody looks at a clock."""

from __future__ import annotations

import threading
from typing import Any

import sig_core
from sig_core.io.server.threaded_port import ThreadedPort
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import event_frame
from sig_core.routing.flow_control import FlowControl
from sig_core.routing.ports import Run
from tests.support import eventually

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
