"""The I/O thread: who is watched may fail, and the next who has something for it is heard all the same."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from sig_core.io.server.loop import IoThread
from sig_core.io.server.poller import READ
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
        self.sock = sock
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
