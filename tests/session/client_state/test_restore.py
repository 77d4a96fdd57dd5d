"""A new link: all that the client had, in the order in which it came; what waited goes first; a loss leaves it all."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import Busy, LinkClosed, LinkLost, MessageTooBig, OutcomeUnknown, SenderExists, SigError
from sig_core.protocol.limits import Limits
from sig_core.session.client_state import registrations
from sig_core.session.client_state.asks import Ask, Steps
from sig_core.session.client_state.reconnect import Reconnect
from tests.session.client_state.support import (
    Client,
    answers_and_loses,
    at_each_yield,
    loses,
    result_of,
    times_out,
)
from tests.support.sessions import Net


@pytest.fixture(autouse=True)
def without_last_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked beside these; they have tests of their own."""
    monkeypatch.setattr("sig_core.session.binary.client.FEATURES", ())



def full(net: Net | None = None) -> Client:
    """A client with senders and listeners in turn."""
    client = Client(net).connect()
    for number in range(3):
        client.add(f"s{number}")
        client.listen(f"other{number}")
        client.listen(f"other{number}")
    return client


EVERYTHING = (["s0", "s1", "s2"], [("other0", None), ("other1", None), ("other2", None)])


def lost(net: Net | None = None) -> Client:
    client = full(net)
    client.lose()
    return client


def again_at_a_new_server(client: Client, limits: Limits | None = None) -> Net:
    """The server is started anew, perhaps with other limits: it knows nothing."""
    client.net = Net(limits)
    return client.net


def calls_of(client: Client) -> list[tuple[str, Any]]:
    """What was asked on a link, in order: the method, and what it is about."""
    link, found = client.dial(), []
    session = link.client
    call = session.call

    def noted(method: str, params: dict[str, Any], *rest: Any) -> int:
        found.append((method, params.get("sender", params.get("topics"))))
        return call(method, params, *rest)

    session.call = noted  # type: ignore[method-assign]
    client.state.arrived(session, client.run(client.plan_of(link)), 0.0)
    return found


# -- the order


def test_everything_is_asked_for_in_the_order_in_which_it_came() -> None:
    client = lost()
    assert calls_of(client) == [
        *[("add_sender", "s0"), ("add_listener", "other0"), ("add_sender", "s1"), ("add_listener", "other1")],
        *[("add_sender", "s2"), ("add_listener", "other2")],
    ]
    assert client.check_same() == EVERYTHING


def test_all_is_asked_for_before_the_first_answer_is_waited_for() -> None:
    client = lost()
    link = client.dial()
    steps = client.plan_of(link)
    next(steps)
    assert len(link.client._calls) == 6
    steps.close()


def test_it_asks_for_some_at_a_time_and_leaves_the_lock_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "TOGETHER", 2)
    client = lost()
    link = client.dial()
    asked = []
    steps = client.plan_of(link)
    for _ in range(3):
        next(steps)
        assert not client.lock.held
        asked.append(len(link.client._calls))
    assert asked == [2, 4, 6]
    steps.close()


def remove_one(client: Client) -> None:
    client.remove("s2")


def end_one(client: Client) -> None:
    for subscription in client.registrations.table.at(("other2", None)):
        subscription.remove()


def hear_one_again(client: Client) -> None:
    client.listen("other2")
    client.net.pump()
    assert ("other2", None) in client.at_server()[1]  # what it returns for


def replace_one(client: Client) -> None:
    client.remove("s2")
    client.add("s2")


def add_another(client: Client) -> None:
    client.add("new")
    client.listen("new too")


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize("change", [remove_one, end_one, hear_one_again, replace_one, add_another])
def test_what_changes_between_two_pieces(monkeypatch: pytest.MonkeyPatch, change: Any, at: int) -> None:
    monkeypatch.setattr(registrations, "TOGETHER", 1)
    client = lost()
    link = client.dial()
    steps, did = client.plan_of(link), []

    def between(ask: Any) -> None:
        if ask is None:  # between two pieces
            change(client)
            did.append(at)

    problem = client.run(steps, at, between)
    client.state.arrived(link.client, problem, 0.0)
    assert did and problem is None
    here, there = client.here(), client.at_server()
    assert sorted(here[0]) == sorted(there[0]) and sorted(map(str, here[1])) == sorted(map(str, there[1]))
    assert len(set(there[1])) == len(there[1]), "a pattern is there twice"
    for name in here[0]:
        client.trigger(name, 1)
    client.net.pump()
    assert client.session.error is None


