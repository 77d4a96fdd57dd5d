"""How a board registers: all of it, anew, under a name that is taken or too long."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import RemoteProtocolError, SenderExists
from sig_core.protocol.board import EventItem, ListenItem, Register, RequestItem
from sig_core.protocol.limits import Limits
from sig_core.session.board.registration import Registration
from sig_core.session.board.renaming import Renaming
from tests.session.boards import Played, event, listen, method
from tests.support.sessions import Net

# -- what was registered


def test_each_kind_has_numbers_of_its_own() -> None:
    found = Registration(Register("uno", 6))
    for item in (
        RequestItem("a"),
        EventItem("x"),
        ListenItem("s", "e"),
        EventItem(7),
        RequestItem(None),
        ListenItem(None, None),
    ):
        assert not found.complete
        found.add(item)
    assert found.complete
    assert (found.events, found.methods, found.listened) == (["x", 7], ["a", None], [("s", "e"), (None, None)])
    with pytest.raises(RemoteProtocolError):
        found.add(EventItem("y"))


def test_a_method_has_its_number_and_others_their_name() -> None:
    found = Registration(Register("uno", 3))
    for name in (None, "a", "b"):
        found.add(RequestItem(name))
    assert [found.number_of(name) for name in ("a", "b", "c")] == [1, 2, "c"]


def test_matches_in_the_order_of_dispatch_with_the_names_that_are_open() -> None:
    found = Registration(Register(None, 6))
    patterns: list[Any] = [("s", "#e"), (None, "#e"), ("s", None), (None, None), ("s", "#e"), (None, "plain")]
    for pattern in patterns:
        found.add(ListenItem(*pattern))
    assert found.matches("s", "#e") == ((3, ("s", "#e")), (2, ("#e",)), (1, ("s",)), (0, ()), (4, ()))
    assert found.matches("t", "#e") == ((3, ("t", "#e")), (1, ("t",)))
    assert found.matches("t", "plain") == ((3, ("t", "plain")),), "an event that is no channel has no listeners alone"


# -- at the exchange


def test_registered_is_who_has_sent_all() -> None:
    net = Net()
    board = Played(net)
    board.say(0, 0, "uno", 2)
    board.say(*event("#changed"))
    assert board.read() == [] and "uno" not in net.exchange.senders
    board.say(*method("led.set"))
    assert board.read() == [[0, 0]]
    assert list(net.exchange.senders["uno"].events) == ["#changed", "#connect", "#disconnect"]
    assert net.exchange.senders["uno"].requests == ["led.set"]


@pytest.mark.parametrize(("items", "requests"), [([], None), ([method(None)], [None])])
def test_a_sender_without_methods_takes_no_requests(items: list[Any], requests: Any) -> None:
    net = Net()
    assert Played(net).register("uno", *items) == [[0, 0]]
    assert net.exchange.senders["uno"].requests == requests


def test_who_only_listens_has_no_name() -> None:
    net = Net()
    board = Played(net)
    assert board.register(None, listen("s", "e")) == [[0, 0]]
    assert not net.exchange.senders
    link = net.connect()
    link.add_sender("s", ["e"])
    link.fire("s", "e", 5)
    assert board.read() == [[1, 0, 5]]


def test_items_without_a_beginning_and_after_the_end_are_ignored() -> None:
    board = Played(Net())
    board.say(*event("e"))
    board.register("uno", event("e"))
    board.say(*event("f"))
    board.say(*listen())
    assert board.session.ignored == 3
    assert next(iter(board.net.exchange.senders["uno"].events)) == "e"


def test_255_items() -> None:
    net = Net()
    board = Played(net)
    assert board.register("uno", *(event(number) for number in range(255))) == [[0, 0]]
    client = net.connect()
    client.listen("uno", 254)
    board.say(1, 254, "last")
    assert client.values() == ["last"]
    board.say(1, 255, "none")
    assert client.values() == [] and board.counts["refused"] == 1


def test_one_event_twice() -> None:
    net = Net()
    board, client = Played(net), net.connect()
    client.listen("uno", "e")
    assert board.register("uno", event("e"), event("e")) == [[0, 0]]
    board.say(1, 0, "a")
    board.say(1, 1, "b")
    assert client.values() == ["a", "b"]


def test_a_new_registration_replaces_the_one_before() -> None:
    net = Net()
    board, client = Played(net), net.connect()
    client.listen()
    board.register("uno", event("old"), listen(None, None))
    client.heard()
    board.say(0, 0, "due", 1)
    board.say(1, 0, "between")
    assert [(heard.sender, heard.event) for heard in client.heard()] == [("uno", "#disconnect")]
    board.say(*event("new"))
    assert board.read()[-1] == [0, 0]
    board.say(1, 0, 1)
    assert [(heard.sender, heard.event) for heard in client.heard()] == [("due", "#connect"), ("due", "new")]
    assert set(net.exchange.senders) == {"due"}
    assert board.session.stats()["subscriptions"] == 0


def test_the_same_again() -> None:
    net = Net()
    board = Played(net)
    for _ in range(3):
        assert board.register("uno", event("e"), method("m"), listen("s", "e")) == [[0, 0]]
    assert board.session.stats()["subscriptions"] == 1


def test_events_that_wait_for_what_was_replaced_are_not_given_to_what_follows() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("s", ["a", "b"])
    board.register(None, listen("s", "a"))
    link.fire("s", "a", 1)
    link.fire("s", "a", 2)
    assert board.register(None, listen("s", "b")) == [[0, 0]], "number 0 is another event now"
    link.fire("s", "b", 3)
    assert board.read() == [[1, 0, 3]]
    assert sum(board.counts["lost"].values()) == 2


def test_what_gives_way_after_a_new_registration() -> None:
    net = Net(Limits(max_board_outbox=2000))
    board, link = Played(net), net.connect()
    link.add_sender("s", ["a", "b"])
    board.register(None, listen("s", "a"))
    for _ in range(10):
        link.fire("s", "a", "x" * 100)
    board.say(0, 0, None, 1)
    board.say(*listen("s", "b"))
    for _ in range(40):
        link.fire("s", "b", "x" * 100)
    messages = board.read()
    told = sum(message[2] for message in messages if message[0] == 4)
    assert told + sum(message[0] == 1 for message in messages) == 40
    board.check()


# -- names


def test_a_name_that_is_taken_and_freed_later() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("uno", ["x"])
    (answer,) = board.register("uno", event("e"), listen("s", "e"))
    assert answer[:2] == [0, SenderExists.status] and "already connected" in answer[2]
    for _ in range(5):
        net.now += 1.0
        board.session.tick(net.now)
    assert board.read() == [], "told once"
    board.say(1, 0, 1)
    assert board.counts["refused"] == 1
    link.call("remove_sender", sender="uno")
    assert board.session.tick(net.now + 0.5) <= 0.5
    net.now += 1.0
    board.session.tick(net.now)
    assert board.read() == [[0, 0]]
    assert net.exchange.senders["uno"].owner is board.session.port


def test_a_name_is_tried_again_every_second_however_often_the_clock_is_looked_at() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("uno", ["x"])
    board.register("uno")
    link.call("remove_sender", sender="uno")
    due = net.now
    for _ in range(25):
        net.now += 0.05
        due = net.now + board.session.tick(net.now)
    assert "uno" in net.exchange.senders
    assert due > net.now + 1


def test_it_hears_while_its_name_is_taken() -> None:
    net = Net()
    board, link = Played(net), net.connect()
    link.add_sender("uno", ["x"])
    board.register("uno", listen("uno", "x"))
    link.fire("uno", "x", 1)
    assert board.read() == [[1, 0, 1]]


def test_two_boards_of_one_firmware() -> None:
    net = Net()
    first, second = Played(net, rename=Renaming(prefix="a/")), Played(net, rename=Renaming(name="arm"))
    assert first.register("uno") == second.register("uno") == [[0, 0]]
    assert set(net.exchange.senders) == {"a/uno", "arm"}
    third = Played(net)
    assert third.register("uno") == [[0, 0]]
    (answer,) = Played(net).register("uno")
    assert answer[1] == -11


def test_a_name_that_is_too_long_with_its_prefix() -> None:
    net = Net()
    board = Played(net, rename=Renaming(prefix="p" * 10))
    (answer,) = board.register("x" * 250)
    assert answer[1] < 0 and "255" in answer[2]
    assert not net.exchange.senders
    assert board.register("x") == [[0, 0]]


def test_why_not_is_cut_to_what_the_board_takes() -> None:
    net = Net()
    link = net.connect()
    link.add_sender("uno", [])
    board = Played(net, mtu=32, message=0)
    (message,) = (board.say(0, 0, "uno", 0), board.take())[1]
    assert len(message) <= 32 and message[:3] == b"\x83\x00\x2a"


@pytest.mark.parametrize("limits", [Limits(max_names=2)])
def test_the_routes_of_the_server_are_used_up(limits: Limits) -> None:
    net = Net(limits)
    (answer,) = Played(net).register("uno", event("e"))
    assert answer[1] == -9 and "routes" in answer[2]


# -- presence


@pytest.mark.parametrize("name", [2**40, -(2**50), 1e300])
def test_the_presence_of_a_sender_whose_names_no_board_can_be_told(name: Any) -> None:
    net = Net()
    board, client = Played(net), net.connect("cbor")
    client.listen()
    board.register(None, listen(None, "#connect"))
    client.add_sender("odd", [name])
    client.add_sender("even", ["e"])
    messages = board.read()
    assert [4, 0, 1] in messages
    assert [message[3] for message in messages if message[0] == 1] == ["even"]
    assert [heard.sender for heard in client.heard()] == ["odd", "even"]
