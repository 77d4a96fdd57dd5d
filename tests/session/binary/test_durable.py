"""Durable listeners on the wire: what is kept, sent, acknowledged, refused and lost, without a thread or a disk."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import Busy, LocalProtocolError, ProtocolError, StoreFailed
from sig_core.protocol import wire
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import CONFIRM, DURABLE, durable_frame, event_frame, flagged_frame
from sig_core.routing.durable_port import NO_ROOM, WAITING
from sig_core.session.base import State
from sig_core.session.binary.reports import Kept, KeptLost
from sig_core.store.contract import EXPIRED
from sig_core.store.memory_store import MemoryStore
from tests.support.hand_store import HandStore, kept, listed, listen
from tests.support.sessions import CODECS, Link, Net


def acknowledge(link: Link, ident: int, position: int) -> None:
    told: list[Any] = []
    params = {"listener_id": ident, "position": position}
    link.client.call("acknowledge", params, lambda value, error: told.append(error))
    worker: Any = link.net.exchange.durables and link.net.exchange.durables._worker
    worker.run()
    if told[0] is not None:
        raise told[0]


def shop(net: Net, codec: str = "json", name: str = "shop") -> Link:
    link = net.connect(codec)
    link.add_sender(name, ["#order"])
    return link


def test_the_frame_is_that_of_the_page() -> None:
    frame = durable_frame(event_frame(7, b"21", b"{}"), 258, 513)
    assert frame.hex() == "1700000091070000000201000001020000000000000200" + "7b7d" + "3231"
    assert wire.cut_position(0x91, 7, frame[9:]) == (258, 513, event_frame(7, b"21", b"{}"))


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize("codec", CODECS)
def test_what_came_meanwhile_is_heard_in_order_and_what_is_acknowledged_never_again(codec: str, piece: int) -> None:
    net = Net()
    store, sender = HandStore(net), shop(net)
    first = net.connect(codec, piece=piece)
    answer = listen(first)
    assert answer == {"listener_id": 1, "acknowledged": 0, "sent": 0, "waiting": 0}
    sender.fire("shop", "#order", 1)
    store.run()
    assert kept(first) == [(1, 1)]
    acknowledge(first, 1, 1)
    first.lose()
    for value in range(2, 6):
        sender.fire("shop", "#order", value)
    store.run()
    second = net.connect(codec, piece=piece)
    assert listen(second) == {"listener_id": 1, "acknowledged": 1, "sent": 1, "waiting": 4}
    assert kept(second) == [(2, 2), (3, 3), (4, 4), (5, 5)]
    acknowledge(second, 1, 3)
    second.lose()
    third = net.connect(codec)
    assert listen(third) == {"listener_id": 1, "acknowledged": 3, "sent": 5, "waiting": 2}
    assert kept(third) == [(4, 4), (5, 5)]


def test_it_goes_on_at_another_server_with_the_same_store_though_the_sender_is_gone() -> None:
    kept_store = MemoryStore()
    net = Net()
    store, sender = HandStore(net, kept_store), shop(net)
    listen(net.connect())
    sender.fire("shop", "#order", 1, more="text")
    store.run()
    other = Net()
    HandStore(other, kept_store)
    link = other.connect("msgpack")
    assert listen(link)["waiting"] == 1
    (report,) = link.of(Kept)
    ((additions, data),) = split_events(report.data)
    assert (report.sender, report.event, link.decode(data)) == ("shop", "#order", 1)
    assert additions is not None and link.decode(additions) == {"more": "text"}


def test_other_listeners_of_the_link_hear_and_count_as_ever() -> None:
    net = Net()
    store, sender = HandStore(net), shop(net)
    link = net.connect()
    link.listen(None, "#order")
    listen(link)
    for value in range(3):
        sender.fire("shop", "#order", value)
    store.run()
    assert link.values() == [0, 1, 2]
    assert [value for _, value in kept(link)] == [0, 1, 2]


def test_no_more_than_the_window_is_under_way() -> None:
    net = Net()
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    for value in range(2500):
        sender.queue("shop", "#order", value)
    store.run()
    assert [position for position, _ in kept(link)] == list(range(1, 1001))
    acknowledge(link, 1, 600)
    assert [position for position, _ in kept(link)] == list(range(1001, 1601))
    acknowledge(link, 1, 1600)
    assert [position for position, _ in kept(link)] == list(range(1601, 2501))


def test_where_little_may_wait_for_a_client_little_comes_at_once() -> None:
    """And what alone is more than may wait is lost, else the link would end of it each time that the client comes."""
    net = Net(Limits(max_outbox=4096))
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    link.lose()
    for value in range(300):
        sender.fire("shop", "#order", "x" * (3000 if value == 100 else value % 50))
        store.run()
    link = net.connect()
    listen(link)
    positions: list[int] = []
    while came := [position for position, _ in kept(link)]:
        positions += came
        acknowledge(link, 1, came[-1])
    assert positions == [position for position in range(1, 301) if position != 101]
    assert link.client.state is State.OPEN
    (told,) = listed(store, link)
    assert told["lost"] == {"bigger than the 2048 bytes that may wait for it": 1}


def test_one_big_event_is_more_than_the_window_and_comes_all_the_same() -> None:
    net = Net()
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    for size in (2_000_000, 2_000_000):
        sender.fire("shop", "#order", "x" * size)
    store.run()
    assert [position for position, _ in kept(link)] == [1]
    acknowledge(link, 1, 1)
    assert [position for position, _ in kept(link)] == [2]


def test_what_waits_for_the_store_is_written_in_groups() -> None:
    net = Net()
    store, sender = HandStore(net), shop(net)
    listen(net.connect())
    before = store.done
    for value in range(100):
        sender.fire("shop", "#order", value)
    store.step()
    store.step()
    assert store.done == before + 2
    assert store.store.durables()[0].last == 100


def confirmed(store: HandStore, link: Link, value: Any) -> list[Any]:
    """Send an event that is to be confirmed; the list gets what came of it."""
    told: list[Any] = []
    event = event_frame(link._routes["shop", "#order"], link.client.encoding.encode(value))  # type: ignore[union-attr]
    link.client.confirm(event, "event", lambda links, error: told.append(error or links))
    store.net.pump()
    return told


def test_a_confirmed_event_is_answered_when_it_is_on_disk() -> None:
    net = Net()
    store, sender = HandStore(net), shop(net)
    listen(net.connect())
    told = confirmed(store, sender, 1)
    later = confirmed(store, sender, 2)
    assert not told and not later
    store.step()
    assert told == [1] and not later
    store.run()
    assert later == [1]


def test_a_store_that_fails_fails_what_is_to_be_confirmed_counts_the_rest_and_recovers() -> None:
    net = Net()
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    store.fails = True
    told = confirmed(store, sender, 1)
    sender.fire("shop", "#order", 2)
    store.run()
    assert isinstance(told[0], StoreFailed) and "the disk is full" in str(told[0])
    assert [(lost.count, lost.reason) for lost in link.of(KeptLost)] == [(1, "the store failed")] * 2
    store.fails = False
    again = confirmed(store, sender, 3)
    store.run()
    assert again == [1]
    assert kept(link) == [(3, 3)]
    assert listed(store, link)[0]["lost"] == {"the store failed": 2}
    (port,) = store.durables.all()
    events = port.stats()["events"]
    assert (events["fired"], events["out"], events["waiting"]) == (3, 1, 0)
    assert events["lost"] == {"the store failed": 2}


def test_where_the_store_can_not_follow_the_feeder_waits_and_then_the_newest_are_lost() -> None:
    net = Net()
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    frame = event_frame(sender._routes["shop", "#order"], b'"' + b"x" * (1 << 20) + b'"')
    for _ in range(WAITING // len(frame) + 3):
        sender.server.receive_data(frame, 0.0)
    assert sender.server.reading_paused
    net.exchange.flow_control.tick(net.now + 4.9)
    assert sender.server.reading_paused
    net.exchange.flow_control.tick(net.now + 60)
    assert not sender.server.reading_paused
    for _ in range(WAITING // len(frame)):
        sender.server.receive_data(frame, 0.0)
    told: list[Any] = []
    sender.client._requests[9] = "event", lambda links, error: told.append(error), 99.0, None
    sender.server.receive_data(flagged_frame(frame, CONFIRM, 9), 0.0)
    net.pump()
    assert isinstance(told[0], Busy) and NO_ROOM in str(told[0])
    store.run()
    assert not sender.server.reading_paused
    assert sum(lost.count for lost in link.of(KeptLost)) >= 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"event": "#other"}, "it hears (None, '#order'), not (None, '#other')"),
        ({}, "listens to it: one at a time can"),
    ],
)
def test_a_name_in_use_is_refused(params: dict[str, Any], words: str) -> None:
    net = Net()
    HandStore(net)
    listen(net.connect())
    with pytest.raises((ProtocolError, Busy)) as error:
        listen(net.connect(), **params)
    assert words in str(error.value)


def test_who_comes_back_with_its_token_takes_it_over() -> None:
    net = Net()
    HandStore(net)
    link = net.connect(client="ab" * 16)
    listen(link)
    assert link.client.welcome is not None
    again = net.connect(client="ab" * 16, token=link.client.welcome.token)
    assert listen(again)["listener_id"] == 1


def test_a_listener_that_is_removed_leaves_and_the_durable_stays() -> None:
    net = Net()
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    link.call("remove_listener", listener_id=1)
    sender.fire("shop", "#order", 1)
    store.run()
    assert not kept(link)
    assert listen(link) == {"listener_id": 2, "acknowledged": 0, "sent": 0, "waiting": 1}
    assert kept(link) == [(1, 1)]


def test_it_is_listed_and_dropped() -> None:
    net = Net()
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    sender.fire("shop", "#order", 1)
    store.run()
    (found,) = listed(store, link)
    assert found == {
        "durable": "billing", "owner": "", "sender": None, "event": "#order", "heard_by": "peer",
        "last": 1, "acknowledged": 0, "sent": 1, "fired": 1, "delivered": 0, "waiting": 1, "lost": {},
    }
    told: list[Any] = []
    link.client.call("drop_durable", {"durable": "billing"}, lambda value, error: told.append(error))
    store.run()
    assert told == [None]
    assert listed(store, link) == [] and store.store.durables() == []
    sender.fire("shop", "#order", 2)
    store.run()
    with pytest.raises(ProtocolError, match="there is none"):
        link.call("drop_durable", durable="billing")


def test_what_is_too_old_or_too_much_is_lost_and_told() -> None:
    net = Net(Limits(max_durable_bytes=4096, max_durable_age=10))
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    link.call("remove_listener", listener_id=1)
    for value in range(3):
        sender.fire("shop", "#order", value)
    store.run()
    store.time += 11
    sender.fire("shop", "#order", 3)
    store.run()
    store.durables.tick(100.0)
    store.run()
    listen(link)
    assert kept(link) == [(4, 3)]
    assert listed(store, link)[0]["lost"] == {EXPIRED: 3}


def test_one_too_many_is_refused() -> None:
    net = Net(Limits(max_durables=1))
    HandStore(net)
    link = net.connect()
    listen(link)
    with pytest.raises(Busy, match="max_durables"):
        listen(link, "other")


@pytest.mark.parametrize(("ident", "position", "words"), [(1, 5, "0 was sent last"), (7, 0, "there is no durable one")])
def test_an_acknowledgement_of_what_was_not_sent_is_refused(ident: int, position: int, words: str) -> None:
    net = Net()
    HandStore(net)
    link = net.connect()
    listen(link)
    with pytest.raises(ProtocolError, match=words):
        acknowledge(link, ident, position)
    assert link.client.state is State.OPEN


def test_a_server_without_a_store_says_so() -> None:
    link = Net().connect()
    with pytest.raises(ProtocolError, match="sig serve --store FILE"):
        link.call("add_listener", sender=None, event="#order", durable="billing")


def test_an_older_server_is_not_asked() -> None:
    link = Net().connect()
    link.client.kept.agreed = False
    with pytest.raises(LocalProtocolError, match="bring it up to date"):
        link.client.kept.ask("billing", (None, None), lambda value, error: None)


def test_what_the_listener_can_not_have_is_passed_over_and_told() -> None:
    net = Net()
    store, sender = HandStore(net), shop(net, "msgpack")
    link = net.connect("json")
    listen(link)
    sender.fire("shop", "#order", b"bytes")
    sender.fire("shop", "#order", 2)
    store.run()
    assert kept(link) == [(2, 2)]
    assert [lost.reason for lost in link.of(KeptLost)] == ["json can't carry the value"]


def test_more_names_than_routes_come_through() -> None:
    net = Net()
    store, link, count = HandStore(net), net.connect(), 1100
    listen(link)
    sender = net.connect()
    for number in range(count):
        sender.add_sender(number, ["#order"])
    for _ in range(2):
        for number in range(count):
            sender.queue(number, "#order", number)
        net.pump()
    store.run()
    found = [(report.sender, report.position) for report in link.of(Kept)]
    acknowledge(link, 1, 1000)
    found += [(report.sender, report.position) for report in link.of(Kept)]
    acknowledge(link, 1, 2000)
    found += [(report.sender, report.position) for report in link.of(Kept)]
    assert [sender for sender, _ in found] == [*range(count), *range(count)]
    assert [position for _, position in found] == list(range(1, 2 * count + 1))


def test_an_event_on_a_route_that_was_never_told_is_a_breach() -> None:
    link = Net().connect()
    frame = durable_frame(event_frame(3, b"1"), 1, 1)
    link.client.receive_data(frame, 0.0)
    assert link.client.state is State.CLOSED and "never told" in str(link.client.error)


def test_a_client_may_not_send_such_events() -> None:
    link = Net().connect()
    link.server.receive_data(durable_frame(event_frame(3, b"1"), 1, 1), 0.0)
    assert link.server.state is State.CLOSED


def test_without_the_feature_it_is_a_breach_at_a_client() -> None:
    link = Net().connect()
    link.client._reader.flags &= ~DURABLE
    link.client.receive_data(durable_frame(event_frame(3, b"1"), 1, 1), 0.0)
    assert link.client.state is State.CLOSED


@pytest.mark.parametrize(
    "data",
    ["10000000 81 07000000 0100000001000000000000", "11000000 91 07000000 010000000100000000000000"],
)
def test_a_frame_without_room_for_what_it_says_is_a_breach(data: str) -> None:
    link = Net().connect()
    link.client.receive_data(bytes.fromhex(data), 0.0)
    assert link.client.state is State.CLOSED and "length" in str(link.client.error)


def test_plain_peers_are_refused() -> None:
    net = Net()
    plain = net.plain_session()
    params = b'{"event": "#x", "sender": null, "durable": "b"}'
    plain.receive_data(b'{"id": 1, "method": "add_listener", "params": ' + params + b"}\n", 0)
    assert b"a plain peer can't acknowledge" in plain.take(10_000)


def ledger(store: HandStore, link: Link, event: str = "#order") -> dict[str, Any]:
    """What the call `ledger` tells of the durable."""
    told: list[Any] = []
    link.client.call("ledger", {"sender": "shop", "event": event}, lambda value, error: told.append(value))
    store.run()
    (found,) = [each for each in told[0]["listeners"] if each["listener"].startswith("durable")]
    assert found["fired"] == found["delivered"] + found["waiting"] + sum(found["lost"].values())
    return {key: found[key] for key in ("fired", "delivered", "waiting", "lost", "heard_by")}


def test_the_ledger_adds_up_over_failures_and_a_server_that_is_started_anew() -> None:
    net = Net()
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    sender.fire("shop", "#order", 1)
    store.run()
    link.client.call("acknowledge", {"listener_id": 1, "position": 1}, lambda value, error: None)
    store.run()
    store.fails = True
    for value in (2, 3):
        sender.fire("shop", "#order", value)
        store.run()
    store.fails = False
    sender.fire("shop", "#order", 4)
    store.run()
    expected = {"fired": 4, "delivered": 1, "waiting": 1, "lost": {"the store failed": 2}}
    assert ledger(store, link) == {**expected, "heard_by": "peer"}
    again = Net()
    anew = HandStore(again, store.store)
    sender = shop(again)
    assert ledger(anew, again.connect()) == {**expected, "heard_by": None}
    sender.fire("shop", "#order", 5)
    anew.run()
    assert ledger(anew, again.connect()) == {**expected, "fired": 5, "waiting": 2, "heard_by": None}


def test_an_acknowledgement_to_one_that_was_dropped_is_not_one_to_the_next_of_its_name() -> None:
    net = Net()
    store, sender, first, second = HandStore(net), shop(net), net.connect(), net.connect()
    listen(first)
    for value in range(3):
        sender.fire("shop", "#order", value)
    store.run()
    second.client.call("drop_durable", {"durable": "billing"}, lambda value, error: None)
    store.run()
    listen(second)
    second.call("remove_listener", listener_id=1)
    sender.fire("shop", "#order", 7)
    store.run()
    with pytest.raises(ProtocolError, match="it was dropped, and position 3 with it"):
        acknowledge(first, 1, 3)
    listen(second)
    assert kept(second) == [(1, 7)]


def test_what_one_listener_can_not_have_is_another_s_and_counted_once() -> None:
    net = Net()
    store, sender, first, second = HandStore(net), shop(net, "msgpack"), net.connect(), net.connect("msgpack")
    listen(first)
    for value in (1, b"bytes"):
        sender.fire("shop", "#order", value)
    store.run()
    assert kept(first) == [(1, 1)]
    first.lose()
    listen(second)
    assert kept(second) == [(1, 1), (2, b"bytes")]
    acknowledge(second, 1, 2)
    (found,) = listed(store, second)
    assert (found["delivered"], found["lost"]) == (2, {})


def test_what_the_store_lost_is_counted_before_what_comes_after_it() -> None:
    net = Net()
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    link.lose()
    store.fails = True
    sender.fire("shop", "#order", 1)
    net.pump()
    store.step()
    store.fails = False
    sender.fire("shop", "#order", 2)
    store.run()
    again = HandStore(Net(), store.store)  # the server was killed: what only it knew is gone
    (found,) = listed(again, again.net.connect())
    assert (found["fired"], found["waiting"], sum(found["lost"].values())) == (2, 1, 1)


def test_an_acknowledgement_that_the_store_could_not_take_is_told_it_again() -> None:
    net = Net()
    store, sender, link = HandStore(net), shop(net), net.connect()
    listen(link)
    sender.fire("shop", "#order", 1)
    store.run()
    store.fails = True
    with pytest.raises(StoreFailed, match="the disk is full"):
        acknowledge(link, 1, 1)
    assert store.store.durables()[0].acknowledged == 0
    store.fails = False
    store.durables.tick(100.0)
    store.run()
    assert (store.store.durables()[0].acknowledged, store.store.durables()[0].events) == (1, 0)


def test_who_comes_is_told_that_done_with_which_is_on_disk() -> None:
    net = Net()
    store, sender, first, second = HandStore(net), shop(net), net.connect(), net.connect()
    listen(first)
    sender.fire("shop", "#order", 1)
    store.run()
    store.fails = True
    with pytest.raises(StoreFailed, match="the disk is full"):
        acknowledge(first, 1, 1)
    first.lose()
    assert listen(second)["acknowledged"] == 0
