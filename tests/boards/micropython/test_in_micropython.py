"""The same file inside MicroPython."""

from __future__ import annotations

import random
import time

import pytest

from sig_core.line.host import HostLine
from sig_core.line.upper_layer import Terms
from tests.boards.micropython.by_hand import board
from tests.boards.micropython.upper_layer import UpperLayer
from tests.boards.micropython.wasm_board import NEEDED, WasmBoard, run
from tests.support import ROOT, within
from tests.support.rig.noise import Mangler, Noise

pytestmark = [pytest.mark.micropython, NEEDED]


class Host:
    """The server's end of the line, in real time, on the socket of a board."""

    def __init__(self, line, noise=Noise()):  # noqa: B008
        self.above = UpperLayer()
        self.line = HostLine(self.above, Terms(), lambda: random.randrange(1, 1 << 32), time.monotonic())
        self.socket = line
        self.down, self.up = Mangler(noise, "down"), Mangler(noise, "up")
        self.line.attach(time.monotonic())

    def until(self, true):
        end = time.monotonic() + within(60)
        while not true():
            now = time.monotonic()
            assert now < end, (self.above.messages, self.line.counts())
            due = self.line.tick(now)
            data = self.down.pass_on(self.line.take(10_000, now))
            if data:
                self.socket.sendall(data)
            self.socket.settimeout(max(0.001, min(due - time.monotonic(), 0.05)))
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                continue
            assert data, "the board has closed its line"
            self.line.receive(self.up.pass_on(data), time.monotonic())

    def tell(self, *message):
        self.above.queue.append(board.pack(list(message)))

    def answers(self):
        return {message[1]: message[2:] for message in self.above.messages if message[0] == 3}

    def fired(self):
        return [message[2]["n"] for message in self.above.messages if message[:2] == [1, 0]]

    def request(self, key, method, params=None):
        self.tell(2, key, method, params)
        self.until(lambda: key in self.answers())
        return self.answers()[key]


def started(wasm, noise=Noise()):  # noqa: B008
    host = Host(wasm.socket, noise)
    host.until(lambda: host.above.fresh and host.request(0, 0, "there") == [0, "there"])
    return host


def test_vectors_and_a_session_by_hand():
    vectors = ROOT / "tests" / "vectors"
    with run(
        ROOT / "tests" / "boards" / "micropython" / "in_micropython.py",
        vectors / "board_messages.json",
        vectors / "board_link.json",
    ) as program:
        assert program.line() == "all is well"


@pytest.mark.parametrize(
    ("window", "noise"), [(1, Noise()), (2, Noise.even(0.005)), (8, Noise.even(0.005, burst=0.001))]
)
def test_everything_arrives_once_and_in_order(window, noise):
    with WasmBoard(window=window) as wasm:
        host = started(wasm, noise)
        host.request(1, 3, 200)
        for number in range(100):
            host.tell(1, 0, number)
            host.tell(2, 2 + number, 0, {"number": number, "text": "é" * number})
        host.until(lambda: len(host.fired()) == 200 and len(host.answers()) == 102)
        assert host.fired() == list(range(200))
        for number in range(100):
            assert host.answers()[2 + number] == [0, {"number": number, "text": "é" * number}]
        status, (heard, disordered, fired, *_) = host.request(110, 2)
        assert (status, heard, disordered, fired) == (0, 100, 0, 200)
        assert host.above.ends == []


def test_the_answers_of_the_application():
    with WasmBoard() as wasm:
        host = started(wasm)
        assert host.request(1, 1, 7) == [0, 7]
        assert host.request(2, 1, "on") == [-7, "an integer is expected"]
        assert host.request(3, 4) == [-2, "failed"]
        assert host.request(4, 9) == [-5, "no method 9"]
        assert host.request(5, 0, 1.5) == [0, 1.5]
        assert host.request(6, 5, "when") == [0, None]
        host.until(lambda: [2, 0, "clock", "now", "when"] in host.above.messages)
        host.tell(3, 0, 0, "noon")
        host.until(lambda: [1, 1, [0, "noon"]] in host.above.messages)


@pytest.mark.parametrize("by_signal", [False, True])
def test_reset_is_noticed_at_once(by_signal):
    with WasmBoard() as wasm:
        host = started(wasm)
        wasm.reset(by_signal)
        host.until(lambda: host.above.fresh == 2 and host.above.ends == ["the board was reset"])
        host.above.messages.clear()
        assert host.request(1, 3, 3) == [0, 3]
        host.until(lambda: host.fired() == [0, 1, 2])
        assert wasm.program.errors() == ""


def test_deep_and_long_values_do_no_harm():
    with WasmBoard() as wasm:
        host = started(wasm)
        deep = []
        for _ in range(50):
            deep = [deep]
        assert host.request(1, 0, deep) == [0, deep]
        for key, hostile in enumerate((b"\x81" * 500 + b"\0", b"\x84\x02\x00\x00\x9a\xff\xff\xff\xff", b"\xff" * 500)):
            host.above.queue.append(hostile)
            assert host.request(2 + key, 0, "still there") == [0, "still there"]


def test_a_board_that_sleeps_for_longer_than_three_keepalives_goes_on():
    with WasmBoard() as wasm:
        host = started(wasm)
        host.request(1, 3, 500)
        host.until(lambda: len(host.fired()) >= 20)
        wasm.program.tell("sleep 3500")
        host.until(lambda: not host.line.up)
        host.until(lambda: len(host.fired()) == 500)
        assert host.fired() == list(range(500))
        assert host.above.ends == []