def test_what_is_removed_and_added_again_comes_last() -> None:
    client = full()
    client.remove("s0")
    client.add("s0")
    client.lose()
    client.connect()
    assert client.check_same()[0] == ["s1", "s2", "s0"]


def test_a_client_that_has_nothing() -> None:
    client = Client().connect()
    client.lose()
    client.connect()
    assert client.check_same() == ([], [])
    assert [told for told, _ in client.tell()] == ["connected", "disconnected", "reconnected"]


def test_listeners_and_handlers_are_at_work_again() -> None:
    net = Net()
    client = lost(net)
    client.connect()
    other = Client(net).connect()
    other.add("other1")
    other.trigger("other1", 7)
    net.pump()
    assert [heard for heard in client.heard if heard[1] == "e"] == [("other1", "e", 7)] * 2


def test_another_codec() -> None:
    net = Net()
    client = lost(net)
    witness = net.connect()
    witness.listen("s1", "e")
    client.trigger("s1", "waited")
    client.connect("cbor")
    client.trigger("s1", "direct")
    net.pump()
    assert witness.values() == ["waited", "direct"] and client.check_same() == EVERYTHING


# -- events


def test_what_waited_goes_out_before_what_is_new() -> None:
    client = lost()
    witness = client.net.connect()
    witness.listen(None, None)
    for value in range(4):
        client.trigger(f"s{value % 2}", value)
    link = client.dial()
    steps, number, value = client.plan_of(link), 4, None
    with pytest.raises(StopIteration):
        while True:
            ask = steps.send(value)
            client.trigger("s0", number)  # at each step another one
            number += 1
            client.net.pump()
            value = None if ask is None else result_of(ask)
    client.net.pump()
    assert [each.value for each in witness.heard() if each.event == "e"] == list(range(number))
    assert client.counts() == {"fired": number, "waiting": 0, "dropped": 0, "unsent": 0}


def test_events_of_a_refused_sender_are_dropped_and_then_refused_by_name() -> None:
    client = lost()
    Client(client.net).connect().add("s1")
    client.trigger("s1", 1)
    client.trigger("s2", 2)
    client.connect()
    with pytest.raises(LinkClosed, match=r"sender 's1' is not at the server: .*'s1' is already connected"):
        client.trigger("s1", 3)
    assert client.counts() == {"fired": 2, "waiting": 0, "dropped": 1, "unsent": 0}


# -- refusals


def test_the_first_refusal_is_told_and_the_rest_is_there() -> None:
    client = lost()
    other = Client(client.net).connect()
    other.add("s1", "s2")
    client.tell()
    client.connect()
    assert client.at_server() == (["s0"], EVERYTHING[1])
    ((state, problem),) = client.tell()
    assert state == "reconnected" and isinstance(problem, SenderExists) and "'s1'" in str(problem)
    assert [text[:22] for text in client.log.texts("error")] == ["sender 's1' is not bac", "sender 's2' is not bac"]
    other.lose()
    client.lose()
    client.connect()
    assert client.check_same() == EVERYTHING
    client.trigger("s1", 1)


def test_a_refused_sender_can_be_removed_and_its_name_is_free() -> None:
    client = lost()
    other = Client(client.net).connect()
    other.add("s1")
    client.connect()
    client.remove("s1")
    assert other.check_same() == (["s1"], [])
    assert client.check_same() == (["s0", "s2"], EVERYTHING[1])
    client.router.add_sender("s1", "e").get_signal("e").trigger(1)
    client.router.remove_sender("s1")
    other.remove("s1")
    client.add("s1")
    client.trigger("s1", 1)
    assert client.check_same()[0] == ["s0", "s2", "s1"]


def test_a_refused_listener_is_back_with_the_next_that_is_added() -> None:
    client = lost()
    again_at_a_new_server(client, Limits(max_listeners=2))
    client.connect()
    assert client.at_server()[1] == EVERYTHING[1][:2]
    assert "a listener is not back" in client.log.texts("error")[0]
    with pytest.raises(Busy):
        client.listen("other2")
    for subscription in client.registrations.table.at(("other0", None)):
        subscription.remove()
    client.listen("other2")
    assert client.check_same()[1] == [("other1", None), ("other2", None)]
    assert client.registrations.table.size == 5


