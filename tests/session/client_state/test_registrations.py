"""Listeners that a client adds, and what it removes: asked for once, in order, nothing left when it ends otherwise."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any

import pytest

from sig_core.errors import AccessDenied, Busy, LinkLost, NotOwner, OutcomeUnknown, RequestTimeout, UnknownSender
from sig_core.protocol.limits import Limits
from sig_core.routing.entities import Subscription
from sig_core.session.client_state.asks import Steps, run_without_link
from tests.session.by_hand import Client as ByHand
from tests.session.client_state.support import (
    Client,
    answers_and_loses,
    at_each_yield,
    cancels,
    interrupts,
    loses,
    result_of,
    times_out,
)
from tests.support.ruled import RuledNet, rules_of
from tests.support.sessions import Net


@pytest.fixture(autouse=True)
def without_last_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked beside these; they have tests of their own."""
    monkeypatch.setattr("sig_core.session.binary.client.FEATURES", ())



def subscribing(client: Client, *pattern: Any) -> tuple[Subscription, Steps[None]]:
    made = client.subscription(*pattern)
    return made, client.registrations.subscribe(client.session, made)


def result(client: Client, steps: Steps[None], ask: Any) -> None:
    """Let a plan that waits for its last answer end."""
    client.net.pump()
    try:
        value = result_of(ask)
    except Exception as error:
        steps.throw(error)
    else:
        with pytest.raises(StopIteration):
            steps.send(value)


# -- listeners


def test_a_pattern_is_asked_for_once_however_many_listen() -> None:
    client = Client().connect()
    first, second, other = client.listen("s", "e"), client.listen("s", "e"), client.listen(None, "#c")
    assert client.check_same() == ([], [("s", "e"), (None, "#c")])
    assert client.registrations.table.size == 3
    first.remove()
    assert client.check_same() == ([], [("s", "e"), (None, "#c")])
    second.remove()
    other.remove()
    assert client.check_same() == ([], [])


def test_several_wait_for_the_same_answer() -> None:
    client = Client().connect()
    pairs = [subscribing(client, "s")[1] for _ in range(3)]
    asks = [next(steps) for steps in pairs]
    assert len(client.session._calls) == 1
    for steps, ask in zip(pairs, asks, strict=True):
        result(client, steps, ask)
    assert client.check_same() == ([], [("s", None)])


def test_a_refusal_is_everybodys_and_leaves_nothing() -> None:
    client = Client(Net(Limits(max_listeners=1))).connect()
    client.listen("first")
    plans = [subscribing(client, "s") for _ in range(2)]
    asks = [next(steps) for _, steps in plans]
    for (_, steps), ask in zip(plans, asks, strict=True):
        with pytest.raises(Busy):
            result(client, steps, ask)
    assert not any(made.active for made, _ in plans)
    assert client.check_same() == ([], [("first", None)])


def test_who_comes_after_a_refusal_asks_anew() -> None:
    client = Client(Net(Limits(max_listeners=1))).connect()
    first = client.listen("first")
    _, steps = subscribing(client, "s")
    ask = next(steps)
    client.net.pump()
    first.remove()
    client.listen("s")  # the first one has not looked at its answer yet
    with pytest.raises(Busy):
        result(client, steps, ask)
    assert client.check_same() == ([], [("s", None)])


def test_one_that_is_removed_while_it_waits() -> None:
    client = Client().connect()
    made, steps = subscribing(client, "s")
    ask = next(steps)
    made.remove()
    result(client, steps, ask)
    assert client.check_same() == ([], []) and not made.active
    client.listen("s")
    assert client.check_same() == ([], [("s", None)])


def test_one_of_two_that_is_removed_while_they_wait() -> None:
    client = Client().connect()
    (gone, first), (_, second) = subscribing(client, "s"), subscribing(client, "s")
    asks = [next(first), next(second)]
    gone.remove()
    result(client, first, asks[0])
    result(client, second, asks[1])
    assert client.check_same() == ([], [("s", None)])


def test_one_that_is_removed_and_asked_for_again_before_the_answer() -> None:
    client = Client().connect()
    made, first = subscribing(client, "s")
    asked = next(first)
    made.remove()
    _, second = subscribing(client, "s")
    again = next(second)
    result(client, first, asked)
    result(client, second, again)
    assert client.check_same() == ([], [("s", None)])


