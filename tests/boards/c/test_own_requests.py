"""Requests that a board makes: docs/board-protocol.md, section 5."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import cbor2

from tests.boards.c.bench import data
from tests.boards.c.board import BoardBench, In
from tests.boards.c.packets import FIN, NAK, Packet, syn

OPEN = 4  # SIGB_OPEN


class Answers:
    """Handlers that note what they are told; while `busy` they do not take it."""

    def __init__(self) -> None:
        self.got: list[tuple[str, int, object]] = []
        self.busy = False

    def __call__(self, name: str) -> Callable[[int, In], int]:
        def answered(status: int, value: In) -> int:
            if self.busy:
                return -9
            self.got.append((name, status, cbor2.loads(value.raw())))
            return 0

        return answered


def make(library: ctypes.CDLL, **how: int) -> tuple[BoardBench, Answers]:
    board = BoardBench(library, events=["e"], **how)
    board.begin()
    return board, Answers()


def test_a_request_and_its_answer(library: ctypes.CDLL) -> None:
    board, answers = make(library)
    assert board.request("clock", "now", {"zone": 1}, answers("a")) == 0
    assert board.talk() == [[2, 0, "clock", "now", {"zone": 1}]]
    assert board.talk([3, 0, 0, "12:30"]) == []
    assert board.request("clock", "now", None, answers("b")) == 0
    assert board.talk() == [[2, 0, "clock", "now", None]]
    board.talk([3, 0, -4, "sender 'clock' is not connected"])
    assert answers.got == [("a", 0, "12:30"), ("b", -4, "sender 'clock' is not connected")]


def test_answers_in_any_order(library: ctypes.CDLL) -> None:
    board, answers = make(library, window=4)
    for name in "abcd":
        assert board.request("s", "m", name, answers(name)) == 0
    assert board.talk() == [[2, number, "s", "m", name] for number, name in enumerate("abcd")]
    board.talk([3, 2, 0, 2], [3, 0, 0, 0], [3, 3, -99, ""], [3, 1, 0, 1])
    assert answers.got == [("c", 0, 2), ("a", 0, 0), ("d", -2, ""), ("b", 0, 1)]


def test_no_more_than_can_be_open(library: ctypes.CDLL) -> None:
    board, answers = make(library, window=8)
    assert [board.request("s", "m", 0, answers("")) for _ in range(OPEN + 1)] == [0] * OPEN + [-9]
    board.talk()
    board.talk([3, 2, 0, None])
    assert board.request("s", "m", 0, answers("")) == 0
    assert board.talk() == [[2, 2, "s", "m", 0]]


def test_one_that_is_not_sent_is_not_open(library: ctypes.CDLL) -> None:
    board, answers = make(library, message=60)
    assert board.request("s", "m", "x" * 60, answers("")) == -8
    board.talk([3, 0, 0, 1])
    assert board.counters.ignored == 1


def test_not_connected(library: ctypes.CDLL) -> None:
    board = BoardBench(library)
    assert board.request("s", "m", 0, None) == -4


def test_nobody_need_wait(library: ctypes.CDLL) -> None:
    board, _ = make(library)
    assert board.request("s", "m", 0, None) == 0
    board.talk()
    board.talk([3, 0, 0, 5])
    assert board.counters.ignored == 0


def test_answers_to_nothing_are_counted(library: ctypes.CDLL) -> None:
    board, answers = make(library)
    board.request("s", "m", 0, answers("a"))
    board.talk()
    board.talk([3, 1, 0, 0], [3, 200, 0, 0], [3, 0, 1, 0], [3, 0, 0], [3, 256, 0, 0], [3, 0, "0", 0])
    assert board.counters.ignored == 6 and answers.got == []
    board.talk([3, 0, 0, 0], [3, 0, 0, 0])
    assert board.counters.ignored == 7 and len(answers.got) == 1


def test_timeout(library: ctypes.CDLL) -> None:
    board, answers = make(library)
    board.request("s", "m", 0, answers("a"), timeout=500)
    board.request("s", "m", 0, answers("b"), timeout=0)
    board.talk(ms=499)
    assert answers.got == []
    board.talk(ms=1)
    assert answers.got == [("a", -14, None)]
    board.talk(ms=2000)
    assert len(answers.got) == 1
    assert board.request("s", "m", 0, answers("c")) == 0
    assert board.talk() == [[2, 2, "s", "m", 0]]  # 0 is still open: the host has not answered
    board.talk([3, 0, 0, "late"])
    assert len(answers.got) == 1 and board.counters.ignored == 0
    board.request("s", "m", 0, answers("d"))
    assert board.talk() == [[2, 0, "s", "m", 0]]


def test_a_long_timeout_and_a_clock_that_wraps(library: ctypes.CDLL) -> None:
    board, answers = make(library)
    board.line.now = 60_000
    board.begin(sid=2)
    assert board.request("s", "m", 0, answers("a"), timeout=65_535) == 0
    for _ in range(65):
        board.talk(cbor2.dumps([9]), ms=1000)
    assert answers.got == []
    board.talk(ms=535)
    assert answers.got == [("a", -14, None)]


def test_a_timeout_that_can_not_be_taken_now(library: ctypes.CDLL) -> None:
    board, answers = make(library)
    board.request("s", "m", 0, answers("a"), timeout=10)
    answers.busy = True
    board.talk(ms=10)
    board.talk(ms=10)
    answers.busy = False
    board.talk(ms=1)
    assert answers.got == [("a", -14, None)]


def test_an_answer_that_can_not_be_taken_now_comes_again(library: ctypes.CDLL) -> None:
    board, answers = make(library)
    board.request("s", "m", 0, answers("a"))
    board.talk()
    answers.busy = True
    answer = data(cbor2.dumps([3, 0, 0, 5]), board._sent, board._expected)
    assert [packet.kind for packet in board.ask(answer)] == [NAK]
    answers.busy = False
    board.talk([3, 0, 0, 5])
    assert answers.got == [("a", 0, 5)]


def test_the_end_of_the_session(library: ctypes.CDLL) -> None:
    board, answers = make(library, window=4)
    board.request("s", "m", 0, answers("a"))
    board.request("s", "m", 0, answers("b"), timeout=10)
    board.talk(ms=10)
    board.begin(sid=3)
    assert answers.got == [("b", -14, None), ("a", -10, None)]
    board.request("s", "m", 0, answers("c"))
    assert board.talk() == [[2, 0, "s", "m", 0]]
    board.ask(Packet(FIN))
    assert answers.got[2:] == [("c", -10, None)]


def test_a_resumed_session_keeps_them(library: ctypes.CDLL) -> None:
    board, answers = make(library)
    board.request("s", "m", 0, answers("a"))
    board.talk()
    board.talk(ms=3000)
    board.talk()
    board.library.sigb_link_reopened(board.link)
    board.give(syn(resume=True, ack=board._expected))
    board.talk()
    board.talk([3, 0, 0, 1])
    assert answers.got == [("a", 0, 1)]


def test_the_next_request_in_the_answer_to_one(library: ctypes.CDLL) -> None:
    board, _ = make(library, window=1)
    rounds: list[int] = []

    def answered(status: int, value: In) -> int:
        rounds.append(value.int())
        return board.request("s", "m", rounds[-1], answered) if rounds[-1] < 3 else 0

    board.request("s", "m", 0, answered)
    assert board.talk() == [[2, 0, "s", "m", 0]]
    for number in (1, 2):
        assert board.talk([3, 0, 0, number]) == [[2, 0, "s", "m", number]]
    assert board.talk([3, 0, 0, 3]) == []
    assert rounds == [1, 2, 3]