def test_what_is_too_long_for_this_server_is_refused_and_the_rest_is_there() -> None:
    client = full()
    long = client.make("long", *[f"event-{number}" for number in range(1000)])
    client.run(client.registrations.add_senders(client.session, [long], all_or_none=False))
    client.add("last")
    client.lose()
    client.tell()
    again_at_a_new_server(client, Limits(max_frame=4096))
    client.connect()
    assert client.at_server()[0] == ["s0", "s1", "s2", "last"]
    ((_, problem),) = client.tell()
    assert isinstance(problem, MessageTooBig)
    with pytest.raises(LinkClosed, match="'long' is not at the server"):
        client.trigger("long", 1, "event-0")
    client.remove("long")
    assert client.check_same()[0] == ["s0", "s1", "s2", "last"]


def test_an_answer_that_is_late_is_a_refusal_and_nothing_is_left_of_it() -> None:
    for client, raised in at_each_yield(restoring, times_out):
        assert raised is None
        client.net.pump()
        senders, patterns = client.at_server()
        assert patterns == EVERYTHING[1]
        for name in EVERYTHING[0]:
            if name in senders:
                client.trigger(name, 1)
            else:
                with pytest.raises(LinkClosed, match="no answer in time"):
                    client.trigger(name, 1)
        client.lose()
        client.connect()
        assert client.check_same() == EVERYTHING


# -- a link that is lost meanwhile


def restoring() -> tuple[Client, Steps[Any]]:
    """A client whose link is new, and the plan that brings everything there."""
    client = lost()
    client.trigger("s1", "waits")
    return client, client.plan_of(client.dial())


@pytest.mark.parametrize("do", [loses, answers_and_loses], ids=["before the answer", "after it"])
def test_a_loss_leaves_everything_to_the_next_link(do: Any) -> None:
    witnesses = []

    def make() -> tuple[Client, Steps[Any]]:
        client, steps = restoring()
        witnesses.append(client.net.connect())
        witnesses[-1].listen(None, None)
        return client, steps

    for client, raised in at_each_yield(make, do):
        assert isinstance(raised, SigError | type(None))
        assert client.here() == EVERYTHING
        if raised is None:  # all was there before it was lost: `arrived` tells
            with pytest.raises(SigError):
                client.state.arrived(client.session, None, 0.0)
        assert client.state.connection.state == "away"
        client.trigger("s0", "meanwhile")
        client.connect()
        assert client.check_same() == EVERYTHING
        assert [told for told, _ in client.tell()] == ["connected", "disconnected", "reconnected"]
        values = [each.value for each in witnesses[-1].heard() if each.event == "e"]
        counts = client.counts()
        assert counts["fired"] == 2 and counts["waiting"] == counts["dropped"] == 0
        assert values[-1] == "meanwhile" and len(values) + counts["unsent"] == 2


def test_what_waits_is_not_given_to_a_link_that_ended_after_the_last_answer() -> None:
    client, steps = restoring()
    ask: Any = next(steps)
    for _ in range(2):
        client.net.pump()
        ask = steps.send(result_of(ask))
    client.net.pump()
    client.lose()
    with pytest.raises(LinkLost):
        steps.send(result_of(ask))  # the last sender was answered before
    assert client.counts() == {"fired": 1, "waiting": 1, "dropped": 0, "unsent": 0}


def test_a_link_that_is_lost_before_it_is_the_clients_own() -> None:
    client = lost()
    before = client.session
    link = client.dial()
    steps = client.plan_of(link)
    link.lose()
    with pytest.raises(LinkLost):
        next(steps)
    assert client.state.connection.session is before
    client.connect()
    assert client.check_same() == EVERYTHING


def test_a_client_that_was_stopped_meanwhile_asks_nothing() -> None:
    client = lost()
    link = client.dial()
    steps = client.plan_of(link)
    client.state.stop()
    link.client.out.clear()
    with pytest.raises(RuntimeError, match="this client is stopped"):
        next(steps)
    assert link.client.out == []


