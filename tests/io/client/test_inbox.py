"""What waits for callbacks: in order, counted, and without the answers that threads wait for."""

from __future__ import annotations

from typing import Any

from sig_core.errors import LinkLost
from sig_core.io.client.inbox import Inbox
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.session.binary.reports import Closed
from tests.io.client.fakes import answer, asking, events, future


def test_reports_are_kept_in_order_and_counted() -> None:
    inbox = Inbox()
    reports: list[Any] = [events(b"12345"), asking(1, 2), Closed(LinkLost("gone")), events(b"678")]
    inbox.take(reports[:2])
    inbox.take(reports[2:])
    assert list(inbox.reports) == reports
    assert (inbox.event_bytes, inbox.request_reports) == (8, 1)


def test_who_takes_them_out_is_counted_down() -> None:
    inbox = Inbox()
    first, asked, last = events(b"12345"), asking(1), events(b"678")
    inbox.take([first, asked, last])
    inbox.remove_first()
    assert (list(inbox.reports), inbox.event_bytes) == ([asked, last], 3)
    assert inbox.first_requests() is asked
    inbox.remove_requests(asked)
    assert (list(inbox.reports), inbox.request_reports) == ([last], 0)
    inbox.remove_first()
    assert (list(inbox.reports), inbox.event_bytes) == ([], 0)


def test_requests_are_found_and_removed_behind_events() -> None:
    inbox = Inbox()
    before, asked, other = events(b"1"), asking(1), asking(2)
    inbox.take([before, asked, other])
    assert inbox.first_requests() is asked
    inbox.remove_requests(asked)
    assert list(inbox.reports) == [before, other]
    assert (inbox.event_bytes, inbox.request_reports) == (1, 1)


def test_an_answer_is_told_at_once_to_the_thread_that_waits() -> None:
    inbox, good, bad = Inbox(), PendingReply(), PendingReply()
    error = LinkLost("gone")
    inbox.take([events(b"1"), answer(good, 5), answer(bad, error=error)])
    assert (good.done, good.value) == (True, 5)
    assert (bad.done, bad.error) == (True, error)
    assert len(inbox.reports) == 1


def test_the_answer_of_a_future_waits_since_its_callbacks_are_user_code() -> None:
    inbox, made = Inbox(), future()
    report = answer(made, 5)
    inbox.take([report])
    assert not made.done()
    assert (list(inbox.answers), list(inbox.reports)) == ([report], [])
