"""The examples run: with stand-ins for the modules of a board, and a line on which nothing is said."""

from __future__ import annotations

import runpy
import select
import sys
import time
import types

import pytest

from sig_core.line.packets import ACK, DATA, FIN, HELLO, SYN, SYNACK, PacketReader, seal
from tests.boards.micropython.by_hand import FOLDER, board, kinds, syn


class ReplyReceived(Exception):
    """The line ends."""


class Line:
    """Gives one piece each time that the board polls, then ends; keeps what was written."""

    def __init__(self, *pieces):
        self.incoming, self.sent = [half for piece in pieces for half in (piece, b"", b"")], b""

    def something(self, ms):
        """Tell, as `select.poll` does, whether `read` gives a byte."""
        if not self.incoming:
            raise ReplyReceived
        return self.incoming[0] or self.incoming.pop(0)

    def read(self, size=-1):
        if not self.incoming:
            raise ReplyReceived
        piece = self.incoming.pop(0)
        if 0 < size < len(piece):
            self.incoming.insert(0, piece[size:])
        return piece[:size] if size > 0 else piece

    def write(self, data):
        self.sent += data
        return len(data)


class Pin:
    OUT = 1
    states = []  # noqa: RUF012

    def __init__(self, *names):
        pass

    def value(self, state):
        self.states.append(state)


def host(*messages, items):
    """Give what a server says to a board that registers in so many messages and answers each request at once."""
    packets = [seal(SYN, 15, 0, 0, syn()), *(seal(ACK, 15, 0, number) for number in range(items + 1))]
    ack = items
    for seq, message in enumerate(messages):
        packets.append(seal(DATA, 15, seq, ack, board.pack(message)))
        ack += message[0] == 2
    return packets


def said(sent):
    return list(PacketReader().feed(sent))


def test_thermometer(monkeypatch):
    line = Line(*host([0, 0], [2, 0, 0, None], items=3))
    monkeypatch.setitem(
        sys.modules,
        "machine",
        types.SimpleNamespace(
            ADC=lambda number: types.SimpleNamespace(read_u16=lambda: 14_000),
            UART=lambda *args, **options: line,
            Pin=Pin,
        ),
    )
    clock = iter(range(0, 1_000_000, 200))
    monkeypatch.setattr(time, "ticks_ms", lambda: next(clock), raising=False)
    monkeypatch.setattr(time, "ticks_diff", lambda new, old: new - old, raising=False)
    with pytest.raises(ReplyReceived):
        runpy.run_path(str(FOLDER / "examples" / "thermometer.py"))
    packets = said(line.sent)
    assert kinds(packets)[0] == SYNACK
    messages = [board.unpack(packet.payload)[0] for packet in packets if packet.kind == DATA]
    assert [0, 0, "thermometer", 2] in messages
    (answer,) = {message[3] for message in messages if message[0] == 3}
    assert 27 < answer < 28


def test_led(monkeypatch):
    line = Line(*host([0, 0], [1, 0, 7], [2, 0, 0, False], [2, 1, 0, 5], [2, 2, 1, None], items=4))
    waiting = types.SimpleNamespace(register=lambda *args: None, poll=line.something)
    interrupts = []
    monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(Pin=Pin))
    monkeypatch.setitem(sys.modules, "micropython", types.SimpleNamespace(kbd_intr=interrupts.append))
    monkeypatch.setattr(select, "poll", lambda: waiting)
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=line))
    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(buffer=line))
    monkeypatch.setattr(Pin, "states", [])
    runpy.run_path(str(FOLDER / "examples" / "led.py"))
    packets = said(line.sent)
    answers = [board.unpack(packet.payload)[0] for packet in packets if packet.kind == DATA][-3:]
    assert Pin.states == [1, False]
    assert answers == [[3, 0, 0, False], [3, 1, -7, "true or false is expected"], [3, 2, 0, None]]
    assert kinds(packets)[-1] == FIN
    assert HELLO not in kinds(packets)[1:]
    assert interrupts == [-1, 3]
