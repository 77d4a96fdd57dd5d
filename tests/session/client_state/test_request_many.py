"""Many requests at once: how many are open, in which order the results are, and what becomes of those that fail."""

from __future__ import annotations

from typing import Any

import pytest

from sig_codecs.json_codec import JsonCodec
from sig_core.errors import EncodeError, LinkClosed, RequestTimeout, UnknownSender
from sig_core.session.client_state.request_many import OPEN_AT_ONCE, RequestMany


class Session:
    """Keeps what is asked; the test answers."""

    def __init__(self) -> None:
        self.open: dict[int, Any] = {}
        self.asked: list[tuple[Any, str, bytes]] = []
        self.cancelled: list[int] = []
        self.error: Exception | None = None

    def request(self, sender: Any, method: str, params: bytes, when: Any) -> int:
        if self.error is not None:
            raise self.error
        self.asked.append((sender, method, params))
        self.open[len(self.asked)] = when
        return len(self.asked)

    def cancel(self, ident: int) -> None:
        if self.open.pop(ident, None) is not None:
            self.cancelled.append(ident)

    def answer(self, ident: int, value: Any, error: Any = None) -> None:
        self.open.pop(ident)(value, error)


@pytest.fixture
def session() -> Session:
    return Session()


def many_of(session: Any, questions: list[Any]) -> tuple[RequestMany, list[None]]:
    ends: list[None] = []
    many = RequestMany(session, JsonCodec(), questions, lambda: ends.append(None))
    many.start()
    return many, ends


def test_the_answers_are_in_the_order_of_the_questions(session: Session) -> None:
    many, ends = many_of(session, [("s", "m", n) for n in range(5)])
    assert session.asked == [("s", "m", b"%d" % n) for n in range(5)]
    for ident in (3, 1, 5, 2, 4):
        assert not ends
        session.answer(ident, ident * 10)
    assert many.results == [10, 20, 30, 40, 50] and ends == [None]


def test_so_many_are_open_at_one_time_and_each_answer_lets_one_out(session: Session) -> None:
    count = 3 * OPEN_AT_ONCE
    many, ends = many_of(session, [("s", "m", n) for n in range(count)])
    for ident in range(1, count + 1):
        assert len(session.open) == min(OPEN_AT_ONCE, count - ident + 1)
        session.answer(ident, -ident)
    assert many.results == [-n - 1 for n in range(count)] and ends == [None]


def test_what_fails_keeps_no_other_from_its_answer(session: Session) -> None:
    many, ends = many_of(session, [("s", "m", 1), ("s", "m", object()), ("gone", "m", 2)])
    session.answer(1, "one")
    session.answer(2, None, UnknownSender("nobody"))
    assert many.results[0] == "one" and ends == [None]
    assert isinstance(many.results[1], EncodeError) and isinstance(many.results[2], UnknownSender)


def test_nothing_to_ask_is_answered_at_once(session: Session) -> None:
    for questions in ([], [("s", "m", object())]):
        many, ends = many_of(session, questions)
        assert ends == [None] and len(many.results) == len(questions) and not session.asked


def test_a_link_that_ends_ends_them_all(session: Session) -> None:
    many, ends = many_of(session, [("s", "m", n) for n in range(OPEN_AT_ONCE + 9)])
    session.error = LinkClosed("it is closed")
    for ident in list(session.open):
        session.answer(ident, None, LinkClosed("it was lost"))
    assert [str(each) for each in many.results] == ["it was lost"] * OPEN_AT_ONCE + ["it is closed"] * 9
    assert ends == [None]


def test_who_gives_up_drops_what_is_open_and_asks_no_more(session: Session) -> None:
    many, ends = many_of(session, [("s", "m", n) for n in range(OPEN_AT_ONCE + 2)])
    session.answer(1, "one")
    late = session.open[2]
    many.give_up(RequestTimeout("late"))
    assert ends == [None] and len(session.asked) == OPEN_AT_ONCE + 1
    assert session.cancelled == list(range(2, OPEN_AT_ONCE + 2)) and not session.open
    late("two", None)  # it was on its way
    assert many.results[0] == "one" and {str(each) for each in many.results[1:]} == {"late"} and ends == [None]
