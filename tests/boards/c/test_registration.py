"""How a board registers: docs/board-protocol.md, sections 5 and 6."""

from __future__ import annotations

import ctypes

import pytest

from tests.boards.c.bench import LinkBench, ack, data
from tests.boards.c.board import BoardBench, In, Out
from tests.boards.c.packets import DATA, SYN, syn


def answer(params: In, result: Out) -> int:
    return 0


def hear(value: In) -> int:
    return 0


EVENTS = ["#changed", "answer"]
METHODS = [("echo", answer), (None, answer)]
LISTENED = [("clock", "tick", hear), ("clock", None, hear), (None, None, hear), (None, "#alarm", hear)]
REGISTERED = [
    [0, 0, "uno", 8], [0, 1, "#changed"], [0, 1, "answer"], [0, 2, "echo"], [0, 2, None],
    [0, 3, "clock", "tick"], [0, 3, "clock", None], [0, 3, None, None], [0, 3, None, "#alarm"],
]  # fmt: skip


def make(library: ctypes.CDLL, **how: int) -> BoardBench:
    board = BoardBench(library, events=EVENTS, methods=METHODS, listened=LISTENED, **how)
    assert board.status == 0
    return board


@pytest.mark.parametrize("window", [1, 2, 8])
def test_registration_and_its_items(library: ctypes.CDLL, window: int) -> None:
    board = make(library, window=window)
    assert board.begin(status=None) == REGISTERED
    assert not board.is_in and board.board_status == 1
    assert board.fire(0, lambda out: out.null()) == -4
    board.talk([0, 0])
    assert board.is_in and board.board_status == 0
    assert board.talk(ms=500) == []


def test_the_example_of_the_page(small_library: ctypes.CDLL) -> None:
    board = BoardBench(small_library, events=["#changed"], window=1, mtu=48)
    board.poll()
    assert board.line.from_board.hex() == "00027101020101010103934f00"
    board.take()
    payloads = []
    for packet in (syn(long_crc=True), ack(1), ack(2), data(b"\x82\0\0", 0, 2)):
        assert packet.kind != SYN or packet.payload.hex() == "010204030201f6080a0a0010"
        board.give(packet)
        board.poll()
        payloads += [packet.payload.hex() for packet in board.take() if packet.payload]
    assert board.fire(0, lambda out: out.float(21.5)) == 0
    board.poll()
    payloads += [packet.payload.hex() for packet in board.take()]
    assert payloads[0] == "01000403020130010a000000"
    assert payloads[1:] == ["84000063756e6f01", "83000168236368616e676564", "830100fa41ac0000"]


def test_a_board_that_only_listens(library: ctypes.CDLL) -> None:
    board = BoardBench(library, name=None, listened=[(None, "#alarm", hear)])
    assert board.begin() == [[0, 0, None, 1], [0, 3, None, "#alarm"]]
    assert board.is_in


def test_a_board_without_items(library: ctypes.CDLL) -> None:
    assert BoardBench(library).begin() == [[0, 0, "uno", 0]]


def test_255_items_and_no_more(library: ctypes.CDLL) -> None:
    events = [f"e{number}" for number in range(255)]
    board = BoardBench(library, events=events)
    assert board.begin() == [[0, 0, "uno", 255], *([0, 1, event] for event in events)]
    board = BoardBench(library, events=events, methods=[(None, answer)])
    assert board.status == -8 and board.needs == (256, 255)


def test_a_taken_name_is_waited_for(library: ctypes.CDLL) -> None:
    board = make(library)
    board.begin(status=None)
    board.talk([0, -11, "sender 'uno' is already connected"])
    assert not board.is_in and board.board_status == -11
    assert board.fire(0, lambda out: out.null()) == -4
    assert board.talk([0, 0]) == []
    assert board.is_in


@pytest.mark.parametrize("status", [-16, -1000, -(2**31)])
def test_a_status_that_nobody_knows(library: ctypes.CDLL, status: int) -> None:
    board = make(library)
    board.begin(status=None)
    board.talk([0, status])
    assert board.board_status == -2


def test_every_session_begins_with_it(library: ctypes.CDLL) -> None:
    board = make(library)
    board.begin()
    assert board.begin(sid=5) == REGISTERED
    assert board.is_in


def test_a_session_that_ends_in_the_middle_of_it(library: ctypes.CDLL) -> None:
    board = make(library, window=2)
    board.give(syn())
    board.poll()
    assert [packet.kind for packet in board.take()].count(DATA) == 2
    assert not board.is_in
    assert board.begin(sid=5) == REGISTERED


def test_a_resumed_session_does_not_register_again(library: ctypes.CDLL) -> None:
    board = make(library)
    board.begin()
    board.talk(ms=3000)
    board.talk()
    assert not board.is_in
    assert board.fire(0, lambda out: out.null()) == -4
    board.give(syn(resume=True, ack=9))
    assert board.talk() == []
    assert board.is_in


def test_names_that_do_not_fit(library: ctypes.CDLL, small_library: ctypes.CDLL) -> None:
    board = BoardBench(small_library, events=["short", "x" * 44], mtu=48)
    assert (board.status, board.needs) == (-8, (49, 48))
    assert BoardBench(small_library, events=["short", "x" * 43], mtu=48).status == 0
    board = BoardBench(small_library, name="n" * 20, mtu=20)
    assert (board.status, board.needs) == (-8, (25, 20))
    board = BoardBench(small_library, listened=[("s" * 10, "e" * 20, hear)], mtu=30)
    assert (board.status, board.needs) == (-8, (35, 30))
    board = BoardBench(library, events=["x" * 250], mtu=48, message=254)
    assert (board.status, board.needs) == (-8, (255, 254))


def test_a_name_may_take_parts(library: ctypes.CDLL) -> None:
    board = BoardBench(library, events=["x" * 250], mtu=48, message=300)
    assert board.begin() == [[0, 0, "uno", 1], [0, 1, "x" * 250]]


def test_a_host_that_takes_shorter_packets(library: ctypes.CDLL) -> None:
    board = BoardBench(library, events=["x" * 30], message=48)
    assert board.begin(status=None, mtu=20, message=0) == [[0, 0, "uno", 1]]
    assert board.board_status == -8 and not board.is_in
    assert board.talk(ms=400) == []
    assert board.begin(sid=9, mtu=100) == [[0, 0, "uno", 1], [0, 1, "x" * 30]]
    assert board.is_in


def test_memory_that_is_too_small(library: ctypes.CDLL) -> None:
    class Small(BoardBench):
        def _init(self) -> int:
            self.memory.size -= 1
            return super()._init()

    board = Small(library)
    needed = library.shim_memory_size(2, 48, 200)
    assert (board.status, board.needs) == (-8, (needed, needed - 1))
    assert LinkBench(library).status == 0


def test_an_event_that_is_state_is_registered_as_such(library: ctypes.CDLL) -> None:
    board = BoardBench(library, events=["a", "\x01#changed"])
    assert board.begin(status=None) == [[0, 0, "uno", 2], [0, 1, "a"], [0, 4, "#changed"]]
