"""The ledger of an event at a server: for each listener, fired = delivered + waiting + lost."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import ConfigError
from sig_core.protocol.checks import Fields
from sig_core.protocol.hello import Hello
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Call
from sig_core.protocol.wire import event_frame
from sig_core.routing.ledger import MOST
from sig_core.routing.ports import Run
from sig_core.routing.traffic import Traffic
from sig_core.session.binary.client_port import ClientPort
from tests.support.sessions import PLUGINS, Net

LIMITS = Limits(max_outbox=4096)


class Client:
    """A client as a port; it takes what waits when it is told to."""

    def __init__(self, net: Net, name: str = "peer") -> None:
        self.net = net
        self.port = ClientPort(net.exchange, net.limits, name, Traffic(), self)
        hello = Hello(codecs=("json",), client="ab" * 16, max_frame=4096, keepalive=10.0)
        self.port.open(hello, "json", PLUGINS.codecs.get("json"))
        net.exchange.join(self.port)

    def call(self, method: str, **params: Any) -> Any:
        return self.port.calls.run(Call(1, method, Fields(params, method)))

    def listen(self, sender: str | None, event: str | None, **more: Any) -> int:
        ident: int = self.call("add_listener", sender=sender, event=event, **more)["listener_id"]
        return ident

    def add_sender(self, life: str, fired: int = 0) -> int:
        told = self.call("add_sender", sender="s", events=["e"], life=life, fired=[["e", fired]])
        number: int = dict(map(tuple, told["events"]))["e"]
        return number

    def fire(self, route: int, count: int = 1, size: int = 10) -> None:
        frame = event_frame(route, b'"' + b"x" * size + b'"')
        self.net.exchange.arrive(self.port, Run(route, "json", count, frame * count), 0.0)

    def take(self) -> None:
        while self.port.outbox.take_in_order(1 << 20):
            pass

    def told(self, event: str = "e") -> dict[str, Any]:
        told: dict[str, Any] = self.call("ledger", sender="s", event=event)
        for each in told["listeners"]:
            assert each["fired"] == each["delivered"] + each["waiting"] + sum(each["lost"].values())
        return told

    def account(self) -> tuple[int, int, int, dict[str, int]]:
        """What the ledger has of this client."""
        (mine,) = [each for each in self.told()["listeners"] if each["listener"] == self.port.peer]
        assert mine["of"] == "event"
        return mine["fired"], mine["delivered"], mine["waiting"], mine["lost"]

    # what a session is to its port

    def note_paused(self) -> None: ...
    def note_outbox(self) -> None: ...
    def note_overflow(self) -> None: ...
    def fail(self, error: Exception) -> None: ...

    traffic = Traffic()


def test_what_was_fired_is_delivered_or_waits() -> None:
    owner = Client(Net(LIMITS), "owner")
    route = owner.add_sender("life")
    early = Client(owner.net, "early")
    early.listen("s", "e")
    owner.fire(route, 3)
    late = Client(owner.net, "late")
    late.listen(None, None)
    assert late.account() == (0, 0, 0, {})
    early.take()
    owner.fire(route, 2)
    assert early.account() == (5, 3, 2, {}) and late.account() == (2, 0, 2, {})
    assert owner.told()["fired"] == 5


def test_of_what_is_lost_the_reason_is_told() -> None:
    owner = Client(Net(LIMITS), "owner")
    route = owner.add_sender("life")
    slow = Client(owner.net, "slow")
    slow.listen("s", None)
    owner.fire(route, size=4100)
    for _ in range(100):
        owner.fire(route, size=100)
    fired, delivered, waiting, lost = slow.account()
    assert (fired, delivered) == (101, 0) and 0 < waiting < 60
    assert lost == {"bigger than the 4096 bytes it takes": 1, "slow listener": 100 - waiting}
    assert sum(lost.values()) == slow.port.lost.total()


def test_what_newer_events_took_the_place_of_is_a_loss_by_choice() -> None:
    owner = Client(Net(LIMITS), "owner")
    route = owner.add_sender("life")
    screen = Client(owner.net, "screen")
    screen.listen("s", "e", latest=True)
    owner.fire(route, 7)
    assert screen.account() == (7, 0, 1, {"superseded": 6})


def test_what_is_fired_while_it_does_not_listen_is_not_its() -> None:
    owner = Client(Net(LIMITS), "owner")
    route = owner.add_sender("life")
    listener = Client(owner.net, "listener")
    ident = listener.listen("s", "e")
    owner.fire(route, 3)
    listener.take()
    listener.call("remove_listener", listener_id=ident)
    owner.fire(route, 4)
    listener.listen("s", "e")
    owner.fire(route, 2)
    assert listener.account() == (2, 0, 2, {})


def test_a_sender_that_is_back_in_its_life_goes_on_and_another_life_begins_anew() -> None:
    owner = Client(Net(LIMITS), "owner")
    route = owner.add_sender("life")
    listener = Client(owner.net, "listener")
    listener.listen("s", "e")
    owner.fire(route, 3)
    listener.take()
    owner.net.exchange.remove_sender(owner.port, "s", may_return=True)
    route = owner.add_sender("life", 5)  # two were lost on its way to the server: the listener counts these itself
    owner.fire(route, 2)
    assert listener.account() == (5, 3, 2, {}) and owner.told()["fired"] == 7
    listener.take()
    owner.net.exchange.remove_sender(owner.port, "s")
    route = owner.add_sender("another", 0)
    owner.fire(route, 1)
    assert listener.account() == (1, 0, 1, {})


def test_who_can_not_tell_its_events_apart_tells_of_all() -> None:
    owner = Client(Net(Limits(max_outbox=4096, max_events=2 * MOST)), "owner")
    events = [f"e{number}" for number in range(MOST + 1)] + ["e"]
    told = owner.call("add_sender", sender="s", events=events)
    listener = Client(owner.net, "listener")
    listener.listen("s", None)
    for _, route in told["events"]:
        owner.fire(route, size=5000)
    (mine,) = owner.told()["listeners"]
    assert (mine["of"], mine["fired"], sum(mine["lost"].values())) == ("all", MOST + 2, MOST + 2)


def test_presence_is_not_counted_and_who_is_not_there_has_no_count() -> None:
    client = Client(Net(LIMITS))
    client.listen("s", "e")
    with pytest.raises(ConfigError, match="presence is not counted"):
        client.told("#connect")
    assert client.told()["fired"] is None and client.account() == (0, 0, 0, {})
