"""The count of events that a sender keeps through all its links, as server and listeners hear of it."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig
from sig_core.session.binary.reports import Bound
from sig_core.session.binary.server_messages import Joined
from tests.session.by_hand import Raw
from tests.support.sessions import Link, Net


def join(link: Link, life: str = "a", **fired: int) -> Joined:
    joined, error = link.ask(lambda when: link.client.add_sender("s", ["e"], None, when, life=life, fired=fired))
    assert error is None, error
    link._routes["s", "e"] = joined.routes["e"]
    found: Joined = joined
    return found


def bounds(link: Link) -> list[tuple[str, int]]:
    return [(bound.life, bound.count) for bound in link.of(Bound) if bound.life]


def test_a_listener_is_told_where_the_count_begins_for_it() -> None:
    net = Net()
    owner, early, late = net.connect(), net.connect(), net.connect("msgpack")
    early.listen("s", "e")
    assert join(owner).routed is None
    for number in range(3):
        owner.fire("s", "e", number)
    late.listen()
    owner.fire("s", "e", 3)
    assert (bounds(early), bounds(late)) == ([("a", 0)], [("a", 3)])


def test_what_is_fired_while_nothing_is_listened_to_was_not_meant_to_arrive() -> None:
    net = Net()
    owner, listener = net.connect(), net.connect()
    ident = listener.listen("s", "e")
    join(owner)
    owner.fire("s", "e", 1)
    listener.call("remove_listener", listener_id=ident)
    owner.fire("s", "e", 2)
    listener.listen("s", "e")
    owner.fire("s", "e", 3)
    owner.fire("s", "e", 4)
    assert [(bound.count, bound.anew) for bound in listener.of(Bound)] == [(0, False), (2, True)]


def test_a_sender_that_left_meanwhile_was_not_listened_to_either() -> None:
    net = Net()
    owner, listener = net.connect(), net.connect()
    ident = listener.listen("s", "e")
    join(owner)
    owner.fire("s", "e", 1)
    owner.lose()
    listener.call("remove_listener", listener_id=ident)
    back = net.connect()
    join(back, e=1)
    back.fire("s", "e", 2)
    listener.listen("s", "e")
    back.fire("s", "e", 3)
    assert [(bound.count, bound.anew) for bound in listener.of(Bound)] == [(0, False), (2, True)]


def test_a_count_that_is_told_again_is_no_new_one_as_long_as_something_is_listened_to() -> None:
    net = Net()
    owner, listener = net.connect(), net.connect()
    first, _ = listener.listen("s", "e"), listener.listen("s")
    join(owner)
    owner.fire("s", "e", 1)
    listener.call("remove_listener", listener_id=first)
    owner.fire("s", "e", 2)
    told = [(bound.count, bound.anew) for bound in listener.of(Bound) if bound.life]
    assert (told, listener.values()[-2:]) == ([(0, False), (1, False)], [1, 2])


@pytest.mark.parametrize("first", [("s", "e"), ("s", None), (None, None)])
def test_it_is_a_new_one_where_listeners_ended_one_after_the_other(first: tuple[Any, Any]) -> None:
    net = Net()
    owner, listener = net.connect(), net.connect()
    there = [listener.listen(*pattern) for pattern in (first, ("s", None), ("s", "e"))]
    join(owner)
    owner.fire("s", "e", 1)
    for ident in there:
        listener.call("remove_listener", listener_id=ident)
    owner.fire("s", "e", 2)
    listener.listen()
    owner.fire("s", "e", 3)
    told = [(bound.count, bound.anew) for bound in listener.of(Bound) if bound.life]
    assert (told, listener.values()[-1]) == ([(0, False), (2, True)], 3)


def test_who_never_counts_is_not_counted() -> None:
    net = Net()
    owner, listener = net.connect(), net.connect()
    listener.listen()
    owner.add_sender("s", ["e"])
    owner.fire("s", "e", 1)
    assert [(bound.event, bound.life) for bound in listener.of(Bound)] == [("#connect", ""), ("e", "")]


def test_a_sender_that_is_back_tells_everybody_who_heard_it() -> None:
    net = Net()
    owner, listener = net.connect(), net.connect()
    listener.listen("s")
    join(owner)
    owner.fire("s", "e", 1)
    owner.queue("s", "e", 2)  # lost with the link
    owner.lose()
    back = net.connect()
    assert join(back, e=2).routed == {"e": 1}
    assert bounds(listener) == [("a", 0), ("a", 2)]
    back.fire("s", "e", 3)
    assert [value for value in listener.values() if isinstance(value, int)] == [1, 3] and bounds(listener) == []


def test_a_listener_that_is_back_is_told_with_the_next_event_or_when_it_asks() -> None:
    net = Net()
    owner, listener = net.connect(), net.connect()
    listener.listen("s")
    join(owner)
    owner.fire("s", "e", 1)
    listener.lose()
    owner.fire("s", "e", 2)
    back, asks = net.connect(), net.connect()
    back.listen("s", "e")
    asks.listen("s", "e")
    asks.call("recall", topics=[["s", "e"], ["s", "no"], ["no", "e"]])
    assert (bounds(back), bounds(asks)) == ([], [("a", 2)])
    owner.fire("s", "e", 3)
    assert (bounds(back), bounds(asks)) == ([("a", 2)], [])


def test_a_count_that_is_recalled_for_who_does_not_hear_it_is_told_anew_when_it_does() -> None:
    """Its listener was refused when it came back: what is fired until it has one is not meant to arrive."""
    net = Net()
    owner, back = net.connect(), net.connect()
    join(owner)
    owner.fire("s", "e", 1)
    for _ in range(2):
        back.call("recall", topics=[["s", "e"]])
        owner.fire("s", "e", 2)
    back.listen("s", "e")
    owner.fire("s", "e", 3)
    back.call("recall", topics=[["s", "e"]])
    assert [(bound.count, bound.anew) for bound in back.of(Bound)] == [(1, False), (2, True), (3, True), (4, False)]


def test_what_was_not_heard_for_a_while_is_counted_anew() -> None:
    net = Net()
    owner, listener = net.connect(), net.connect()
    join(owner)
    for pattern in (("s", "e"), ("s", None), (None, None)):
        ident = listener.listen(*pattern)
        owner.fire("s", "e", 1)
        listener.call("remove_listener", listener_id=ident)
        owner.fire("s", "e", 2)
    assert bounds(listener) == [("a", 0), ("a", 2), ("a", 4)]


def test_another_life_and_one_that_is_unknown() -> None:
    net = Net()
    first = net.connect()
    join(first, "a")
    first.fire("s", "e", 1)
    first.lose()
    other = net.connect()
    assert join(other, "b", e=9).routed is None
    other.lose()
    assert join(net.connect(), "a", e=5).routed is None  # another was here meanwhile


def test_presence_is_not_counted() -> None:
    net = Net()
    raw = Raw(net)
    raw.ask("add_listener", sender=None, event=None)
    found = raw.say({"id": 5, "method": "add_sender", "params": {"sender": "s", "events": ["e"], "life": "a"}})
    binds: list[dict[str, Any]] = [message["params"] for message in found if message.get("method") == "bind"]
    assert [bind["event"] for bind in binds] == [sig.EVENT_CONNECT]
    assert not {"life", "count"} & set(binds[0])


def test_the_programs_own_listeners_at_the_server_count_too() -> None:
    with sig.ServerRouter("local://counts") as server, sig.ClientRouter("local://counts") as other:
        server.add_listener(lambda info, data: None, "s")
        port = server._port
        link = other._connection.open_link()
        for fired, routed in ((0, 0), (7, 0)):
            told: list[Any] = []
            link.session.add_sender("s", ["e"], None, lambda *answer: told.append(answer), life="a", fired={"e": fired})  # noqa: B023
            other.flush()
            assert told[0][1] is None
            if fired:
                assert told[0][0].routed == {"e": routed}
            link.session.call("remove_sender", {"sender": "s"}, lambda *answer: None)
            other.flush()
        assert port.lost == {"the link of their sender was lost": 7}


# -- what an owner drops


def test_what_an_owner_drops_moves_the_count_on_for_all_who_hear_it() -> None:
    net = Net()
    owner, listener, late = net.connect(), net.connect(), net.connect("msgpack")
    listener.listen("s", "e")
    join(owner)
    owner.fire("s", "e", 1)
    assert bounds(listener) == [("a", 0)]
    late.listen("s")
    owner.call("skip", sender="s", events=[["e", 3], ["e2", 5], ["#connect", 1]])
    assert bounds(listener) == [("a", 4)]
    assert bounds(late) == [("a", 1), ("a", 4)]  # it listened before: they were meant for it
    owner.fire("s", "e", 5)
    assert (bounds(listener), bounds(late)) == ([], [])
    owner.call("skip", sender="s", events=[["e", 0]])
    assert bounds(listener) == []
    owner.lose()
    assert join(net.connect(), e=5).routed == {"e": 5}


def test_only_who_added_a_sender_skips_its_events() -> None:
    net = Net()
    owner, other = net.connect(), net.connect()
    join(owner)

    def refused(link: Link, sender: str, count: int) -> sig.SigError | None:
        params = {"sender": sender, "events": [["e", count]]}
        error: sig.SigError | None = link.ask(lambda when: link.client.call("skip", params, when))[1]
        return error

    assert isinstance(refused(other, "s", 1), sig.NotOwner)
    assert isinstance(refused(other, "t", 1), sig.UnknownSender)
    wrong = refused(owner, "s", -1)
    assert wrong is not None and "-1 is not in 0" in str(wrong)
