"""Requests that a board answers: docs/board-protocol.md, sections 5 and 7."""

from __future__ import annotations

import ctypes

import pytest

from tests.boards.c.bench import ack, data
from tests.boards.c.board import BoardBench, In, Out
from tests.boards.c.packets import DATA, NAK


def echo(params: In, result: Out) -> int:
    raw = params.raw()
    result.raw(raw, len(raw))
    return 0


def double(params: In, result: Out) -> int:
    result.int(params.int() * 2)
    return 0


def fail(params: In, result: Out) -> int:
    result.text(b"no sensor")
    return -2


def make(library: ctypes.CDLL, *methods: tuple[str | None, object], **how: int) -> BoardBench:
    board = BoardBench(library, methods=methods, events=["e"], **how)  # type: ignore[arg-type]
    assert board.status == 0
    board.begin()
    return board


def test_methods_are_numbered(library: ctypes.CDLL) -> None:
    board = make(library, ("echo", echo), ("double", double), ("fail", fail))
    assert board.talk([2, 9, 1, 21]) == [[3, 9, 0, 42]]
    assert board.talk([2, 255, 0, {"a": [1, None]}]) == [[3, 255, 0, {"a": [1, None]}]]
    assert board.talk([2, 0, 2, None]) == [[3, 0, -2, "no sensor"]]


def test_a_method_that_it_does_not_have(library: ctypes.CDLL) -> None:
    board = make(library, ("echo", echo))
    for method in (1, 255, 256, 2**32 - 1, "echo", ""):
        assert board.talk([2, 7, method, None]) == [[3, 7, -5, ""]], method
    assert make(library).talk([2, 7, 0, None]) == [[3, 7, -5, ""]]


def test_the_default_handler_has_the_name_before_the_params(library: ctypes.CDLL) -> None:
    def default(params: In, result: Out) -> int:
        name = params.text()
        result.list(2)
        result.text(name.encode())
        result.int(params.int())
        return 0

    board = make(library, ("echo", echo), (None, default))
    assert board.talk([2, 1, "reboot", 5]) == [[3, 1, 0, ["reboot", 5]]]
    assert board.talk([2, 1, 0, 5]) == [[3, 1, 0, 5]]
    assert board.talk([2, 1, 1, 5]) == [[3, 1, -5, ""]]  # it has no number: the host calls it by name


def test_nothing_is_null(library: ctypes.CDLL) -> None:
    assert make(library, ("m", lambda params, result: 0)).talk([2, 1, 0, 5]) == [[3, 1, 0, None]]


def test_params_of_another_type(library: ctypes.CDLL) -> None:
    board = make(library, ("double", double))
    for params in ("text", None, [1], 2**31):
        assert board.talk([2, 1, 0, params]) == [[3, 1, -7, ""]]


@pytest.mark.parametrize(("given", "said"), [(-1, -1), (-15, -15), (-16, -2), (-128, -2), (1, -2), (127, -2)])
def test_statuses_of_handlers(library: ctypes.CDLL, given: int, said: int) -> None:
    assert make(library, ("m", lambda params, result: given)).talk([2, 1, 0, 5]) == [[3, 1, said, ""]]


@pytest.mark.parametrize(
    "write",
    [
        lambda result: result.int(5),
        lambda result: (result.text(b"a"), result.text(b"b")),
        lambda result: result.text(b"\xff"),
        lambda result: result.text(b"x" * 300),
        lambda result: result.list(1),
    ],
    ids=["no text", "two", "no UTF-8", "too long", "half an item"],
)
def test_what_is_no_text_of_a_failure_is_left_out(library: ctypes.CDLL, write: object) -> None:
    def handler(params: In, result: Out) -> int:
        write(result)  # type: ignore[operator]
        return -6

    assert make(library, ("m", handler)).talk([2, 1, 0, 5]) == [[3, 1, -6, ""]]


def test_an_answer_that_does_not_fit(small_library: ctypes.CDLL) -> None:
    board = make(small_library, ("m", lambda params, result: result.text(b"x" * params.int()) or 0), mtu=48)
    assert board.talk([2, 1, 0, 42]) == [[3, 1, 0, "x" * 42]]
    assert board.talk([2, 1, 0, 43]) == [[3, 1, -8, ""]]
    assert board.talk([2, 1, 0, 60000]) == [[3, 1, -8, ""]]


