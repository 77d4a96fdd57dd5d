"""What arrives at a client: events for its listeners, requests for its senders, losses that are counted."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from sig_core.errors import LinkLost, RemoteError, SigError, UnknownMethod, UnknownSender
from sig_core.protocol.wire import event_frame
from sig_core.routing.listener_queue import SUPERSEDED
from sig_core.session.binary.reports import Bound, Events, Gap, Last, RequestsReceived
from sig_core.session.client_state.inbound import Inbound
from tests.session.client_state.support import Client
from tests.support.sessions import Link, Net


def listening(sender: Any = "s", event: Any = None) -> tuple[Client, Inbound]:
    """A client with one listener, and what takes what arrives there."""
    client = Client().connect()
    client.listen(sender, event)
    return client, client.state.inbound(client.session)


def events(*payloads: bytes, sender: Any = "s", event: Any = "e") -> Events:
    return Events(sender, event, len(payloads), b"".join(event_frame(1, payload) for payload in payloads))


def bound(count: int, life: str = "a") -> Bound:
    return Bound("s", "e", life, count)


def stats(client: Client) -> tuple[int, int]:
    """What came in, and what is known to be lost."""
    found = client.state.stats()["events"]
    return found["in"], found["lost"]


# -- events


def test_a_run_reaches_every_listener_in_order() -> None:
    client, inbound = listening()
    client.listen()
    inbound.events(events(b"1", b"2"))
    assert client.heard == [("s", "e", 1), ("s", "e", 1), ("s", "e", 2), ("s", "e", 2)]
    assert stats(client) == (2, 0)


def test_a_bad_payload_is_counted_and_the_rest_arrives() -> None:
    client, inbound = listening()
    inbound.events(events(b"1", b"{", b"", b"4"))
    assert [value for _, _, value in client.heard] == [1, 4]
    assert stats(client) == (2, 2) and client.state.lost == {("s", "e"): 2}
    texts = client.log.texts("error")
    assert len(texts) == 2 and all("event 'e' of sender 's' did not reach this program: not json" in t for t in texts)


def test_a_listener_that_raises_does_not_keep_it_from_the_others() -> None:
    client, inbound = listening()
    boom = ValueError("boom")

    def raises(info: Any, data: Any) -> None:
        client.lock.check_free()
        raise boom

    bad = client.subscription()
    bad.callback = bad.call = raises
    client.run(client.registrations.subscribe(client.session, bad))
    inbound.events(events(b"1", b"2"))
    assert [value for _, _, value in client.heard] == [1, 2]
    assert [error for _, _, error in client.failed] == [boom, boom]
    assert stats(client) == (2, 0)


def test_a_listener_may_remove_itself_and_others() -> None:
    client, inbound = listening("other")
    ends = client.subscription("s")
    ends.callback = ends.call = lambda info, data: (client.heard.append(("first", "e", data)), ends.remove())
    client.run(client.registrations.subscribe(client.session, ends))
    inbound.events(events(b"1", b"2"))
    assert client.heard == [("first", "e", 1)]


def test_an_event_that_nobody_hears_is_no_loss() -> None:
    client, inbound = listening("other")
    inbound.events(events(b"1"))
    assert client.heard == [] and client.state.lost.total() == 0


# -- requests


def request(method: str, params: bytes, sender: str = "s") -> tuple[RequestsReceived, str, bytes]:
    return RequestsReceived(3, sender, None), method, params  # type: ignore[arg-type]


def served(net: Net) -> tuple[Client, Link]:
    """A client with a sender, and who asks it."""

    def get(method: str, params: Any) -> Any:
        client.lock.check_free()
        if method == "fail":
            raise ValueError("no")
        if method == "exit":
            raise SystemExit(3)
        return object() if method == "odd" else [method, params]

    client = Client(net).connect()
    client.add("s", handler={None: get})
    return client, net.connect()


def test_a_request_is_answered() -> None:
    net = Net()
    _, asker = served(net)
    assert asker.request("s", "m", {"a": 1}) == [(["m", {"a": 1}], None)]


@pytest.mark.parametrize(("method", "text"), [("fail", "ValueError"), ("exit", "SystemExit")])
def test_a_handler_that_raises_is_an_answer(method: str, text: str) -> None:
    net = Net()
    _, asker = served(net)
    ((value, error),) = asker.request("s", method, None)
    assert value is None and isinstance(error, RemoteError) and text in str(error)


def test_a_value_that_can_not_be_carried_is_an_answer_too() -> None:
    net = Net()
    _, asker = served(net)
    ((value, error),) = asker.request("s", "odd", None)
    assert value is None and error is not None and "object" in str(error)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_a_handler_raises_is_told_to_who_asked(error: type[BaseException]) -> None:
    client, inbound = listening()

    def raises(params: Any) -> None:
        raise error

    client.add("s", handler={"m": raises})
    before = len(client.session.out)
    inbound.incoming(*request("m", b"1")[:1], 7, "m", b"1")
    assert error.__name__.encode() in b"".join(client.session.out[before:])


def test_a_request_for_nobody() -> None:
    client, inbound = listening()
    with pytest.raises(UnknownSender, match="'x' is not connected"):
        inbound.call(*request("m", b"1", "x"))
    client.router.add_sender("local", None, {"m": lambda params: params})
    with pytest.raises(UnknownSender):
        inbound.call(*request("m", b"1", "local"))  # it is nobody's but this program's own


def test_a_request_for_a_sender_that_is_not_answered_yet() -> None:
    client, inbound = listening()
    steps = client.adding("s", handler={"m": lambda params: params})
    next(steps)
    assert inbound.call(*request("m", b"[1]")) == [1]


def test_a_request_for_a_sender_that_takes_none_and_one_that_can_not_be_read() -> None:
    client, inbound = listening()
    client.add("s")
    with pytest.raises(UnknownMethod):
        inbound.call(*request("m", b"1"))
    with pytest.raises(Exception, match="json"):
        inbound.call(*request("m", b"{"))


# -- losses


def test_the_count_of_a_life_finds_what_is_missing() -> None:
    client, inbound = listening()
    inbound.other(bound(10))
    inbound.events(events(b"1", b"2"))
    inbound.other(bound(12))
    assert client.state.lost.total() == 0
    inbound.other(bound(15))
    assert client.state.lost == {("s", "e"): 3}
    (text,) = client.log.texts("warning")
    assert text == "3 events 'e' of sender 's' did not reach this program: a link was lost"


def test_a_payload_that_was_bad_is_not_lost_twice() -> None:
    client, inbound = listening()
    inbound.other(bound(0))
    inbound.events(events(b"{"))
    inbound.other(bound(1))
    assert client.state.lost == {("s", "e"): 1}


def test_another_life_begins_anew_and_a_count_that_goes_back_is_no_loss() -> None:
    client, inbound = listening()
    inbound.other(bound(10))
    inbound.other(bound(99, "b"))
    inbound.other(bound(7, "b"))
    assert client.state.lost.total() == 0


def test_a_gap_is_counted_once() -> None:
    client, inbound = listening()
    inbound.other(bound(0))
    inbound.other(Gap("s", "e", 4, "slow"))
    inbound.other(bound(4))
    assert client.state.lost == {("s", "e"): 4}
    assert client.log.texts("warning") == ["4 events 'e' of sender 's' did not reach this program: slow"]
    inbound.other(Gap("s", None, 2, "slow"))
    assert client.state.lost == {("s", "e"): 4, ("s", None): 2}


def test_what_the_server_refused_is_told_and_no_loss_of_this_program() -> None:
    client, inbound = listening()
    inbound.other(Gap("s", "e", 1, "not yours", sent=True))
    assert client.log.texts("error") == ["events 'e' of sender 's' were refused: not yours"]
    assert client.state.lost.total() == 0


def test_what_nobody_hears_any_more_is_forgotten() -> None:
    client, inbound = listening()
    again = client.listen("s", "e")
    inbound.other(bound(0))
    again.remove()
    inbound.other(bound(2))  # the other one hears it
    assert client.state.lost.total() == 2
    for subscription in client.registrations.table.at(("s", None)):
        subscription.remove()
    inbound.other(bound(9))
    assert client.state.lost.total() == 2


def test_the_sums_of_a_client_that_was_away() -> None:
    net = Net()
    owner, witness = Client(net).connect(), Client(net).connect()
    owner.add("s")
    witness.listen("s", "e")
    owner.trigger("s", 0)
    net.pump()
    witness.lose()
    for value in (1, 2, 3):
        owner.trigger("s", value)
    net.pump()
    witness.connect()
    owner.trigger("s", 4)
    net.pump()
    assert [value for _, _, value in witness.heard] == [0, 4]
    assert stats(witness) == (2, 3)


def test_a_count_that_comes_when_nobody_listens_any_more_is_of_no_use() -> None:
    client, inbound = listening("other")
    inbound.other(bound(1))
    assert len(client.registrations.losses) == 0


def test_what_was_not_meant_to_arrive_is_not_lost() -> None:
    client, inbound = listening()
    inbound.other(bound(1))
    inbound.other(Bound("s", "e", "a", 5, anew=True))
    assert stats(client) == (0, 0)
    inbound.other(bound(7))
    assert stats(client) == (0, 2)


def test_a_count_under_way_when_a_listener_ended_is_none_of_the_next_one() -> None:
    net = Net()
    owner, listener = Client(net).connect(), Client(net).connect()
    owner.add("s")
    ends = listener.listen("s", "e")
    owner.trigger("s", 1)
    owner.net.pump()
    assert len(listener.registrations.losses) == 1
    late = bound(0, life=owner.registrations.senders["s"].life)  # what the server sent before it knew of the end
    ends.remove()  # the server is asked at once: it has answered before
    steps = listener.registrations.subscribe(listener.session, listener.subscription("s", "e"))
    next(steps)
    late.number = listener.session.binds
    inbound = listener.state.inbound(listener.session)
    inbound.other(late)
    inbound.other(Gap("s", "e", 3, "slow", sent=False))  # behind it: these were not for the next one either
    assert len(listener.registrations.losses) == 0 and stats(listener)[1] == 0
    owner.trigger("s", 2)
    net.pump()
    listener.lose()
    owner.trigger("s", 3)
    net.pump()
    listener.connect()
    owner.trigger("s", 4)
    net.pump()
    assert stats(listener)[1] == 0


@pytest.mark.parametrize("comes_again", [False, True])
def test_a_count_is_of_use_as_long_as_the_server_has_a_listener_that_ended_before_its_answer(comes_again: bool) -> None:
    """To one that comes before that is taken out the server tells no count: it goes on sending what it sends."""
    net = Net()
    owner, listener = Client(net).connect(), Client(net).connect()
    owner.add("s")
    net.pump()
    registrations = listener.registrations
    early = registrations.subscribe(listener.session, listener.subscription("s", "e"))
    next(early)
    with suppress(SigError):
        early.throw(LinkLost("nobody waits"))
    registrations.losses.begin("s", "other", "a", 1)
    listener.state.inbound(listener.session).other(bound(4, life=owner.registrations.senders["s"].life))
    listener.state.inbound(listener.session).other(bound(6, life=owner.registrations.senders["s"].life))
    assert registrations.losses.stands_at("s", "e") == 6 and stats(listener)[1] == 0, "nobody hears it now"
    again = registrations.subscribe(listener.session, listener.subscription("s", "e"))
    if comes_again:
        next(again)
    net.pump()  # the first is answered, and taken out
    assert registrations.losses.knows("s", "e") is comes_again and registrations.losses.knows("s", "other")


def test_events_of_a_sender_that_keeps_no_counts_do_not_stand_for_those_of_another() -> None:
    client, inbound = listening()
    inbound.other(bound(0))
    inbound.events(events(b"1"))
    inbound.other(bound(0, life=""))
    inbound.events(events(b"2", b"3"))
    inbound.other(bound(4))
    assert stats(client) == (3, 3)


@pytest.mark.parametrize(("count", "heard"), [(1, [1]), (2, [1, 2])])
def test_a_last_value_is_told_again_when_more_was_fired_while_it_was_not_heard(count: int, heard: list[int]) -> None:
    """Rules took the event, and gave it back: what is the last one is new only if the count has gone on."""
    client, inbound = listening("s", "e")
    inbound.other(Bound("s", "e", "a", 1, is_state=True))
    inbound.other(Last("s", "e", 0, event_frame(1, b"1")))
    assert client.heard == [("s", "e", 1)]
    inbound.other(Bound("s", "e", "a", count, anew=True, is_state=True))
    inbound.other(Last("s", "e", 0, event_frame(1, str(count).encode())))
    assert [value for _, _, value in client.heard] == heard


@pytest.mark.parametrize(
    ("reason", "follows", "heard"),
    [("not allowed", False, [1, 2]), ("not allowed", True, [1, 3]), (SUPERSEDED, False, [1])],
)
def test_a_last_value_that_was_lost_as_an_event_is_told_unless_a_newer_came(
    reason: str, follows: bool, heard: list[int]
) -> None:
    """Rules took the event while it waited, and gave it back, say; what is superseded is followed by what is newer."""
    client, inbound = listening("s", "e")
    inbound.other(Bound("s", "e", "a", 0, is_state=True))
    inbound.events(events(b"1"))
    inbound.other(Gap("s", "e", 1, reason))
    if follows:
        inbound.events(events(b"3"))
    inbound.other(Bound("s", "e", "a", 2 + follows, anew=True, is_state=True))
    inbound.other(Last("s", "e", 0, event_frame(1, b"3" if follows else b"2")))
    assert [value for _, _, value in client.heard] == heard


@pytest.mark.parametrize(("count", "heard"), [(3, [3]), (4, [4])])
def test_a_last_value_that_was_lost_with_its_link_is_told_on_the_next(count: int, heard: list[int]) -> None:
    """Where the count stands had come before the link broke: by that alone, nothing is missing."""
    client, inbound = listening("s", "e")
    inbound.other(Bound("s", "e", "a", 3, is_state=True))
    client.registrations.losses.begin_link()
    client.registrations.lasts.begin_link()
    inbound.other(Bound("s", "e", "a", count, is_state=True))
    inbound.other(Last("s", "e", 0, event_frame(1, str(count).encode())))
    assert [value for _, _, value in client.heard] == heard


def test_who_waits_for_the_values_that_it_asked_for_is_told_no_other() -> None:
    """The sender is back just then: what it gives again would be told twice."""
    client, inbound = listening("s", "e")
    steps = client.registrations.subscribe(client.session, client.subscription("s", "e"))
    next(steps)
    (ident,) = client.registrations.lasts._expected
    inbound.other(Bound("s", "e", "a", 1, is_state=True))
    inbound.other(Last("s", "e", 0, event_frame(1, b"1")))
    assert client.heard == [("s", "e", 1)]
    inbound.other(Last("s", "e", ident, event_frame(1, b"1")))
    assert client.heard == [("s", "e", 1)] * 2
