"""A client's connection on threads: it dials, is left, dials again, and tells, by a script."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.errors import ConnectFailed, LinkClosed, LocalProtocolError, SigError
from sig_core.io.client.threaded_connection import CallbackThread, ThreadedConnection
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.log import log
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.state_callbacks import StateCallbacks
from sig_core.testing import begin, eventually
from tests.io.client.dials import Dials, state_of
from tests.support import nothing_left_behind, within
from tests.support.sessions import PLUGINS

__all__ = ["nothing_left_behind"]

SOON = Reconnect(first=0.001, most=0.001, jitter=0)
NOBODY = ConnectFailed("nobody is there")


@pytest.fixture
def server() -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter("tcp://127.0.0.1:0") as made:
        yield made


class Rig:
    """A connection, its state and what it told."""

    def __init__(self, dials: Dials, policy: Reconnect | None = SOON) -> None:
        self.thread = CallbackThread("sig-state test")
        self.state, self.told, self.log = state_of(PendingReply, policy, self.thread.wake)
        self.thread.callbacks = self.state.callbacks
        self.ahead = 0.0  # seconds that its clock is ahead
        self.connection = ThreadedConnection(
            *("test://server", self.state.connection._limits),
            connect=dials,
            codecs=lambda: PLUGINS.choose_codecs(["json"]),
            state=self.state,
            clock=lambda: time.monotonic() + self.ahead,
        )

    def names(self) -> list[str]:
        return [name for name, _ in self.told]


def test_it_starts_once_and_stops(server: sig.ServerRouter) -> None:
    rig = Rig(Dials(server.addresses[0], "up"))
    rig.connection.start()
    assert rig.connection.open_link() is rig.connection.link
    with pytest.raises(LocalProtocolError, match="starts once"):
        rig.connection.start()
    rig.connection.stop()
    rig.connection.stop()
    with pytest.raises(SigError, match="stopped"):
        rig.connection.open_link()
    eventually(lambda: rig.names() == ["connected"] and server.peers == [])


@pytest.mark.parametrize("error", [NOBODY, ZeroDivisionError("a bug of a carrier")])
def test_a_first_dial_that_fails_is_raised_as_it_is(error: Exception) -> None:
    rig = Rig(Dials("", error))
    with pytest.raises(type(error)):
        rig.connection.start()
    assert rig.state.connection.state == "stopped" and rig.told == []


def test_it_comes_back_through_failures(server: sig.ServerRouter) -> None:
    dials = Dials(server.addresses[0], "up", NOBODY, ZeroDivisionError("again"), "up")
    rig = Rig(dials)
    rig.connection.start()
    first = rig.connection.link
    assert first is not None
    first.reader.cut()
    eventually(lambda: rig.names() == ["connected", "disconnected", "reconnected"])
    assert rig.connection.link is not first and dials.made == 4
    assert any("nobody is there" in text for text in rig.log.texts)
    assert any("ZeroDivisionError: again" in text for text in rig.log.texts)
    rig.connection.stop()


def test_it_gives_up(server: sig.ServerRouter) -> None:
    dials = Dials(server.addresses[0], "up", NOBODY)
    rig = Rig(dials, Reconnect(first=0.001, most=0.001, attempts=3))
    rig.connection.start()
    assert rig.connection.link is not None
    rig.connection.link.reader.cut()
    eventually(lambda: rig.told[-1:] == [("gave_up", NOBODY)])
    assert dials.made == 4 and rig.state.connection.state == "gave up"
    rig.connection.stop()


def test_a_link_that_lived_for_long_begins_the_attempts_anew(server: sig.ServerRouter) -> None:
    rig = Rig(Dials(server.addresses[0], "up"), Reconnect(first=0.001, most=10.0, factor=1.0, attempts=2, jitter=0))
    rig.connection.start()
    for times in (1, 2, 3, 4):
        rig.ahead += 11.0
        assert rig.connection.link is not None
        rig.connection.link.reader.cut()
        eventually(lambda times=times: rig.names().count("reconnected") == times)
    rig.connection.stop()


def test_a_stop_while_it_dials_ends_the_link_that_comes(server: sig.ServerRouter) -> None:
    dialling, go_on = threading.Event(), threading.Event()
    dials = Dials(server.addresses[0], "up")

    def wait(number: int) -> None:
        dialling.set()
        assert go_on.wait(within(10))

    dials.at = wait
    rig = Rig(dials)

    def start() -> None:
        with pytest.raises(LocalProtocolError):
            rig.connection.start()

    starting: Any = begin(start)
    assert dialling.wait(within(10))
    rig.connection.stop()
    go_on.set()
    starting.result(within(10))
    eventually(lambda: server.peers == [])
    assert rig.told == []


def test_a_stop_ends_the_wait_for_the_next_attempt(server: sig.ServerRouter) -> None:
    rig = Rig(Dials(server.addresses[0], "up", NOBODY), Reconnect(first=3600, most=3600))
    rig.connection.start()
    assert rig.connection.link is not None
    rig.connection.link.reader.cut()
    eventually(lambda: "disconnected" in rig.names())
    with pytest.raises(LinkClosed, match="it is coming back"):
        rig.connection.open_link()
    rig.connection.stop()
    assert rig.connection._thread is not None and not rig.connection._thread.is_alive()


def test_state_callbacks_are_told_in_order_whatever_they_raise() -> None:
    told: list[int] = []
    thread = CallbackThread("sig-state test")
    thread.callbacks = StateCallbacks(thread.wake, log)

    def note(state: str, error: Any) -> None:
        told.append(len(told))
        raise SystemExit

    thread.callbacks.add("connected", note)
    for _ in range(10):
        thread.callbacks.tell("connected", None)
    thread.wake()
    thread.join(within(10))
    eventually(lambda: told == list(range(10)))
