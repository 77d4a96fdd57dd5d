"""When the server speaks to a plain peer, with a clock that the test turns: every rule of docs/plain.md, section 4."""

from __future__ import annotations

import pytest

from sig_core.clock import NEVER
from sig_core.session.plain.message_queue import HEAD
from sig_core.session.plain.output import FIRST_ANSWER_TIMEOUT, MESSAGE_GAP
from tests.session.plain.heard import PATIENCE, ROOM, Heard, without_heads


def test_lines_are_given_as_soon_as_they_are_there_and_joined() -> None:
    heard = Heard()
    heard.out.note_lines()
    for ident in (1, 2):
        heard.put_event(ident)
    heard.out.put_answer(b"a\n")
    assert without_heads(heard.out.take(ROOM)) == b"e1\ne2\na\n"
    assert heard.out.tick(heard.now) == NEVER and not heard.asked


def test_what_is_taken_fits_the_room_but_for_the_first() -> None:
    heard = Heard()
    heard.out.note_lines()
    for ident in (1, 2, 3):
        heard.put_event(ident)
    taken = [heard.out.take(1), heard.out.take(2 * (HEAD + 2)), heard.out.take(ROOM)]
    assert [without_heads(data) for data in taken] == [b"e1\n", b"e2\ne3\n", b""]
    assert all(len(data) <= HEAD + 2 for data in (taken[0], taken[1][: taken[1].index(b"\n") + 1]))


def test_lines_keep_everything_in_order_answers_too() -> None:
    heard = Heard()
    heard.out.note_lines()
    heard.event(1)
    heard.answer("a")
    heard.event(2)
    assert heard.take() == ["e1", "a", "e2"]


def test_a_newline_ends_the_wait_for_an_answer() -> None:
    heard = Heard()
    for ident in (1, 2, 3):
        heard.event(ident)
    assert heard.take() == ["e1"]
    heard.out.note_lines()
    heard.flush()
    assert heard.take() == ["e2", "e3"]


# -- a peer that may be an original


def test_one_call_is_open_at_a_time() -> None:
    heard = Heard()
    for ident in (1, 2, 3):
        heard.event(ident)
    assert heard.take() == ["e1"]
    heard.wait(0.9)
    assert heard.take() == []
    heard.answered(1)
    assert heard.take() == ["e2"]
    heard.answered(1)  # again: nothing to it
    assert heard.take() == []
    heard.answered(2)
    assert heard.take() == ["e3"]


def test_who_never_answered_an_event_within_a_second_is_taken_for_silent() -> None:
    heard = Heard()
    for ident in (1, 2, 3):
        heard.event(ident)
    heard.take()
    heard.wait(FIRST_ANSWER_TIMEOUT - 0.01)
    assert heard.take() == []
    heard.wait(0.02)
    assert heard.take() == ["e2", "e3"]
    heard.event(4)
    heard.answer("a")
    heard.event(5)
    assert heard.take() == ["e4", "a", "e5"]


def test_who_answers_after_all_gets_one_at_a_time_again() -> None:
    heard = Heard()
    for ident in (1, 2, 3):
        heard.event(ident)
    heard.wait(1.1)
    heard.take()
    heard.answered(2)  # late, for the one before the last
    for ident in (4, 5, 6):
        heard.event(ident)
    assert heard.take() == ["e4"]
    heard.answered(4)
    assert heard.take() == ["e5"]


def test_who_answered_before_is_waited_for_as_long_as_a_request_may_take() -> None:
    heard = Heard()
    for ident in (1, 2, 3, 4):
        heard.event(ident)
    heard.answered(1)
    assert heard.take() == ["e1", "e2"]
    heard.wait(PATIENCE - 0.01)
    assert heard.take() == []
    heard.wait(0.02)
    assert heard.take() == ["e3"]  # and the next one is waited for as long: it has answered once
    heard.wait(PATIENCE - 0.1)
    assert heard.take() == []
    heard.wait(0.2)
    assert heard.take() == ["e4"]


def test_a_request_is_waited_for_longer_than_an_event() -> None:
    heard = Heard()
    heard.request(1)
    heard.event(2)
    assert heard.take() == ["r1"]
    heard.wait(PATIENCE - 0.01)
    assert heard.take() == []
    heard.wait(0.02)
    assert heard.take() == ["e2"]


def test_nothing_follows_an_answer_for_20_ms() -> None:
    heard = Heard()
    heard.answer("a")
    heard.answer("b")
    heard.event(1)
    heard.wait(MESSAGE_GAP * 0.99)
    assert heard.take() == ["a"]
    heard.wait(MESSAGE_GAP)
    assert heard.take() == ["a", "b"][1:]
    heard.wait(MESSAGE_GAP)
    assert heard.take() == ["e1"]


def test_an_answer_does_not_wait_for_one_of_the_peer_but_for_20_ms() -> None:
    heard = Heard()
    heard.event(1)
    heard.event(2)
    heard.answer("a")
    assert heard.take() == ["e1"]
    heard.wait(MESSAGE_GAP)
    assert heard.take() == ["a"]
    heard.wait(0.5)
    assert heard.take() == []


def test_a_call_that_was_answered_may_be_followed_at_once() -> None:
    heard = Heard()
    heard.event(1)
    heard.event(2)
    heard.answered(1)
    assert heard.messages == [(100.0, "e1"), (100.0, "e2")]


def test_an_answer_to_a_call_says_nothing_of_what_was_sent_after_it() -> None:
    heard = Heard()
    heard.event(1)
    heard.event(2)
    heard.answer("a")
    heard.wait(MESSAGE_GAP)
    assert heard.take() == ["e1", "a"]
    heard.answered(1)  # written before "a" was there
    assert heard.take() == []
    heard.wait(MESSAGE_GAP)
    assert heard.take() == ["e2"]