@pytest.mark.parametrize("do", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_everything_to_the_next_link(do: type[BaseException]) -> None:
    for client, raised in at_each_yield(restoring, lambda client, ask: do()):
        assert isinstance(raised, do)
        client.lose()
        client.connect()
        assert client.check_same() == EVERYTHING


# -- other threads meanwhile


def at_each_step(do: Any) -> list[Client]:
    """Let something happen at each step of a restore; it must still come to its end."""
    found = []
    for client, raised in at_each_yield(restoring, do):
        assert raised is None, raised
        client.state.arrived(client.session, None, 0.0)
        found.append(client)
    return found


def test_a_sender_that_is_removed_meanwhile_is_gone() -> None:
    def remove(client: Client, ask: Ask | None) -> None:
        client.remove("s1")

    for client in at_each_step(remove):
        assert client.check_same() == (["s0", "s2"], EVERYTHING[1])
        counts = client.counts()
        assert counts["fired"] == 1 and counts["waiting"] == 0
        client.router.add_sender("s1", "e").get_signal("e").trigger(1)  # local: nothing of the remote one is left


def test_a_sender_that_is_removed_and_added_again_meanwhile_is_the_new_one() -> None:
    def replace(client: Client, ask: Ask | None) -> None:
        client.remove("s1")
        client.add("s1")
        client.trigger("s1", "new")

    for client in at_each_step(replace):
        assert client.check_same() == (["s0", "s2", "s1"], EVERYTHING[1])
        client.trigger("s1", "newer")
        client.net.pump()
        assert client.counts()["fired"] == 3 and client.counts()["unsent"] == 0


def test_a_removal_that_began_without_a_link_is_made_good_on_the_next() -> None:
    """On threads: who removes has seen that there is no link, then the link comes, then the sender is forgotten."""

    def finish(client: Client, ask: Ask | None) -> None:
        client.router._remove_local("s1")
        client.registrations.forget_sender("s1")

    for client in at_each_step(finish):
        assert client.check_same() == (["s0", "s2"], EVERYTHING[1])


def test_a_removal_half_done_does_not_bring_the_sender_back() -> None:
    def half(client: Client, ask: Ask | None) -> None:
        client.router._remove_local("s1")

    for client in at_each_step(half):
        assert "s1" not in client.router._senders
        client.registrations.forget_sender("s1")
        assert client.check_same() == (["s0", "s2"], EVERYTHING[1])


def test_a_refused_sender_that_was_removed_meanwhile_leaves_its_name_free() -> None:
    client = lost()
    Client(client.net).connect().add("s1")
    client.connect(at=1, do=lambda ask: client.remove("s1"))
    client.router.add_sender("s1", "e").get_signal("e").trigger(1)
    assert client.at_server() == (["s0", "s2"], EVERYTHING[1])


def test_listeners_that_come_and_go_meanwhile() -> None:
    def change(client: Client, ask: Ask | None) -> None:
        for subscription in client.registrations.table.at(("other1", None)):
            subscription.remove()
        client.listen("new")

    for client in at_each_step(change):
        assert client.check_same() == (EVERYTHING[0], [("other0", None), ("other2", None), ("new", None)])


def test_senders_that_are_added_meanwhile_come_last() -> None:
    for client in at_each_step(lambda client, ask: client.add("new")):
        assert client.check_same() == (["s0", "s1", "s2", "new"], EVERYTHING[1])


# -- counts


def heard_before(client: Client, owner: Client, count: int) -> None:
    """Let a client hear so many topics, and lose its link."""
    names = [f"t{number}" for number in range(count)]
    owner.add(*names)
    client.listen()
    for name in names:
        owner.trigger(name, 0)
    client.net.pump()
    assert len(client.registrations.losses) == count
    client.lose()


@pytest.mark.parametrize(("chunk", "expected"), [(1000, [7]), (3, [3, 3, 1]), (7, [7]), (1, [1] * 7)])
def test_counts_are_recalled_in_chunks(chunk: int, expected: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "RECALL", chunk)
    net = Net()
    client, owner = Client(net).connect(), Client(net).connect()
    heard_before(client, owner, 7)
    for _ in range(2):
        owner.trigger("t3", 1)
    net.pump()
    recalled = [topics for method, topics in calls_of(client) if method == "recall"]
    assert [len(topics) for topics in recalled] == expected
    assert sorted(topic for topics in recalled for topic in topics) == [[f"t{number}", "e"] for number in range(7)]
    assert client.state.lost == {("t3", "e"): 2}


def test_counts_are_recalled_in_as_many_calls_as_the_server_takes() -> None:
    net = Net(Limits(max_frame=4096))
    client, owner = Client(net).connect(), Client(net).connect()
    heard_before(client, owner, 500)
    owner.trigger("t499", 1)
    net.pump()
    client.connect()
    assert client.state.lost == {("t499", "e"): 1}


def test_a_recall_that_is_refused_is_told_and_keeps_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net()
    client, owner = Client(net).connect(), Client(net).connect()
    heard_before(client, owner, 3)
    client.tell()
    client.connect(at=2, do=lambda ask: OutcomeUnknown("no"))  # 0: what leaves, 1: the listener
    assert client.log.texts("error") == ["losses are not known: no"]
    assert [problem for _, problem in client.tell()] == [None]


def test_what_left_and_did_not_arrive_is_known_at_the_next_link() -> None:
    client = full()
    client.trigger("s0", 0)
    client.net.pump()
    client.trigger("s0", 1)  # in the output when the link ends
    client.trigger("s1", 2)
    client.lose()
    client.trigger("s0", 3)
    assert client.counts() == {"fired": 4, "waiting": 1, "dropped": 0, "unsent": 0}
    client.connect()
    assert client.counts() == {"fired": 4, "waiting": 0, "dropped": 0, "unsent": 2}
    assert client.registrations.unsent == {("s0", "e"): 1, ("s1", "e"): 1}


def test_what_was_dropped_here_did_not_leave_and_is_missing_at_listeners() -> None:
    net = Net()
    client, witness = Client(net, Reconnect(keep=10)).connect(), Client(net).connect()
    client.add("s")
    witness.listen("s", "e")
    client.trigger("s", "first")
    net.pump()
    for link in range(3):
        client.lose()
        for value in range(10 * link, 10 * link + 5):
            client.trigger("s", value)
        client.connect()
        net.pump()
        client.trigger("s", "last")  # lost with the next loss, but for the last one
    net.pump()
    values = [value for _, _, value in witness.heard]
    counts = client.counts()
    assert counts["fired"] == 19 and counts["waiting"] == 0 and counts["unsent"] == 2
    assert len(values) + counts["dropped"] + counts["unsent"] == 19
    assert witness.state.lost.total() + len(values) == 19


def test_what_was_dropped_of_a_sender_that_was_replaced_meanwhile_is_nobodys() -> None:
    client = Client(policy=Reconnect(keep=10)).connect()
    client.add("s")
    client.lose()
    for value in range(5):
        client.trigger("s", value)
    client.connect(at=0, do=lambda ask: (client.remove("s"), client.add("s")))
    assert client.counts() == {"fired": 5, "waiting": 0, "dropped": 5, "unsent": 0}
    assert client.state.offline.untold == {}


def test_a_server_that_was_started_anew_can_not_tell() -> None:
    client = full()
    client.trigger("s0", 1)
    client.lose()
    again_at_a_new_server(client)
    client.connect()
    assert client.check_same() == EVERYTHING and client.counts()["unsent"] == 0


# -- what gives way meanwhile


def overflowing(net: Net) -> tuple[Client, Client]:
    """A client that keeps no more than one event, and is away; and who hears it."""
    client = Client(net, Reconnect(keep=10)).connect()
    client.add("s")
    witness = Client(net).connect()
    witness.listen("s", "e")
    client.trigger("s", 0)
    net.pump()
    client.lose()
    return client, witness


@pytest.mark.parametrize("at", range(2))
def test_what_gives_way_while_all_is_restored_is_told_on_this_link(at: int) -> None:
    net = Net()
    client, witness = overflowing(net)
    client.trigger("s", 1)

    def overflow(ask: Ask | None) -> None:
        for value in range(2, 6):
            client.trigger("s", value)

    client.connect(at=at, do=overflow)
    net.pump()
    events, offline = witness.state.stats()["events"], client.state.offline
    fired = client.counts()["fired"]
    assert fired == 6 and events["in"] + events["lost"] == fired
    assert offline.dropped.total() == events["lost"] and not offline.untold
    client.trigger("s", 6)
    net.pump()
    assert [value for _, _, value in witness.heard][-1] == 6
    assert witness.state.stats()["events"]["lost"] == events["lost"]
    assert client.counts()["unsent"] == 0


def test_what_no_server_was_told_of_is_told_on_the_next_link() -> None:
    net = Net()
    client, witness = overflowing(net)
    client.trigger("s", 1)

    def overflow_and_lose(ask: Ask | None) -> None:
        client.trigger("s", 2)
        client.trigger("s", 3)

    link = client.dial()
    steps = client.plan_of(link)
    ask: Any = next(steps)
    overflow_and_lose(ask)
    client.net.pump()
    ask = steps.send(result_of(ask))
    assert ask is None  # all has left, with `skip`
    link.client.out.clear()
    client.lose()
    with pytest.raises(SigError):
        client.run(steps)
    assert client.state.offline.untold.total() == 2
    client.connect()
    net.pump()
    events = witness.state.stats()["events"]
    assert events["in"] + events["lost"] == client.counts()["fired"] == 4
    assert not client.state.offline.untold
