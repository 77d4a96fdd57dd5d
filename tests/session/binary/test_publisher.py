"""The way of an event out of a client: what is appended, and when its gate is told."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from sig_core.errors import LinkClosed
from sig_core.session.binary.gate import FRAMES, SMALL
from sig_core.session.binary.publisher import make_publisher
from tests.support.sessions import Net, OpenGate

INFO = {"sender": "t", "event": "e"}


class Gate(OpenGate):
    """Notes what it is told."""

    def __init__(self, *, gathers: bool, full: bool = False) -> None:
        self.gathers = gathers
        self.full = full
        self.told: list[Any] = []

    def make_room(self) -> None:
        self.told.append("room")
        self.full = False

    def added(self, size: int) -> None:
        self.told.append(size)


def publisher_of(gate: Gate) -> tuple[Any, list[bytes], Any]:
    """A publisher, what it appends to, and its session."""
    link = Net().connect("json")
    route = link.add_sender("t", ["e"])["e"]
    return make_publisher(link.client, "t", "e", route, gate, lambda: None), link.client.out, link.client


def test_a_gate_that_gathers_is_told_of_big_frames_and_of_many() -> None:
    gate = Gate(gathers=True)
    publisher, out, _ = publisher_of(gate)
    for number in range(FRAMES - 1):
        publisher(INFO, number)
    assert gate.told == []
    publisher(INFO, 0)
    assert (len(out), len(gate.told)) == (FRAMES, 1)
    out.clear()
    publisher(INFO, "x" * SMALL)
    assert gate.told[1:] == [5 + SMALL + 2]


def test_a_gate_that_does_not_gather_is_told_each_time() -> None:
    gate = Gate(gathers=False)
    publisher, _, _ = publisher_of(gate)
    for number in range(3):
        publisher(INFO, number)
    assert gate.told == [6, 6, 6]


def test_room_is_made_before_anything_is_appended() -> None:
    gate = Gate(gathers=True, full=True)
    publisher, out, _ = publisher_of(gate)
    gate.make_room = lambda: gate.told.append(len(out))  # type: ignore[method-assign]
    publisher(INFO, 1)
    assert (gate.told, len(out)) == ([0], 1)


def test_headers_say_the_size_of_their_own_frame() -> None:
    publisher, out, _ = publisher_of(Gate(gathers=True))
    for value in ("", "x", "x" * 200, "y", "", "x" * 300):
        publisher(INFO, value)
        assert struct.unpack_from("<I", out[-1])[0] == len(out[-1]) - 4 == 7 + len(value)


def test_nothing_goes_into_a_session_that_has_ended() -> None:
    publisher, out, session = publisher_of(Gate(gathers=True))
    session.close()
    out.clear()
    with pytest.raises(LinkClosed, match="event 'e' of sender 't': not connected"):
        publisher(INFO, 1)
    assert out == []