def test_a_long_answer_goes_in_parts(library: ctypes.CDLL) -> None:
    board = make(library, ("m", lambda params, result: result.text(b"x" * params.int()) or 0), message=200)
    assert board.talk([2, 1, 0, 194]) == [[3, 1, 0, "x" * 194]]
    assert board.talk([2, 1, 0, 195]) == [[3, 1, -8, ""]]
    board = make(library, ("echo", echo), message=200)
    assert board.talk([2, 1, 0, list(range(30))]) == [[3, 1, 0, list(range(30))]]


@pytest.mark.parametrize(
    "write",
    [lambda result: (result.int(5), result.int(5)), lambda result: result.list(2), lambda result: result.float(1e999)],
    ids=["two", "half", "infinity"],
)
def test_a_result_that_is_no_item(library: ctypes.CDLL, write: object) -> None:
    def handler(params: In, result: Out) -> int:
        write(result)  # type: ignore[operator]
        return 0

    assert make(library, ("m", handler)).talk([2, 1, 0, 5]) == [[3, 1, -13, ""]]


def test_a_handler_opens_no_events(library: ctypes.CDLL) -> None:
    statuses = []

    def handler(params: In, result: Out) -> int:
        statuses.append(board.fire(0, lambda out: out.int(1)))
        result.int(5)
        return 0

    board = make(library, ("m", handler))
    assert board.talk([2, 1, 0, None]) == [[3, 1, 0, 5]]
    assert statuses == [-9]


def test_a_request_without_a_slot_for_its_answer(library: ctypes.CDLL) -> None:
    ran = []

    def handler(params: In, result: Out) -> int:
        ran.append(params.int())
        return 0

    board = make(library, ("m", handler), window=1)
    assert board.fire(0, lambda out: out.int(1)) == 0
    board.poll()
    (event,) = board.take()
    request = data(b"\x84\x02\x01\x00\x05", board._sent, board._expected)
    assert board.ask(request) == [] and ran == []
    assert board.fire(0, lambda out: out.int(2)) == -9
    assert [packet.kind for packet in board.ask(ack(event.seq + 1))] == [NAK]
    assert board.fire(0, lambda out: out.int(2)) == -9  # the slot is kept for the answer
    (answer,) = board.ask(data(request.payload, board._sent, event.seq + 1))
    assert (answer.kind, answer.payload, ran) == (DATA, b"\x84\x03\x01\x00\xf6", [5])
    board.ask(ack(answer.seq + 1))
    assert board.fire(0, lambda out: out.int(2)) == 0


def test_events_do_not_starve_answers(library: ctypes.CDLL) -> None:
    board = make(library, ("m", lambda params, result: 0), window=2)
    sent, expected = board._sent, board._expected
    request = b"\x84\x02\x01\x00\x05"
    for _ in range(300):
        while board.fire(0, lambda out: out.int(1)) == 0:
            pass
        expected += len(board.ask())
        assert board.ask(data(request, sent, expected - 2)) == []
        assert [packet.kind for packet in board.ask(ack(expected))] == [NAK]
        assert board.fire(0, lambda out: out.int(1)) == -9
        (answer,) = board.ask(data(request, sent, expected))
        assert answer.payload == b"\x84\x03\x01\x00\xf6"
        sent, expected = sent + 1, expected + 1
        board.ask(ack(expected))
    assert board.counters.resent == board.counters.doubled == 0


def test_requests_and_events_keep_their_order(library: ctypes.CDLL) -> None:
    order = []

    def handler(params: In, result: Out) -> int:
        order.append(params.int())
        return 0

    board = BoardBench(
        library, methods=[("m", handler)], listened=[("a", "b", lambda value: order.append(value.int()) or 0)], window=8
    )
    board.begin()
    answers = board.talk([1, 0, 1], [2, 1, 0, 2], [1, 0, 3], [2, 2, 0, 4])
    assert order == [1, 2, 3, 4] and answers == [[3, 1, 0, None], [3, 2, 0, None]]
