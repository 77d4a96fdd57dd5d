"""The application of the test boards, without a line."""

from __future__ import annotations

import ctypes as c

import pytest

from tests.boards.c.bench import ack
from tests.boards.c.board import BoardBench
from tests.boards.c.library import FULL, load
from tests.support import ROOT
from tests.support.rig import Workshop, tools

FIRMWARE = ROOT / "boards/c/firmware"
ITEMS = [
    [0, 0, "test", 9], [0, 1, "#changed"], [0, 1, "answer"], [0, 2, "echo"], [0, 2, "led.set"], [0, 2, "stat"],
    [0, 2, "burst"], [0, 2, "fail"], [0, 2, "ask"], [0, 3, "clock", "tick"],
]  # fmt: skip


class AppBench(BoardBench):
    """A board that is the firmware's."""

    def _init(self) -> int:
        self.link = c.addressof(c.c_char.in_dll(self.library, "app_board"))
        return int(self.library.app_init(b"test", c.byref(self.line.io), c.byref(self.memory)))

    def poll(self, ms: int = 0) -> None:
        self.line.now += ms
        self.library.app_poll()


@pytest.fixture
def app(workshop: Workshop) -> AppBench:
    if absent := tools.missing(tools.NATIVE):
        pytest.skip(absent)
    library = load(workshop, *FULL, f"-I{FIRMWARE}", str(FIRMWARE / "app.c"))
    board = AppBench(library, window=8, message=600)
    assert board.status == 0
    return board


def test_registers(app: AppBench) -> None:
    assert app.begin() == ITEMS


def test_answers(app: AppBench) -> None:
    app.begin()
    for value in (None, [1, {"a": "text"}], "x" * 500, 2**32 - 1):
        assert app.talk([2, 0, 0, value]) == [[3, 0, 0, value]]
    for value in (0, 5, -5, 2**32 - 1):
        assert app.talk([2, 1, 1, value]) == [[3, 1, 0, value]]
        assert c.c_bool.in_dll(app.library, "app_led").value == (value != 0)
    for value in ("on", None, [], True):
        assert app.talk([2, 1, 1, value]) == [[3, 1, -7, ""]]
    assert app.talk([2, 4, 4, None]) == [[3, 4, -2, "failed"]]
    assert app.talk([2, 5, 3, "many"]) == [[3, 5, -7, ""]]


def test_fires_and_counts(app: AppBench) -> None:
    app.begin()
    answer, *events = app.talk([2, 0, 3, 20])
    while len(events) < 20:
        events += app.talk()
    assert answer == [3, 0, 0, 20]
    assert events == [[1, 0, {"n": number, "t": 21.5}] for number in range(20)]
    app.talk([1, 0, 7], [1, 0, 8], [1, 0, 10])
    app.line.to_board += b"\0noise\0"
    app.give(ack(app._expected))
    app.ask()
    assert app.talk([2, 1, 2, None]) == [[3, 1, 0, [3, 1, 20, 1, 0, 0]]]


def test_asks(app: AppBench) -> None:
    app.begin()
    assert app.talk([2, 0, 5, {"zone": 1}]) == [[3, 0, 0, None], [2, 0, "clock", "now", {"zone": 1}]]
    assert app.talk([3, 0, 0, "12:30"]) == [[1, 1, [0, "12:30"]]]
    app.talk([2, 0, 5, None])
    assert app.talk([3, 0, -4, "sender 'clock' is not connected"]) == [
        [1, 1, [-4, "sender 'clock' is not connected"]],
    ]
    app.talk([2, 0, 5, None])
    came = []
    for _ in range(10):
        came += app.talk([9], ms=500)
    assert came == [[1, 1, [-14, None]]]
    assert app.talk([2, 0, 5, "x" * 100]) == [[3, 0, -8, ""]]


def test_an_answer_that_is_too_long_to_be_fired(app: AppBench) -> None:
    app.begin()
    app.talk([2, 0, 5, None])
    assert app.talk([3, 0, 0, "x" * 200]) == [[1, 1, [0, "x" * 200]]]
    app.begin(sid=2, message=100)
    app.talk([2, 0, 5, None])
    assert app.talk([3, 0, 0, "x" * 200]) == [[1, 1, [-8, None]]]


def test_begins_anew(app: AppBench) -> None:
    app.begin()
    app.talk([2, 0, 3, 5], [1, 0, 7])
    app._init()
    assert app.begin(sid=9) == ITEMS
    assert app.talk([2, 1, 2, None]) == [[3, 1, 0, [0, 0, 0, 0, 0, 0]]]