@pytest.mark.parametrize("do", [interrupts, cancels, times_out, loses, answers_and_loses])
@pytest.mark.parametrize("shared", [True, False])
def test_a_listener_whose_answer_is_not_waited_for(do: Any, shared: bool) -> None:
    def make() -> tuple[Client, Steps[None]]:
        client = Client().connect()
        if shared:
            client.listen("s")
        return client, subscribing(client, "s")[1]

    rest = [("s", None)] if shared else []
    for client, raised in at_each_yield(make, do):
        assert isinstance(
            raised, KeyboardInterrupt | CancelledError | RequestTimeout | OutcomeUnknown | LinkLost | type(None)
        )
        if raised is None:
            assert do is answers_and_loses or (do is loses and shared)
            assert client.here() == ([], [("s", None)])
        else:
            assert client.here() == ([], rest)
        kept = client.here()
        if not client.state.connection.is_up:
            client.connect()
        assert client.check_same() == kept
        client.listen("s")
        assert client.check_same() == ([], [("s", None)])


def test_a_link_that_is_gone_is_not_asked_to_hear() -> None:
    client = Client().connect()
    client.lose()
    _, steps = subscribing(client, "s")
    with pytest.raises(LinkLost):
        client.run(steps)
    assert client.here() == ([], []) and client.registrations.table.size == 0


def test_a_listener_that_is_removed_without_a_link_is_not_back() -> None:
    client = Client().connect()
    made = client.listen("s")
    client.lose()
    made.remove()
    client.connect()
    assert client.check_same() == ([], [])


def test_the_oldest_subscription_of_a_listener_is_removed() -> None:
    client = Client().connect()
    first, second = client.listen("s"), client.listen("s")
    assert client.registrations.remove_listener(client.listener, ("s", None)) is True
    assert (first.active, second.active) == (False, True)
    assert client.registrations.remove_listener(print, ("s", None)) is False
    assert client.registrations.remove_listener(client.listener, ("s", "e")) is False
    assert client.registrations.remove_listener(client.listener, ("s", None)) is True
    assert client.check_same() == ([], [])


def test_a_removed_subscription_is_removed_once() -> None:
    client = Client().connect()
    made, other = client.listen("s"), client.listen("s")
    assert client.registrations.unsubscribe(made) is False  # the other one still hears it
    other.remove()
    other.remove()
    assert client.check_same() == ([], [])


def test_whether_there_is_something_to_send_when_one_is_removed() -> None:
    client = Client().connect()
    first, second, third = client.listen("s"), client.listen("s"), client.listen("t")
    found = [client.registrations.unsubscribe(each) for each in (first, second)]
    client.lose()
    assert [*found, client.registrations.unsubscribe(third)] == [False, True, False]


# -- senders that are removed


def test_a_removal_is_asked_for_once() -> None:
    client = Client().connect()
    client.add("s")
    steps, count = client.removing("s"), len(client.session.out)
    ask = next(steps)
    client.net.pump()
    assert ask is not None and result_of(ask) is None
    with pytest.raises(StopIteration):
        steps.send(None)
    assert count == 0 and client.session.out == []


def test_a_sender_that_is_removed_is_nowhere() -> None:
    client = Client().connect()
    client.add("s", "t")
    signal = client.router._senders["s"].get_signal("e")
    signal.trigger(1)
    client.remove("s")
    assert client.check_same() == (["t"], []) and client.counts()["fired"] == 1
    with pytest.raises(UnknownSender):
        signal.trigger(2)
    client.add("s")
    assert client.check_same() == (["t", "s"], []) and client.counts()["fired"] == 1


def test_a_sender_that_is_removed_without_a_link_is_not_back_and_its_events_are_dropped() -> None:
    client = Client().connect()
    client.add("s", "t")
    client.lose()
    for name in ("s", "t", "s"):
        client.trigger(name, 1)
    client.remove("s")
    assert client.counts() == {"fired": 3, "waiting": 1, "dropped": 2, "unsent": 0}
    client.connect()
    assert client.check_same() == (["t"], [])
    assert client.counts() == {"fired": 3, "waiting": 0, "dropped": 2, "unsent": 0}


@pytest.mark.parametrize("do", [interrupts, cancels])
def test_a_removal_that_is_interrupted_happens_all_the_same(do: Any) -> None:
    def make() -> tuple[Client, Steps[Any]]:
        client = Client().connect()
        client.add("s", "t")
        return client, client.removing("s")

    for client, raised in at_each_yield(make, do):
        assert isinstance(raised, KeyboardInterrupt | CancelledError)
        assert client.check_same() == (["t"], [])
        client.add("s")
        assert client.check_same() == (["t", "s"], [])


def test_a_removal_that_is_closed_happens_all_the_same() -> None:
    client = Client().connect()
    client.add("s")
    steps = client.removing("s")
    next(steps)
    steps.close()
    assert client.check_same() == ([], [])


