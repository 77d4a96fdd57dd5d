"""Senders that a client adds: the plan step by step, and what is left when it ends otherwise at any of its steps."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any

import pytest

from sig_core.errors import (
    Busy,
    LinkLost,
    MessageTooBig,
    OutcomeUnknown,
    RemoteProtocolError,
    RequestTimeout,
    SenderExists,
    SigError,
    UnknownSender,
)
from sig_core.protocol.limits import Limits
from sig_core.session.client_state.asks import Steps
from tests.session.by_hand import Client as ByHand
from tests.session.client_state.support import (
    WINDOWS,
    Client,
    answers_and_loses,
    at_each_yield,
    cancels,
    interrupts,
    loses,
    result_of,
    times_out,
    windows,
)
from tests.support.sessions import Net

NAMES = [f"s{number}" for number in range(7)]


def kinds(steps: Steps[None], client: Client) -> list[str]:
    """What a plan waits for, in order."""
    found: list[str] = []
    value: Any = None
    while True:
        try:
            ask = steps.send(value)
        except StopIteration:
            return found
        client.lock.check_free()
        found.append("send" if ask is None else ask.what)
        client.net.pump()
        value = None if ask is None else result_of(ask)


# -- the steps


def test_one_sender_is_asked_for_and_waited_for() -> None:
    client = Client().connect()
    sender = client.make("s", "e", "#c")
    assert kinds(client.registrations.add_senders(client.session, [sender], all_or_none=False), client) == [
        "add_sender 's'"
    ]
    assert client.check_same() == (["s"], []) and client.router._senders["s"] is sender
    assert list(client.net.exchange.senders["s"].events) == ["e", "#c", "#connect", "#disconnect"]


def test_none_at_all() -> None:
    client = Client().connect()
    assert kinds(client.adding(all_or_none=True), client) == []


def test_many_are_sent_together_and_some_ahead_of_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    windows(monkeypatch, ahead=3, together=2)
    client = Client().connect()
    first, *rest = [f"add_sender {name!r}" for name in NAMES]
    assert kinds(client.adding(*NAMES), client) == ["send", first, "send", *rest[:2], "send", *rest[2:]]
    assert client.check_same() == (NAMES, [])


def test_no_more_are_asked_for_than_may_be_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    windows(monkeypatch, ahead=3, together=2)
    client = Client().connect()
    asked: list[str] = []
    add_sender = client.session.add_sender

    def noted(name: str, *args: Any, **how: Any) -> int:
        asked.append(name)
        return add_sender(name, *args, **how)

    monkeypatch.setattr(client.session, "add_sender", noted)
    steps, answered, value = client.adding(*NAMES), 0, None
    with pytest.raises(StopIteration):
        while True:
            ask = steps.send(value)
            assert len(asked) - answered <= 3
            client.net.pump()
            value = None if ask is None else result_of(ask)
            answered += ask is not None


def test_a_name_is_taken_before_the_answer() -> None:
    client = Client().connect()
    steps = client.adding("s")
    next(steps)
    with pytest.raises(SenderExists, match="'s' is already connected, by this program"):
        client.add("s")
    assert "s" in client.registrations.senders and "s" not in client.router._senders
    steps.close()


@pytest.mark.parametrize("where", ["remote", "local"])
def test_a_name_that_is_taken_here_keeps_all_from_being_asked_for(where: str) -> None:
    client = Client().connect()
    if where == "remote":
        client.add("s5")
    else:
        client.router.add_sender("s5")
    client.session.out.clear()
    with pytest.raises(SenderExists):
        client.add(*NAMES, all_or_none=True)
    assert client.session.out == [] and list(client.registrations.senders) == ["s5"][: where == "remote"]


def test_a_link_that_is_gone_is_not_asked() -> None:
    client = Client().connect()
    client.lose()
    for all_or_none in (True, False):
        with pytest.raises(LinkLost):
            next(client.adding("s", "t", all_or_none=all_or_none))  # nothing is waited for
        assert client.here() == ([], [])


# -- refusals


@WINDOWS
@pytest.mark.parametrize("place", range(len(NAMES)))
def test_all_or_none(place: int, ahead: int, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    windows(monkeypatch, ahead, together)
    client = Client().connect()
    other = Client(client.net).connect()
    other.add(NAMES[place])
    with pytest.raises(SenderExists, match=f"'{NAMES[place]}'"):
        client.add(*NAMES, all_or_none=True)
    assert client.check_same() == ([], []) and list(client.net.exchange.senders) == [NAMES[place]]
    other.remove(NAMES[place])
    client.add(*NAMES, all_or_none=True)
    assert client.check_same() == (NAMES, [])


@pytest.mark.parametrize("place", range(len(NAMES)))
def test_those_before_and_those_asked_for_already_are_there_all_the_same(
    place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows(monkeypatch, ahead=3, together=2)
    client = Client().connect()
    other = Client(client.net).connect()
    other.add(NAMES[place])
    with pytest.raises(SenderExists):
        client.add(*NAMES)
    names, _ = client.check_same()
    assert names == [name for name in NAMES[: len(names) + 1] if name != NAMES[place]]
    assert len(names) >= place


def test_the_first_refusal_is_raised() -> None:
    client = Client(Net(Limits(max_senders=3))).connect()
    other = Client(client.net).connect()
    other.add("s1")
    with pytest.raises(SenderExists, match="'s1'"):
        client.add(*NAMES, all_or_none=True)
    with pytest.raises(Busy, match="'s4'"):
        client.add("s0", "s2", "s3", "s4", "s1", all_or_none=True)
    assert client.check_same() == ([], [])


def test_one_that_is_too_long_for_the_server_is_refused() -> None:
    client = Client(Net(Limits(max_frame=4096))).connect()
    long = client.make("long", *[f"event-{number}" for number in range(1000)])
    senders = [client.make("a"), long, client.make("b")]
    with pytest.raises(MessageTooBig):
        client.run(client.registrations.add_senders(client.session, senders, all_or_none=True))
    assert client.check_same() == ([], [])
    client.add("a", "long", "b")
    assert client.check_same() == (["a", "long", "b"], [])


# -- the plan ends otherwise, at each of its yields


@WINDOWS
@pytest.mark.parametrize("all_or_none", [True, False])
@pytest.mark.parametrize("do", [interrupts, cancels], ids=["before the answer", "after it"])
def test_an_interruption_leaves_nothing_half(
    do: Any, all_or_none: bool, ahead: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows(monkeypatch, ahead, together)

    def make() -> tuple[Client, Steps[None]]:
        client = Client().connect()
        client.add("before")
        return client, client.adding(*NAMES, all_or_none=all_or_none)

    for client, raised in at_each_yield(make, do):
        assert isinstance(raised, KeyboardInterrupt | CancelledError)
        names, _ = client.check_same()
        assert names == ["before", *NAMES[: len(names) - 1]]
        assert len(names) == 1 or not all_or_none
        client.add(*NAMES[len(names) - 1 :])
        assert client.check_same() == (["before", *NAMES], [])
        assert not client.session._calls


@WINDOWS
def test_an_interruption_while_all_are_taken_back(ahead: int, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    windows(monkeypatch, ahead, together)

    def make() -> tuple[Client, Steps[None]]:
        client = Client().connect()
        Client(client.net).connect().add("s6")
        return client, client.adding(*NAMES, all_or_none=True)

    for client, raised in at_each_yield(make, interrupts):
        assert isinstance(raised, KeyboardInterrupt)
        assert client.check_same() == ([], [])


def answer(client: Client, steps: Steps[None], ask: Any) -> Any:
    """Give a plan its answer, and what it asks next."""
    client.net.pump()
    try:
        value = None if ask is None else result_of(ask)
    except SigError as error:
        return steps.throw(error)
    return steps.send(value)


def test_a_plan_that_is_closed_at_each_yield(monkeypatch: pytest.MonkeyPatch) -> None:
    windows(monkeypatch, ahead=3, together=2)
    for at in range(12):
        client = Client().connect()
        steps = client.adding(*NAMES, all_or_none=True)
        try:
            ask = next(steps)
            for _ in range(at):
                ask = answer(client, steps, ask)
        except StopIteration:
            assert at > len(NAMES)
            return
        steps.close()
        assert client.check_same() == ([], [])


@WINDOWS
@pytest.mark.parametrize("all_or_none", [True, False])
@pytest.mark.parametrize("do", [loses, answers_and_loses], ids=["before the answer", "after it"])
def test_a_link_that_ends_leaves_what_the_next_one_has(
    do: Any, all_or_none: bool, ahead: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows(monkeypatch, ahead, together)

    def make() -> tuple[Client, Steps[None]]:
        client = Client().connect()
        client.add("before")
        return client, client.adding(*NAMES, all_or_none=all_or_none)

    for client, raised in at_each_yield(make, do):
        assert isinstance(raised, OutcomeUnknown | LinkLost | type(None))
        names, _ = client.here()
        assert names == ["before", *NAMES[: len(names) - 1]]
        assert (len(names) == 1 + len(NAMES)) if raised is None else (len(names) == 1 or not all_or_none)
        client.connect()
        assert client.check_same() == (names, [])
        client.add(*NAMES[len(names) - 1 :])
        assert client.check_same() == (["before", *NAMES], [])


def test_a_link_that_ends_and_is_there_again_before_the_plan_goes_on() -> None:
    """On threads: the answer is there, but the plan's thread sleeps while the client loses its link and comes back."""

    def again(client: Client, ask: Any) -> None:
        answers_and_loses(client, ask)
        client.connect()

    def make() -> tuple[Client, Steps[None]]:
        client = Client().connect()
        return client, client.adding("a", "b", "c", all_or_none=all_or_none)

    for all_or_none in (True, False):
        for client, raised in at_each_yield(make, again):
            names, _ = client.check_same()
            assert raised is not None and (names == [] or not all_or_none)
            client.add(*[name for name in "abc" if name not in names])
            assert sorted(client.check_same()[0]) == ["a", "b", "c"]


