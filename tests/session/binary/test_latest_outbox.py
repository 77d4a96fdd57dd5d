"""Where only the newest is wanted, no older event waits; all that did not come is told, exactly once."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.routing.counting import LossDetector
from sig_core.routing.listener_queue import SUPERSEDED
from sig_core.routing.ports import Run
from sig_core.session.binary.latest_outbox import LatestOutbox
from sig_core.session.binary.reports import Bound, Events, Gap
from tests.support.sessions import Link, Net

LIMITS = Limits(max_outbox=4096, stall=0.0, keepalive=600)


class Screen:
    """A link that hears the sender s, and adds up as a client does.

    Attributes:
        heard: the values of event e, in order.
        told: how many did not come, after each report.
    """

    def __init__(self, net: Net, *, latest: bool = True) -> None:
        self.link = net.connect("json")
        self.ids: list[tuple[int, bool]] = []
        self.losses = LossDetector()
        self.heard: list[int] = []
        self.told = [0]
        self.reasons: set[str] = set()
        self.listen(latest)

    def listen(self, latest: bool, sender: Any = "s", event: Any = "e") -> None:
        options = {"latest": True} if latest else {}
        told = self.link.server.port.calls._add_listener(_Params(sender=sender, event=event, **options))
        self.ids.append((told["listener_id"], latest))

    def unlisten(self, place: int) -> None:
        ident, _ = self.ids.pop(place % len(self.ids))
        self.link.server.port.calls._remove_listener(_Params(listener_id=ident))

    @property
    def is_latest(self) -> bool:
        return all(latest for _, latest in self.ids)

    @property
    def outbox(self) -> LatestOutbox:
        outbox = self.link.server._outbox
        assert isinstance(outbox, LatestOutbox) and outbox is self.link.server.port.outbox
        return outbox

    def take(self, room: int) -> None:
        self.link.take(self.link.client.receive_data(self.link.server.take(room), 0.0))
        self._look()

    def read(self) -> None:
        self.link.frozen = False
        self.link.net.pump()
        self._look()

    def _look(self) -> None:
        for report in self.link.reports:
            if isinstance(report, Bound):
                self.told.append(self.told[-1] + self.losses.begin("s", "e", report.life, report.count))
            elif isinstance(report, Events):
                self.losses.add("s", "e", report.count)
                self.heard += [self.link.decode(data) for _, data in split_events(report.data)]
            elif isinstance(report, Gap):
                self.losses.add("s", "e", report.count)
                self.told.append(self.told[-1] + report.count)
                self.reasons.add(report.reason)
        self.link.reports.clear()


class _Params:
    """Params of a call."""

    def __init__(self, **params: Any) -> None:
        self._params = params

    def get(self, name: str, check: Any) -> Any:
        return check(self._params[name])

    def find(self, name: str, check: Any, default: Any) -> Any:
        return check(self._params[name]) if name in self._params else default


def owner_of(net: Net, fired: int = 0) -> Link:
    owner = net.connect("msgpack")
    joined, error = owner.ask(
        lambda when: owner.client.add_sender("s", ["e"], None, when, life="a", fired={"e": fired})
    )
    assert error is None
    owner._routes["s", "e"] = joined.routes["e"]
    return owner


def fire(owner: Link, values: range) -> None:
    for value in values:
        owner.queue("s", "e", value)
    owner.net.exchange.flow_control.tick(owner.net.now)
    owner.net.pump()


def frozen() -> tuple[Net, Link, Screen]:
    net = Net(LIMITS)
    owner, screen = owner_of(net), Screen(net)
    fire(owner, range(1))
    screen.read()
    screen.link.frozen = True
    return net, owner, screen


def test_one_waits_however_many_are_fired() -> None:
    _, owner, screen = frozen()
    for start in range(1, 1001, 10):
        fire(owner, range(start, start + 10))
    assert screen.outbox.waiting == 1 and screen.outbox.size < 50
    assert not owner.server.reading_paused
    assert screen.link.server.lost == {SUPERSEDED: 999}
    screen.read()
    assert screen.heard == [0, 1000] and screen.told[-1] == 999 and screen.reasons == {SUPERSEDED}
    fired = screen.link.server.port.stats()["events"]
    assert fired["fired"] == fired["out"] + fired["waiting"] + sum(fired["lost"].values()) == 1001


def test_all_come_as_soon_as_one_wants_all() -> None:
    _, owner, screen = frozen()
    fire(owner, range(1, 10))
    screen.listen(False, None, None)
    fire(owner, range(10, 20))
    assert screen.outbox.waiting == 11
    screen.unlisten(1)
    fire(owner, range(20, 30))  # it does not go before what waits already
    assert screen.outbox.waiting == 12
    screen.read()
    assert screen.heard == [0, 9, *range(10, 20), 29]
    assert len(screen.heard) + screen.told[-1] == 30


def test_a_bind_keeps_its_place() -> None:
    _, owner, screen = frozen()
    fire(owner, range(1, 5))
    screen.link.server.port.calls._recall(_Topics())
    fire(owner, range(5, 9))
    assert screen.outbox.waiting == 2
    screen.read()
    assert screen.heard == [0, 4, 8] and screen.told[-1] == 6


def test_other_events_keep_their_order_around_it() -> None:
    _, owner, screen = frozen()
    order: list[Any] = []
    outbox = screen.outbox
    route = owner._routes["s", "e"]
    for frame in (b"a", b"b"):
        outbox.put(Run(0, "json", 0, frame))
        fire(owner, range(3))
    assert [run.route for run in outbox.runs] == [0, route, 0]
    order = [run.data for run in outbox.runs if not run.route]
    assert order == [b"a", b"b"]


def test_a_last_value_keeps_its_place() -> None:
    _, owner, screen = frozen()
    route = owner._routes["s", "e"]
    fire(owner, range(1, 5))
    screen.outbox.put(Run(route, "json", 0, b"last"))
    fire(owner, range(5, 9))
    assert [(run.route, run.count) for run in screen.outbox.runs] == [(route, 1), (route, 0), (route, 1)]


def test_what_was_taken_is_not_replaced() -> None:
    _, owner, screen = frozen()
    for value in range(1, 6):
        fire(owner, range(value, value + 1))
        screen.take(10_000)
    assert screen.heard == list(range(6)) and screen.told[-1] == 0


def test_after_an_interrupt_it_knows_what_it_has() -> None:
    _, owner, screen = frozen()
    outbox, route = screen.outbox, owner._routes["s", "e"]
    one, other = (Run(route, "json", 1, owner_frame) for owner_frame in (b"\x06\0\0\0\1\1\0\0\0001", b"x"))
    outbox.put(one)
    assert outbox.holds([one]) and not outbox.holds([other])
    assert screen.link.server.port.has_waiting([one])


class _Topics:
    def get(self, name: str, check: Any) -> Any:
        return [("s", "e")]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("fire"), st.integers(1, 60)),
        st.tuples(st.just("take"), st.integers(1, 4)),
        st.tuples(st.just("listen"), st.booleans()),
        st.tuples(st.just("unlisten"), st.integers(0, 5)),
        st.tuples(st.sampled_from(["freeze", "read", "recall", "flap"]), st.just(0)),
    ),
    max_size=30,
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(STEPS)
def test_what_a_listener_adds_up_is_what_was_fired(steps: list[Any]) -> None:
    net = Net(LIMITS)
    owner, screen = owner_of(net), Screen(net)
    fire(owner, range(1))
    fired = 1
    for what, count in steps:
        if what == "fire":
            fire(owner, range(fired, fired + count))
            fired += count
        elif what == "take":
            for _ in range(count):
                screen.take(150)
        elif what == "freeze":
            screen.link.frozen = True
        elif what == "read":
            screen.read()
        elif what == "recall":
            screen.link.server.port.calls._recall(_Topics())
        elif what == "listen":
            screen.listen(count)
        elif what == "unlisten" and len(screen.ids) > 1:
            screen.unlisten(count)
        elif what == "flap":
            owner.lose()
            owner = owner_of(net, fired=fired)
    screen.read()
    fire(owner, range(fired, fired + 1))
    screen.link.call("recall", topics=[["s", "e"]])
    screen.read()
    assert screen.heard == sorted(set(screen.heard)) and screen.heard[-1] == fired
    assert len(screen.heard) + screen.told[-1] == fired + 1
    assert all(before <= after for before, after in pairwise(screen.told))
    events = screen.link.server.port.stats()["events"]
    assert events["fired"] == events["out"] + events["waiting"] + sum(events["lost"].values())