@pytest.mark.parametrize("do", [times_out, loses, answers_and_loses])
def test_a_removal_whose_answer_does_not_come_leaves_the_sender(do: Any) -> None:
    def make() -> tuple[Client, Steps[Any]]:
        client = Client().connect()
        client.add("s", "t")
        return client, client.removing("s")

    for client, raised in at_each_yield(make, do):
        assert isinstance(raised, RequestTimeout | OutcomeUnknown | LinkLost | type(None))
        left = ["t"] if raised is None else ["s", "t"]
        assert client.here()[0] == left
        client.lose()
        client.connect()
        assert client.check_same() == (left, [])


def test_a_removal_without_a_link_asks_nothing() -> None:
    client = Client().connect()
    client.add("s")
    client.router.add_sender("local")
    assert (run_without_link(client.removing("local")), run_without_link(client.removing("nobody"))) == (True, False)
    client.lose()
    assert run_without_link(client.removing("s")) is True and client.here() == ([], [])


def test_a_plan_that_waits_needs_a_link() -> None:
    client = Client().connect()
    client.add("s")
    with pytest.raises(AssertionError, match="nobody who could give one"):
        run_without_link(client.removing("s"))


def test_a_sender_of_another_program() -> None:
    client = Client().connect()
    other = Client(client.net).connect()
    other.add("o")
    with pytest.raises(NotOwner):
        client.run(client.state.remove_other(client.session, "o"))
    assert client.run(client.state.remove_other(client.session, "nobody")) is False
    client.session.add_sender("raw", [], None, lambda value, error: None)  # of this link, but not of its registrations
    assert client.run(client.state.remove_other(client.session, "raw")) is True
    assert client.at_server() == ([], []) and other.check_same() == (["o"], [])


def test_a_removal_whose_answer_is_late_can_be_made_again() -> None:
    client = Client().connect()
    client.add("s")
    ask = client.registrations.ask_removal(client.session, "s")
    assert ask.ident is not None
    client.session.cancel(ask.ident)  # nobody waits any more; the sender stays
    client.net.pump()
    assert client.here() == (["s"], []) and client.at_server() == ([], [])
    client.remove("s")
    assert client.check_same() == ([], [])


def test_a_removal_that_is_asked_for_twice() -> None:
    client = Client().connect()
    client.add("s")
    asks = [client.registrations.ask_removal(client.session, "s") for _ in range(2)]
    client.net.pump()
    assert [result_of(ask) for ask in asks] == [None, None]


def test_a_removal_without_a_link() -> None:
    client = Client().connect()
    client.add("s")
    client.lose()
    with pytest.raises(LinkLost):
        client.registrations.ask_removal(client.session, "s")
    client.connect()
    assert client.check_same() == (["s"], [])


def test_what_a_server_says_otherwise_of_a_removal_is_an_error() -> None:
    client, peer = Client(), ByHand.opened()
    client.state.connection.begin()
    client.run(client.registrations.restore(peer.session, lambda session: None))
    asks = [client.registrations.ask_removal(peer.session, "s") for _ in range(2)]
    for ask, kind in zip(asks, (NotOwner, Busy), strict=True):
        peer.feed_message({"id": ask.ident, "status": int(kind.status), "exception": "no"})
    assert result_of(asks[0]) is None
    with pytest.raises(Busy):
        result_of(asks[1])


def test_forgetting_what_is_not_there_or_is_there_is_nothing() -> None:
    client = Client().connect()
    client.registrations.forget_sender("nobody")
    client.add("s")
    client.registrations.forget_sender("s")  # another thread removed one of its name, before this one was added
    assert client.check_same() == (["s"], [])


def test_a_listener_that_rules_refused_when_its_client_was_back_is_asked_for_with_the_next_link() -> None:
    """Rules that allow it again come to a server which does not have it; one that was there all the time stays."""
    hears = {"add": ["*"], "see": ["*"], "listen": [{"sender": "*"}]}
    less = hears | {"listen": [{"sender": "other"}]}
    net = RuledNet(rules_of(user=hears))
    client = Client(net).connect()
    client.listen("s", "e")
    client.lose()
    net.exchange.apply(rules_of(user=less))
    client.connect()
    assert client.at_server() == ([], []) and client.here() == ([], [("s", "e")])
    ((state, error), *_) = reversed(client.tell())
    assert state == "reconnected" and isinstance(error, AccessDenied)
    net.exchange.apply(rules_of(user=hears))
    assert client.at_server() == ([], [])
    client.lose()
    client.connect()
    assert client.check_same() == ([], [("s", "e")])
    net.exchange.apply(rules_of(user=less))
    net.exchange.apply(rules_of(user=hears))
    assert client.check_same() == ([], [("s", "e")])
