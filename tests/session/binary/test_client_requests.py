"""Requests and registrations of a client, fed by hand: routes, ids, deadlines, bad answers, the end."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import sig_core as sig
from sig_core.protocol import wire
from sig_core.session.base import State
from sig_core.session.binary.reports import Closed, ReplyReceived
from tests.session.by_hand import Client
from tests.support.named_frames import split_request


def resolve(client: Client, route: Any = 3) -> None:
    """Answer the one resolve that is out."""
    (message,) = client.messages()
    assert message["method"] == "resolve"
    client.feed_message({"id": message["id"], "status": 0, "response": {"route": route}})


def test_a_sender_is_resolved_once_for_all_requests() -> None:
    client = Client.opened()
    idents = [client.session.request("s", "m", b"%d" % number, client.when) for number in range(3)]
    resolve(client)
    frames = client.said()
    assert [split_request(frame.body)[::2] for frame in frames] == [
        (ident, b"%d" % number) for number, ident in enumerate(idents)
    ]
    assert {frame.route for frame in frames} == {3}
    client.session.request("s", "m", b"3", client.when)
    assert [frame.type for frame in client.said()] == [wire.REQUEST]
    for number, ident in enumerate(idents):
        client.feed(wire.reply_frame(3, ident, b"%d" % number))
    assert client.told == [(0, None), (1, None), (2, None)]


@pytest.mark.parametrize(
    ("sender", "method"), [([], "m"), ("", "m"), (True, "m"), ("s", []), ("s", ""), ("s", 5), ("s", "m" * 256)]
)
def test_what_can_t_be_asked_is_refused_before_anything_is_sent(sender: Any, method: Any) -> None:
    client = Client.opened()
    with pytest.raises(sig.ConfigError, match="sender" if method == "m" else "request method"):
        client.session.request(sender, method, b"1", client.when)
    assert (client.said(), client.session._requests) == ([], {})


@pytest.mark.parametrize("response", [None, {}, {"route": 0}, {"route": "1"}, []])
def test_a_bad_answer_to_a_resolve_fails_the_requests_alone(response: Any) -> None:
    client = Client.opened()
    client.session.request("s", "m", b"1", client.when)
    client.session.request("s", "m", b"1", client.when)
    (message,) = client.messages()
    client.feed_message({"id": message["id"], "status": 0, "response": response})
    assert [isinstance(error, sig.RemoteProtocolError) for _, error in client.told] == [True, True]
    assert client.session.state is State.OPEN
    assert not client.session._requests
    assert not client.session._resolving._waiting


def test_a_request_that_is_cancelled_while_its_sender_is_resolved_is_not_sent() -> None:
    client = Client.opened()
    gone = client.session.request("s", "m", b"1", client.when)
    kept = client.session.request("s", "m", b"2", client.when)
    (message,) = client.messages()
    client.session.cancel(gone)
    client.said()
    client.feed_message({"id": message["id"], "status": 0, "response": {"route": 3}})
    (frame,) = client.said()
    assert split_request(frame.body)[0] == kept
    assert client.told == []


def test_ids_of_open_requests_are_not_given_again() -> None:
    client = Client.opened()
    client.session._routes["s"] = 3
    first = client.session.request("s", "m", b"1", client.when)
    client.session._idents = iter([first + 2**32, first, 2**32 - 1, 2**32])  # type: ignore[assignment]
    assert client.session.request("s", "m", b"1", client.when) == 2**32 - 1
    assert client.session.request("s", "m", b"1", client.when) == 0


def test_a_reply_that_cannot_be_decoded_fails_that_request() -> None:
    client = Client.opened()
    client.session._routes["s"] = 3
    ident = client.session.request("s", "m", b"1", client.when)
    client.feed(wire.reply_frame(3, ident, b"{"))
    other = client.session.request("s", "m", b"1", client.when)
    client.feed(wire.error_frame(3, other, -99, b"{"))
    (_, bad), (_, worse) = client.told
    assert isinstance(bad, sig.DecodeError)
    assert isinstance(worse, sig.RemoteError)
    assert client.session.state is State.OPEN


def test_deadlines() -> None:
    client = Client.opened()
    client.session._routes["s"] = 3
    late = client.session.request("s", "m", b"1", client.when, 2.0)
    client.session.request("s", "m", b"1", client.when, 3.0)
    client.session.call("sync", {}, client.when, 2.0)
    client.said()
    reports, wait = client.session.tick(1.5)
    assert (reports, wait) == ([], pytest.approx(0.5))
    reports, wait = client.session.tick(2.0)
    assert wait == pytest.approx(1.0)
    assert [type(report.error) for report in reports if isinstance(report, ReplyReceived)] == [sig.RequestTimeout] * 2
    assert client.messages() == [{"method": "cancel", "params": {"id": late}}]
    client.feed(wire.reply_frame(3, late, b"1"))
    assert client.session.unmatched_replies == 1
    assert client.told == []


@contextmanager
def at_each_collection(change: Callable[[], object]) -> Iterator[None]:
    """Change something whenever the garbage collector runs, which it does all the time: as a destructor may."""

    def collecting(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            change()

    thresholds = gc.get_threshold()
    gc.callbacks.append(collecting)
    gc.set_threshold(1, 1_000, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(collecting)


@pytest.mark.parametrize("what", ["tick", "end"])
def test_requests_that_are_answered_while_time_is_looked_at(what: str) -> None:
    client = Client.opened()
    client.session._routes["s"] = 3
    waiting = [client.session.request("s", "m", b"1", client.when, 2.0) for _ in range(5_000)]
    if what == "end":
        client.session.receive_eof()
    answered = 0

    def answer() -> None:
        nonlocal answered
        if answered < 100:
            answered += client.session.cancel(waiting.pop())

    with at_each_collection(answer):
        reports = client.session.tick(2.0)[0] if what == "tick" else client.session.end()
    told = sum(isinstance(report, ReplyReceived) for report in reports)
    assert answered > 0
    assert told + answered >= 5_000  # of one that was answered meanwhile, the end may be told too
    if what == "tick":
        assert told + answered == 5_000  # never a timeout too


def test_the_end_is_told_to_all_who_wait_once() -> None:
    client = Client.opened()
    client.session._routes["s"] = 3
    client.session.request("s", "m", b"1", client.when)
    client.session.request("other", "m", b"1", client.when)
    client.session.add_sender("t", [], None, client.when)
    client.session.receive_eof()
    reports = client.session.end()
    for report in reports:
        if isinstance(report, ReplyReceived):
            report.tell()
    assert [type(report) for report in reports].count(Closed) == 1
    assert [type(error) for _, error in client.told] == [sig.OutcomeUnknown] * 3
    assert client.session.end() == []
    for late in (
        lambda: client.session.call("sync", {}, client.when),
        lambda: client.session.request("s", "m", b"1", client.when),
    ):
        with pytest.raises(sig.LinkLost):
            late()
    client.session.reply(1, 3, 1)
    client.session.fail_to(1, 3, sig.Busy("x"))
    client.session.close()
    assert all(b"goodbye" not in data for data in client.session.out)


BAD_ROUTES = [None, [], {}, {"route": 1}, {"route": 0, "events": []}, {"route": 1, "events": [["e"]]}]
BAD_ROUTES += [{"route": 1, "events": [["e", 0]]}, {"route": 1, "events": [["", 2]]}, {"route": 1, "events": [[[], 2]]}]
BAD_ROUTES += [{"route": 1, "events": [["e", 2, 3]]}, {"route": 1, "events": {"e": 2}}, {"route": 1, "events": ["e2"]}]


@pytest.mark.parametrize("response", BAD_ROUTES)
def test_a_bad_answer_to_add_sender_fails_it_alone(response: Any) -> None:
    client = Client.opened()
    ident = client.session.add_sender("s", ["e"], None, client.when)
    client.feed_message({"id": ident, "status": 0, "response": response})
    ((routes, error),) = client.told
    assert routes is None
    assert isinstance(error, sig.RemoteProtocolError)
    assert client.session.state is State.OPEN
