"""What has gone gives its place back: names, numbers and counts, at the server and at who listened or asked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import sig_core as sig
from sig_core.protocol.limits import Limits
from sig_core.routing.counting import GONE, OWN_COUNTS, give_back
from sig_core.routing.numbers import RouteNumbers
from sig_core.session.binary import client_port
from sig_core.session.binary.reports import Bound, Unbound
from tests.session.by_hand import Raw, request, sender_of
from tests.support.sessions import Link, Net

MANY = 3000  # senders that come and go


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_port, "SWEEP", 20)


LIMITS = Limits(max_departed=30, max_names=100)


def entries(net: Net, *links: Link) -> int:
    """What is kept of names, at the server and at clients."""
    exchange = net.exchange
    tables: list[Any] = [exchange.senders, exchange._routes, exchange._targets, exchange._owned, exchange._departed]
    tables += [exchange._table._topics, exchange._table._at, exchange.requests._tokens]
    for link in links:
        outbox = link.server._outbox
        tables += [link.server.port._bound, link.client._names, link.client._routes, outbox.binds, outbox.gaps]
    return sum(map(len, tables))


def come_and_go(net: Net, how: str, heard: Link, number: int) -> Link:
    owner = net.connect("msgpack")
    routes = owner.add_sender(f"job {number}", ["e"], ["m"])
    owner.fire(f"job {number}", "e", number)
    told = heard.request(f"job {number}", "m", number)
    owner.serve(lambda method, params: params)
    assert told == [(number, None)] and routes
    if how == "removed":
        owner.call("remove_sender", sender=f"job {number}")
        assert owner.client._names == {} and owner.client._routes == {}
    owner.lose()
    return owner


@pytest.mark.parametrize("how", ["removed", "lost"])
def test_thousands_of_senders_that_come_and_go_leave_nothing(how: str) -> None:
    net = Net(LIMITS)
    listener = net.connect()
    listener.listen()
    sizes = []
    for number in range(MANY):
        come_and_go(net, how, listener, number)
        if number % 100 == 99:
            assert [value for value in listener.values() if type(value) is int] == list(range(number - 99, number + 1))
            listener.reports.clear()
            sizes.append(entries(net, listener))
    assert max(sizes) < 250


@pytest.mark.parametrize(("how", "kept"), [("removed", False), ("goodbye", False), ("lost", True)])
def test_who_listens_keeps_counts_of_those_that_may_come_back(how: str, kept: bool) -> None:
    net = Net()
    listener = net.connect()
    listener.listen()
    for number in range(200):
        owner = net.connect()
        joined(owner, str(number), 0)
        owner.fire(str(number), "e", number)
        if how == "removed":
            owner.call("remove_sender", sender=str(number))
        elif how == "goodbye":
            owner.client.close()
            net.pump()
        owner.lose()
    names = {names for names in listener.client._names.values() if names[1] == "e"}
    assert len(names) == 200 if kept else len(names) < 50
    assert len(listener.server.port._bound) < (1000 if kept else 150)


def test_one_client_that_adds_and_removes_is_told_which_numbers_are_free() -> None:
    net = Net(LIMITS)
    owner = net.connect()
    owner.listen()  # it hears itself
    for number in range(200):
        owner.add_sender(f"job {number}", ["e"])
        owner.fire(f"job {number}", "e", number)
        owner.call("remove_sender", sender=f"job {number}")
    assert [value for value in owner.values() if type(value) is int] == list(range(200))
    assert entries(net, owner) < 200


def test_the_same_name_has_the_same_number_while_it_is_remembered() -> None:
    net = Net(LIMITS)
    owner = net.connect()
    before = owner.add_sender("s", ["e"])
    owner.call("remove_sender", sender="s")
    assert owner.add_sender("s", ["e", "f"])["e"] == before["e"]
    owner.call("remove_sender", sender="s")
    for number in range(20):
        owner.add_sender(number, ["e"])
        owner.call("remove_sender", sender=number)
    assert owner.add_sender("s", ["e"])["e"] > before["e"]


def test_a_route_that_is_used_up_is_one_that_is_connected() -> None:
    net = Net(Limits(max_names=9))
    owner = net.connect()
    for number in range(50):
        owner.add_sender(number, ["e"])
        owner.call("remove_sender", sender=number)
    owner.add_sender("a", ["e"])
    owner.add_sender("b", ["e"])
    with pytest.raises(sig.Busy, match="9 routes"):
        owner.add_sender("c", [])


def test_an_asker_reaches_a_sender_that_is_back_under_another_number() -> None:
    net = Net(Limits(max_departed=0))
    owner, asker = net.connect(), net.connect()
    for ident in range(3):
        owner.add_sender("s", [], ["m"])
        told = asker.request("s", "m", ident)
        owner.serve(lambda method, params: params)
        assert told == [(ident, None)]
        owner.call("remove_sender", sender="s")
        ((_, error),) = asker.request("s", "m", 1)
        assert isinstance(error, sig.UnknownSender)


def test_a_number_of_old_stands_for_its_name_until_it_is_unbound() -> None:
    net = Net(Limits(max_departed=0))
    owner, asker = Raw(net), Raw(net, number=2)
    route, _ = sender_of(owner)
    assert asker.ask("resolve", sender="s") == {"route": route}
    owner.ask("remove_sender", sender="s")
    again, _ = sender_of(owner)
    assert again != route
    asker.send(request(route, 1))
    assert [frame.type for frame in owner.read()] == [2]
    asker.send(request(again + 50, 2))
    assert owner.read() == []


def joined(owner: Link, name: str, fired: int) -> None:
    answer, error = owner.ask(
        lambda when: owner.client.add_sender(name, ["e"], None, when, life=f"of {name}", fired={"e": fired})
    )
    assert error is None
    owner._routes[name, "e"] = answer.routes["e"]


def test_counts_are_kept_of_who_is_connected_under_another_number() -> None:
    net = Net(Limits(max_departed=0))
    listener, owner = net.connect(), net.connect()
    listener.listen()
    joined(owner, "s", 0)
    owner.fire("s", "e", 1)
    owner.lose()
    owner = net.connect()
    joined(owner, "s", 5)  # four were lost: that is told at once
    for number in range(30):
        other = net.connect()
        joined(other, str(number), 0)
        other.fire(str(number), "e", 1)
        other.lose()
    bound = [(report.life, report.count) for report in listener.reports if isinstance(report, Bound)]
    gone = {topic for report in listener.of(Unbound) for topic in report.topics}
    assert ("of s", 5) in bound
    assert ("s", "e") not in gone and ("0", "e") in gone


def test_what_waits_is_not_unbound_under_its_events() -> None:
    net = Net(Limits(max_departed=0, max_outbox=1 << 20))
    listener = net.connect()
    listener.listen()
    listener.frozen = True
    for number in range(60):
        owner = net.connect()
        owner.add_sender(number, ["e"])
        owner.fire(number, "e", number)
        owner.lose()
    listener.frozen = False
    net.pump()
    assert [heard.value for heard in listener.heard() if heard.event == "e"] == list(range(60))
    assert listener.client.error is None


def test_a_number_that_a_link_has_bound_is_not_given_again() -> None:
    net = Net(Limits(max_departed=0))
    net.exchange._numbers = RouteNumbers(net.exchange._is_taken, last=12)
    owner, listener = net.connect(), net.connect()
    listener.listen("s", "e")
    kept = owner.add_sender("s", ["e"])["e"]
    owner.fire("s", "e", 1)
    owner.call("remove_sender", sender="s")
    for number in range(20):
        assert kept not in owner.add_sender(number, ["e"]).values()
        owner.call("remove_sender", sender=number)


def test_counts_of_who_is_gone_are_counted_together_when_they_are_many() -> None:
    counts = Counter({(str(number), "e"): 2 for number in range(OWN_COUNTS + 1)})
    give_back(counts, [("0", "e"), ("1", "e"), ("no", "e")])
    assert (counts[GONE], counts.total(), len(counts)) == (4, 2 * (OWN_COUNTS + 1), OWN_COUNTS)
    give_back(counts, [("2", "e")])
    assert counts["2", "e"] == 2
