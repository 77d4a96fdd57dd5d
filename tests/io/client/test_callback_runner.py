"""Running callbacks: in order of arrival, none ends the thread, and what they put out is sent in time."""

from __future__ import annotations

import pytest

from sig_core.errors import Busy, LinkLost
from sig_core.io.client.callback_runner import CALLBACK_LINGER, MAX_SEND_DELAY
from sig_core.session.binary.reports import Closed
from tests.io.client.fakes import Parts, answer, asking, events, future


def run_all(parts: Parts) -> None:
    while parts.inbox.reports:
        parts.runner.run_next()


def test_all_run_in_order_of_arrival() -> None:
    parts, closed = Parts(), Closed(LinkLost("gone"))
    parts.inbox.take([events(b"1"), asking(10, 11), events(b"2"), closed])
    run_all(parts)
    assert parts.sink.got == [b"1", 10, 11, b"2", closed]
    assert (parts.inbox.event_bytes, parts.inbox.request_reports) == (0, 0)


@pytest.mark.parametrize("error", [ZeroDivisionError("mine"), SystemExit("mine")])
def test_a_callback_that_fails_is_logged_and_the_next_one_runs(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    parts = Parts()

    def fail(got: object) -> None:
        raise error

    parts.sink.does = fail
    parts.inbox.take([events(b"1"), asking(10, 11)])
    run_all(parts)
    assert parts.sink.got == [b"1", 10, 11]
    assert "test://peer: Events failed" in caplog.text
    assert caplog.text.count("test://peer: a request failed") == 2
    assert (parts.inbox.event_bytes, parts.inbox.request_reports, parts.runner.answering) == (0, 0, 0)


def test_events_no_longer_count_while_their_callback_runs_but_requests_do_until_the_last_has_begun() -> None:
    parts = Parts()
    counts: list[tuple[int, int]] = []
    parts.sink.does = lambda got: counts.append((parts.inbox.event_bytes, parts.inbox.request_reports))
    parts.inbox.take([events(b"12345"), asking(10, 11)])
    run_all(parts)
    assert counts == [(0, 1), (0, 1), (0, 0)]


def test_futures_that_are_answered_come_before_the_rest_of_the_requests() -> None:
    parts, made = Parts(), future()
    parts.sink.does = lambda got: parts.inbox.take([answer(made, 5)]) if got == 10 else None
    parts.inbox.take([asking(10, 11)])
    parts.runner.run_next()
    assert parts.sink.got == [10]
    parts.runner.settle_futures()
    assert made.result() == 5
    parts.runner.run_next()
    assert parts.sink.got == [10, 11]


def test_requests_alone_run_for_a_callback_that_waits() -> None:
    parts = Parts()
    parts.inbox.take([events(b"1"), asking(10), events(b"2"), asking(11, 12)])
    parts.runner.run_all_requests()
    assert parts.sink.got == [10, 11, 12]
    assert [report.data for report in parts.inbox.reports] == [b"1", b"2"]  # type: ignore[union-attr]


def test_requests_that_would_nest_too_deep_are_refused() -> None:
    parts = Parts(max_depth=2)
    parts.runner.depth = 2
    parts.inbox.take([asking(10, 11)])
    run_all(parts)
    assert parts.sink.got == []
    assert [ident for ident, _ in parts.session.refused] == [10, 11]
    error = parts.session.refused[0][1]
    assert isinstance(error, Busy)
    assert str(error) == "sender 'mine': 2 requests run inside each other, which is the limit"


def test_a_future_whose_callback_fails_does_not_keep_the_next_from_its_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parts, good = Parts(), future()

    def fail(value: object, error: object) -> None:
        raise SystemExit("mine")

    bad = answer(future())
    bad.when = fail
    parts.inbox.answers += [bad, answer(good, 5)]
    parts.runner.settle_futures()
    assert good.result() == 5
    assert "test://peer: a callback of a future failed" in caplog.text


def test_what_callbacks_put_out_is_sent_together_but_not_late() -> None:
    parts = Parts()
    out = parts.session.out
    took = iter((0.0, MAX_SEND_DELAY / 2, MAX_SEND_DELAY, 0.0, 0.0))  # seconds of each callback

    def reply(got: object) -> None:
        parts.clock.advance(next(took))
        out.append(b"%d" % got)  # type: ignore[str-bytes-safe]

    parts.sink.does = reply
    parts.inbox.take([asking(1), asking(2), asking(3), asking(4), asking(5)])
    parts.runner.run_next()
    assert parts.writer.pushes == [[b"1"]]  # nothing was sent for long
    parts.runner.run_next()
    assert len(parts.writer.pushes) == 1
    assert parts.writer.lingers == [CALLBACK_LINGER]  # should the next callback take long, the writer's thread sends
    parts.runner.run_next()
    assert parts.writer.pushes[1] == [b"2", b"3"]  # the oldest of them waited long enough
    parts.runner.run_next()
    assert len(parts.writer.pushes) == 2
    parts.runner.run_next()
    assert parts.writer.pushes[2] == [b"4", b"5"]  # nothing is left that could put out more
    assert parts.writer.lingers == [CALLBACK_LINGER]  # it gathers already


def test_settle_returns_at_once_if_no_request_is_there() -> None:
    parts = Parts()
    parts.inbox.take([events(b"1")])
    assert parts.runner.settle(0)


def test_settle_waits_for_requests_that_came_or_run() -> None:
    parts = Parts()
    parts.inbox.take([asking(10, 11)])
    assert not parts.runner.settle(0)
    inside: list[bool] = []
    parts.sink.does = lambda got: inside.append(parts.runner.settle(0))
    run_all(parts)
    assert inside == [False, False]
    assert parts.runner._settled is not None and parts.runner._settled.done  # told when the last was answered
    assert parts.runner.settle(0)