@WINDOWS
@pytest.mark.parametrize("all_or_none", [True, False])
def test_an_answer_that_comes_too_late_is_taken_back(
    all_or_none: bool, ahead: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows(monkeypatch, ahead, together)

    def make() -> tuple[Client, Steps[None]]:
        client = Client().connect()
        return client, client.adding(*NAMES, all_or_none=all_or_none)

    for client, raised in at_each_yield(make, times_out):
        if raised is None:
            continue  # nothing was waited for there
        assert isinstance(raised, RequestTimeout)
        names, _ = client.check_same()
        assert names == [name for name in NAMES if name in names] and (not names or not all_or_none)
        client.add(*[name for name in NAMES if name not in names])
        assert sorted(client.check_same()[0]) == NAMES


# -- other threads meanwhile


def test_one_that_is_removed_before_its_answer_is_there() -> None:
    client = Client().connect()

    def remove(ask: Any) -> None:
        client.remove("s")

    with pytest.raises(UnknownSender, match="'s'"):
        client.run(client.adding("s"), 0, remove)
    assert client.check_same() == ([], [])
    client.lose()
    client.connect()
    client.add("s")
    assert client.check_same() == (["s"], [])


def test_a_local_one_of_its_name_that_came_meanwhile_stays() -> None:
    client = Client().connect()
    made: list[Any] = []
    with pytest.raises(SenderExists, match="by this program"):
        client.run(client.adding("s"), 0, lambda ask: made.append(client.router.add_sender("s")))
    assert client.router._senders == {"s": made[0]} and client.registrations.senders == {}
    assert client.at_server() == ([], [])
    made[0].get_signal("#connect").trigger(None)


def test_all_are_counted_once_while_they_are_taken_back() -> None:
    client = Client().connect()
    Client(client.net).connect().add("t")
    steps = client.adding("s", "t", all_or_none=True)
    ask = answer(client, steps, next(steps))
    client.trigger("s", 1)
    signal = client.router._senders["s"].get_signal("e")
    ask = answer(client, steps, ask)
    assert ask.what == "remove_sender 's'" and client.counts()["fired"] == 1
    with pytest.raises(UnknownSender, match="'s' is no longer connected"):
        signal.trigger(2)  # whoever got it meanwhile
    with pytest.raises(SenderExists):
        answer(client, steps, ask)
    assert client.counts()["fired"] == 1


# -- a server that breaks the rules


def refused_answers() -> list[Any]:
    routes = [["e", 7]]
    return [
        *({"route": 5, "events": events} for events in ([], [["other", 7]], [*routes, ["other", 8]], "x", None)),
        *({"route": route, "events": routes} for route in (0, -1, "x", None)),
        *({"route": 5, "events": routes, "routed": routed} for routed in ("x", [["e"]], [["e", -1]])),
        *([], None, 5),
    ]


@pytest.mark.parametrize("response", refused_answers())
def test_an_answer_that_can_not_be_meant(response: Any) -> None:
    client, peer = Client(), ByHand.opened()
    client.state.connection.begin()
    client.run(client.registrations.restore(peer.session, lambda session: None))
    steps = client.registrations.add_senders(peer.session, [client.make("s")], all_or_none=False)
    ask = next(steps)
    assert ask is not None
    peer.feed_message({"id": ask.ident, "status": 0, "response": response})
    peer.messages()
    try:
        value = result_of(ask)
        with pytest.raises(RemoteProtocolError):
            steps.send(value)
    except RemoteProtocolError as error:
        with pytest.raises(RemoteProtocolError):
            steps.throw(error)
    assert client.here() == ([], [])
    assert [message["method"] for message in peer.messages()] == ["remove_sender"]
