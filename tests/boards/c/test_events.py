"""Events of a board and events for it: docs/board-protocol.md, section 5."""

from __future__ import annotations

import ctypes
import math
import struct

import cbor2
import pytest

from tests.boards.c.board import BoardBench, In
from tests.boards.c.library import Writer
from tests.boards.c.packets import NAK, Packet


class Heard:
    """A handler that notes what it hears; while `busy` it does not take it."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self.busy = False

    def __call__(self, value: In) -> int:
        if self.busy:
            return -9
        self.values.append(value.int())
        return 0


def test_events_go_by_number(library: ctypes.CDLL) -> None:
    board = BoardBench(library, events=["a", "b"])
    board.begin()
    assert board.fire(1, lambda out: out.item({"n": 7, "l": [1, None]})) == 0
    assert board.fire(0, lambda out: out.null()) == 0
    assert board.talk() == [[1, 1, {"n": 7, "l": [1, None]}], [1, 0, None]]


def test_plain_values(library: ctypes.CDLL) -> None:
    board = BoardBench(library, events=["a"], window=4)
    assert library.sigb_fire_int(board.link, 0, 5) == -4
    board.begin()
    assert library.sigb_fire_int(board.link, 0, -300) == 0
    assert library.sigb_fire_float(board.link, 0, 1.5) == 0
    assert library.sigb_fire_text(board.link, 0, b"text") == 0
    assert library.sigb_fire_float(board.link, 0, math.nan) == -13
    assert library.sigb_fire_text(board.link, 0, b"x" * 300) == -8
    assert board.talk() == [[1, 0, -300], [1, 0, 1.5], [1, 0, "text"]]


def test_no_memory_now(library: ctypes.CDLL) -> None:
    board = BoardBench(library, events=["a"], window=2)
    board.begin()
    statuses = [board.fire(0, lambda out: out.int(7)) for _ in range(3)]
    assert statuses == [0, 0, -9]
    assert len(board.talk()) == 2
    assert board.fire(0, lambda out: out.int(8)) == 0


def test_who_does_not_look_at_the_status_writes_in_vain(library: ctypes.CDLL) -> None:
    def write_blindly(status: int) -> None:
        writer = Writer(0, 48, 0)
        assert library.sigb_open_event(board.link, 0, writer) == status
        library.sigb_write_text(writer, b"text")
        assert library.sigb_close(board.link, writer) == -8

    board = BoardBench(library, events=["a"], window=1)
    write_blindly(-4)
    board.begin()
    assert board.fire(0, lambda out: out.int(1)) == 0
    write_blindly(-9)
    assert board.talk() == [[1, 0, 1]]


def test_an_event_that_is_not_closed_is_nothing(library: ctypes.CDLL) -> None:
    board = BoardBench(library, events=["a"])
    board.begin()
    assert library.sigb_open_event(board.link, 0, Writer()) == 0
    assert board.fire(0, lambda out: out.int(1)) == 0
    assert board.talk() == [[1, 0, 1]]


def test_an_event_that_does_not_fit(small_library: ctypes.CDLL) -> None:
    board = BoardBench(small_library, events=["a"], mtu=48)
    board.begin()
    assert board.fire(0, lambda out: out.text(b"x" * 43)) == 0
    assert board.fire(0, lambda out: out.text(b"x" * 44)) == -8
    assert board.fire(0, lambda out: out.text(b"x" * 70000)) == -8
    assert board.talk() == [[1, 0, "x" * 43]]


@pytest.mark.parametrize(
    "write",
    [
        lambda out: None,
        lambda out: (out.int(1), out.int(2)),
        lambda out: (out.list(2), out.int(1)),
        lambda out: (out.map(1), out.int(1), out.int(1)),
        lambda out: out.text(b"\xff"),
        lambda out: out.float(math.inf),
    ],
    ids=["nothing", "two items", "short list", "key is no text", "no UTF-8", "infinity"],
)
def test_what_is_no_item_is_refused(library: ctypes.CDLL, write: object) -> None:
    board = BoardBench(library, events=["a"])
    board.begin()
    assert board.fire(0, write) == -13  # type: ignore[arg-type]
    assert board.talk() == [] and board.fire(0, lambda out: out.bool(True)) == 0
    assert board.talk() == [[1, 0, True]]


def test_listened_events_come_by_number(library: ctypes.CDLL) -> None:
    heard = [Heard(), Heard()]
    board = BoardBench(library, listened=[("clock", "tick", heard[0]), ("clock", "tock", heard[1])])
    board.begin()
    assert board.talk([1, 1, 5], [1, 0, 6], [1, 1, 7]) == []
    assert [each.values for each in heard] == [[6], [5, 7]]


def test_names_behind_the_value(library: ctypes.CDLL) -> None:
    heard = []

    def hear(value: In) -> int:
        value.skip()
        heard.append([value.text(), value.text(), value.failed])
        return 0

    board = BoardBench(library, listened=[(None, None, hear)])
    board.begin()
    board.talk([1, 0, {"a": [1]}, "clock", "tick"], [1, 0, None, "door"])
    assert heard == [["clock", "tick", False], ["door", "", True]]


def test_lost_events_are_told(library: ctypes.CDLL) -> None:
    board = BoardBench(library, listened=[("a", "b", Heard()), ("a", "c", Heard())])
    board.begin()
    board.talk([4, 1, 70000], [4, 0, 1])
    assert board.lost == [(1, 70000), (0, 1)]


def test_nobody_need_hear_of_losses(library: ctypes.CDLL) -> None:
    board = BoardBench(library, listened=[("a", "b", Heard())])
    board.app.lost = type(board.app.lost)(0)
    board.begin()
    board.talk([4, 0, 1])
    assert board.lost == [] and board.counters.ignored == 0


def test_what_a_handler_can_not_take_comes_again(library: ctypes.CDLL) -> None:
    heard = Heard()
    board = BoardBench(library, listened=[("a", "b", heard)], events=["e"])
    board.begin()
    heard.busy = True
    board.give(Packet(3, cbor2.dumps([1, 0, 5]), board._sent, board._expected))
    board.poll()
    assert [packet.kind for packet in board.take()] == [NAK]
    assert board.fire(0, lambda out: out.null()) == -9  # its memory is kept for that event
    heard.busy = False
    board.talk([1, 0, 5])
    assert heard.values == [5]
    assert board.fire(0, lambda out: out.null()) == 0


def test_a_handler_may_fire(library: ctypes.CDLL) -> None:
    def relay(value: In) -> int:
        raw = value.raw()
        return board.fire(0, lambda out: out.raw(raw, len(raw)))

    board = BoardBench(library, events=["e"], listened=[("a", "b", relay)], window=1)
    board.begin()
    assert board.talk([1, 0, [1, 2]]) == [[1, 0, [1, 2]]]
    assert board.fire(0, lambda out: out.int(9)) == 0
    board.poll()
    board.give(Packet(3, cbor2.dumps([1, 0, 7]), board._sent, board._expected))
    board.poll()  # it finds no slot: refused
    board._sent += 1
    assert board.talk() == [[1, 0, 9]]
    board._sent -= 1
    assert board.talk([1, 0, 7]) == [[1, 0, 7]]


BAD = [
    [], [0], [0, 1], [0, None], [0, 0, "text", "more"], [1], [1, 0], [1, 1, 5], [1, -1, 5], [1, "0", 5], [1, 256, 5],
    [2, 0, 0], [2, 0, 0, 1, 1], [2, 256, 0, 1], [2, -1, 0, 1], [2, 0, None, 1], [2, 0, [0], 1], [2, 0, -1, 1],
    [3, 0, 0, 1], [4, 0], [4, 0, -1], [4, 7, 1], [4, 0, 1, 1], [4, 0, "1"], [5, 0], [-1, 0], ["0", 0], 5, "text",
    {"a": 1}, None,
]  # fmt: skip


@pytest.mark.parametrize("message", BAD, ids=str)
def test_messages_without_a_meaning_are_counted(library: ctypes.CDLL, message: object) -> None:
    heard = Heard()
    board = BoardBench(library, listened=[("a", "b", heard)], methods=[("m", lambda params, result: 0)])
    board.begin()
    assert board.talk(message) == []
    assert board.counters.ignored == 1 and heard.values == [] and board.lost == [] and board.is_in


@pytest.mark.parametrize("end", [b"", b"\xff", struct.pack(">Bd", 0xFB, 1.5), b"\x61\xff", b"\x00\x00"], ids=bytes.hex)
def test_messages_that_are_no_item(library: ctypes.CDLL, end: bytes) -> None:
    heard = Heard()
    board = BoardBench(library, listened=[("a", "b", heard)])
    board.begin()
    board.talk(b"\x83\x01\x00" + end)
    assert board.counters.ignored == 1 and heard.values == []


def test_a_last_value_is_heard_as_an_event_is(library: ctypes.CDLL) -> None:
    heard = Heard()
    board = BoardBench(library, listened=[("s", "e", heard)])
    board.begin()
    board.talk([5, 0, 7], [1, 0, 8], [5, 1, 9])
    assert heard.values == [7, 8]