def test_answers_are_given_in_order() -> None:
    heard = Heard()
    for name in "abc":
        heard.answer(name)
    heard.wait(1.0)
    assert heard.take() == ["a", "b", "c"]


def test_an_answer_to_a_call_that_has_not_left_ends_no_wait() -> None:
    heard = Heard()
    for ident in (1, 2, 3):
        heard.event(ident)
    heard.answered(2)
    heard.answered(3)
    assert heard.take() == ["e1"]


def test_ticks_are_asked_for_when_something_leaves() -> None:
    heard = Heard()
    heard.event(1)
    assert heard.asked == [100.0 + MESSAGE_GAP, 100.0 + FIRST_ANSWER_TIMEOUT]
    assert heard.out.tick(100.0) == 100.0 + MESSAGE_GAP
    assert heard.out.tick(100.0 + MESSAGE_GAP) == 100.0 + FIRST_ANSWER_TIMEOUT
    assert heard.out.tick(100.0 + FIRST_ANSWER_TIMEOUT) == NEVER


# -- what a peer says of itself


def test_it_says_that_it_reads_lines() -> None:
    heard = Heard()
    for ident in (1, 2):
        heard.event(ident)
    heard.declare(lines=True)
    assert heard.take() == ["e1", "e2"]
    heard.event(3)
    assert heard.take() == ["e3"]


def test_it_says_that_it_does_not_answer() -> None:
    heard = Heard()
    for ident in (1, 2):
        heard.event(ident)
    heard.declare(answering=False)
    assert heard.take() == ["e1", "e2"]
    heard.answer("a")
    heard.event(3)
    heard.answered(3)  # but it does; what it said counts
    heard.event(4)
    heard.event(5)
    assert heard.take() == ["a", "e3", "e4", "e5"]


def test_it_says_that_it_answers_and_reads_lines() -> None:
    heard = Heard()
    heard.declare(lines=True, answering=True)
    for ident in (1, 2, 3):
        heard.event(ident)
    heard.answer("a")
    heard.answer("b")
    assert heard.take() == ["e1", "a", "b"]  # lines: no 20 ms
    heard.wait(PATIENCE - 0.01)
    assert heard.take() == []
    heard.answered(1)
    assert heard.take() == ["e2"]


def test_it_says_that_it_answers_and_is_waited_for_longer() -> None:
    heard = Heard()
    heard.declare(answering=True)
    heard.event(1)
    heard.event(2)
    heard.wait(PATIENCE - 0.01)
    assert heard.take() == ["e1"]
    heard.wait(0.02)
    assert heard.take() == ["e2"]


def test_it_says_that_it_answers_while_a_call_is_open() -> None:
    heard = Heard()
    heard.event(1)
    heard.event(2)
    heard.declare(answering=True)
    heard.wait(PATIENCE - 0.01)
    assert heard.take() == ["e1"]


def test_it_takes_back_that_it_reads_lines() -> None:
    heard = Heard()
    heard.declare(lines=True)
    heard.event(1)
    heard.declare(lines=False)
    for ident in (2, 3):
        heard.event(ident)
    assert heard.take() == ["e1", "e2"]


def test_what_it_says_of_lines_is_not_guessed_any_more() -> None:
    heard = Heard()
    heard.declare(lines=False)
    heard.out.note_lines()
    for ident in (1, 2):
        heard.event(ident)
    assert heard.take() == ["e1"]


def test_answers_that_wait_in_a_stream_overtake_when_one_at_a_time_begins() -> None:
    heard = Heard()
    heard.out.note_lines()
    heard.put_event(1)  # the link takes nothing for a while
    heard.put_event(2)
    heard.out.put_answer(b"a\n")
    heard.declare(answering=True)
    assert sorted(heard.take()) == ["a", "e1"]


# -- bounds and ends


def test_the_oldest_events_give_way_and_are_counted() -> None:
    heard = Heard(1000)
    for ident in range(1, 31):
        heard.event(ident, 99)
    assert heard.take() == ["e1"]
    assert heard.lost["slow listener"] + heard.out.calls.waiting + heard.out.calls.taken == 30
    heard.declare(answering=False)
    kept = heard.take()
    assert kept == [f"e{ident}" for ident in range(31 - len(kept), 31)]
    assert (heard.lost["slow listener"], heard.out.calls.taken, heard.out.size) == (29 - len(kept), 1 + len(kept), 0)


def test_requests_and_answers_never_give_way() -> None:
    heard = Heard(1000)
    heard.out.note_lines()
    heard.out.put_call(1, b"r1\n")
    heard.out.put_answer(b"a\n")
    for ident in range(2, 50):
        heard.put_event(ident, 100)
    heard.flush()
    assert heard.take()[:2] == ["r1", "a"]


def test_the_size_is_that_of_all_that_waits() -> None:
    heard = Heard()
    heard.event(1)
    for ident, name in ((2, "aa"), (3, "bb")):
        heard.event(ident)
        heard.answer(name)
    assert heard.out.size == len("e2e3aa\nbb\n")
    heard.out.release_all()
    assert without_heads(heard.out.take(ROOM)) == b"aa\nbb\ne2\ne3\n"
    assert (heard.out.size, heard.out.has_output) == (0, False)


@pytest.mark.parametrize("resting", [True, False])
def test_an_end_hurries_whatever_was_waited_for(resting: bool) -> None:
    heard = Heard()
    heard.event(1)
    heard.event(2)
    heard.answer("a")
    if not resting:
        heard.wait(0.5)
    heard.out.release_all()
    heard.answer("b")
    heard.flush()
    assert sorted(heard.take()) == ["a", "b", "e1", "e2"]
