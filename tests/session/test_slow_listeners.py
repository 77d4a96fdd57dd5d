"""Slow listeners: feeders are held for a while, then the oldest events go, counted and told; the rest never goes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sig_core as sig
from sig_core.protocol import wire
from sig_core.protocol.limits import Limits
from sig_core.routing.flow_control import REST, FlowControl
from sig_core.routing.outbox import Outbox
from sig_core.routing.ports import Run
from sig_core.session.base import State
from sig_core.session.binary.reports import Bound, Gap, Opened
from sig_core.session.binary.server import ServerSession
from tests.session.by_hand import Raw
from tests.support.sessions import Link, Net

LIMIT = 100_000  # bytes of output
SIZE = 1000  # bytes of an event, roughly
LIMITS = Limits(max_outbox=LIMIT, stall=1.0, keepalive=600)


class Feed:
    """A sender of numbered events of about 1,000 bytes."""

    def __init__(self, link: Link, name: str = "s") -> None:
        self.link, self.name, self.sent = link, name, 0
        link.add_sender(name, ["e", "f"])

    def send(self, count: int, event: str = "e") -> None:
        """Send that many events, as far as the server reads them."""
        for _ in range(count):
            self.sent += 1
            self.link.fire(self.name, event, [self.sent, "x" * (SIZE - 20)])

    @property
    def reading_paused(self) -> bool:
        return self.link.server.reading_paused


def numbers(link: Link) -> list[int]:
    return [value[0] for value in link.values()]


def outbox(link: Link) -> Outbox:
    return link.server._outbox


def slow_net(limits: Limits = LIMITS) -> tuple[Net, Feed, Link, Link]:
    """A feeder, a listener that has stopped reading, and one that reads."""
    net = Net(limits)
    feed, slow, quick = Feed(net.connect()), net.connect(), net.connect()
    slow.listen("s", None)
    quick.listen("s", None)
    slow.frozen = True
    return net, feed, slow, quick


# -- the episode


def test_feeders_are_held_above_three_quarters() -> None:
    _, feed, slow, quick = slow_net()
    while not feed.reading_paused:
        assert outbox(slow).size <= 0.75 * LIMIT
        feed.send(1)
    assert 0.75 * LIMIT < outbox(slow).size <= 0.75 * LIMIT + SIZE + 20
    taken = feed.sent
    feed.send(50)
    assert numbers(quick) == list(range(1, taken + 1))  # what came later waits at the feeder
    assert slow.server.lost.total() == 0


def test_a_listener_that_reads_again_in_time_loses_nothing() -> None:
    net, feed, slow, quick = slow_net()
    feed.send(90)
    net.tick(0.9)
    assert feed.reading_paused
    slow.frozen = False
    net.pump()
    net.tick(0.1)
    assert not feed.reading_paused
    assert numbers(slow) == numbers(quick) == list(range(1, 91))
    assert slow.server.lost.total() == 0
    assert slow.of(Gap) == []
    slow.frozen = True
    feed.send(90)
    assert feed.reading_paused  # and has its full time again
    net.tick(0.9)
    assert feed.reading_paused


def test_feeders_go_on_as_soon_as_it_has_drained() -> None:
    _, feed, slow, _ = slow_net()
    feed.send(90)
    while outbox(slow).size >= 0.5 * LIMIT:
        assert feed.reading_paused
        slow.server.take(1)
    assert not feed.reading_paused  # no clock has to be looked at for it


def test_after_the_stall_the_oldest_go_counted_and_told() -> None:
    net, feed, slow, quick = slow_net()
    feed.send(90)
    net.tick(0.9)
    assert feed.reading_paused
    net.tick(0.15)
    assert not feed.reading_paused
    for _ in range(300):
        feed.send(1)
        assert outbox(slow).size <= LIMIT
        assert not feed.reading_paused  # once an episode
    assert numbers(quick) == list(range(1, feed.sent + 1))
    lost = slow.server.lost.total()
    assert dict(slow.server.lost) == {"slow listener": lost}
    slow.frozen = False
    net.pump()
    assert numbers(slow) == list(range(lost + 1, feed.sent + 1))  # no swap and no hole but at the front
    (gap,) = slow.of(Gap)
    assert (gap.sender, gap.event, gap.count, gap.sent) == ("s", "e", lost, False)
    assert lost <= feed.sent - 0.5 * LIMIT / SIZE  # it keeps at least half of what it may


def test_the_next_episode_holds_again() -> None:
    net, feed, slow, _ = slow_net()
    for _ in range(3):
        slow.frozen = True
        feed.send(90)
        assert feed.reading_paused
        net.tick(1.1)
        assert not feed.reading_paused
        feed.send(60)
        assert slow.server.lost.total() > 0
        slow.frozen = False
        net.pump()
        net.tick(0.1)
        assert sum(gap.count for gap in slow.of(Gap)) == slow.server.lost.total()
        assert len(numbers(slow)) == feed.sent - slow.server.lost.total()
        slow.server.lost.clear()
        feed.sent = 0
        net.tick(REST)  # nobody holds it for so long, since that was in vain


def test_gaps_come_first_one_for_each_route() -> None:
    net, feed, slow, _ = slow_net()
    feed.send(45, "e")
    feed.send(45, "f")
    net.tick(1.1)
    feed.send(100, "e")
    slow.frozen = False
    net.pump()
    gaps = {gap.event: gap.count for gap in slow.reports if isinstance(gap, Gap)}
    kinds = [type(report) for report in slow.reports if not isinstance(report, Opened | Bound)]
    assert set(gaps) == {"e", "f"}
    assert gaps["f"] == 45
    assert kinds.index(Gap) == 0
    assert sum(gaps.values()) == slow.server.lost.total()


def test_a_gap_is_told_even_if_nothing_else_waits() -> None:
    net = Net(LIMITS)
    feed, plain = Feed(net.connect("msgpack")), net.connect("json")
    plain.listen("s", "e")
    net.pump()
    feed.link.queue("s", "e", b"\xff")
    feed.link.queue("s", "e", b"\xff")
    net.pump()
    assert [gap.count for gap in plain.of(Gap)] == [2]
    assert not plain.server.has_output


# -- several


def test_every_feeder_of_a_slow_listener_is_held() -> None:
    net, feed, slow, quick = slow_net()
    other, stranger = Feed(net.connect(), "t"), Feed(net.connect(), "u")
    slow.frozen = False
    slow.listen("t", None)
    slow.frozen = True
    quick.listen("t", None)
    quick.listen("u", None)
    feed.send(90)
    assert (feed.reading_paused, other.reading_paused, stranger.reading_paused) == (True, False, False)
    other.send(1)
    stranger.send(1)
    assert (feed.reading_paused, other.reading_paused, stranger.reading_paused) == (True, True, False)
    net.tick(1.1)
    assert not any(one.reading_paused for one in (feed, other, stranger))


def test_a_feeder_waits_for_all_its_slow_listeners() -> None:
    net, feed, slow, quick = slow_net()
    other = Feed(net.connect(), "t")
    late = net.connect()
    late.listen("s", None)
    late.listen("t", None)
    other.send(40)
    late.frozen = True
    feed.send(70)
    other.send(1)
    assert not feed.reading_paused
    other.send(10)
    assert other.reading_paused  # late is full
    feed.send(10)
    assert feed.reading_paused  # because of both
    slow.frozen = False
    net.pump()
    assert feed.reading_paused
    late.frozen = False
    net.pump()
    assert not feed.reading_paused
    assert not other.reading_paused
    net.pump()
    assert numbers(quick) == list(range(1, feed.sent + 1))


@pytest.mark.parametrize("who", ["slow", "feeder"])
def test_the_end_of_either_releases(who: str) -> None:
    net, feed, slow, _ = slow_net()
    other = Feed(net.connect(), "t")
    feed.send(90)
    other.send(90)
    assert feed.reading_paused
    (slow if who == "slow" else feed.link).lose()
    if who == "slow":
        assert not feed.reading_paused
    net.tick(2.0)
    assert not net.exchange.flow_control
    assert not other.reading_paused


def test_a_link_is_never_held_because_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net(LIMITS)
    own, other = Feed(net.connect()), Feed(net.connect(), "t")
    own.link.listen(None, None)
    deaf, take = own.link.server, ServerSession.take
    monkeypatch.setattr(ServerSession, "take", lambda self, room: b"" if self is deaf else take(self, room))
    own.send(200)
    assert not own.reading_paused
    assert own.link.server.lost.total() > 0
    monkeypatch.undo()
    net.pump()
    assert outbox(own.link).size == 0
    other.send(1)
    assert not other.reading_paused  # nothing waits any more
    assert numbers(own.link)[-1] == 1


def test_presence_and_answers_hold_nobody() -> None:
    _, feed, slow, _ = slow_net()
    slow.frozen = False
    slow.listen(None, "#connect")
    slow.frozen = True
    for number in range(300):
        feed.link.add_sender(f"{number} {'x' * 240}", [])
    assert not feed.reading_paused
    assert slow.server.state is State.OPEN


# -- what is never dropped


def test_control_messages_and_replies_outlive_events() -> None:
    net, feed, slow, _ = slow_net()
    owner = net.connect()
    owner.add_sender("o", [], [None])
    slow.frozen = False
    slow.add_sender("p", [], [None])
    told = [slow.request("o", "m", number) for number in range(3)]
    slow.frozen = True
    owner.serve(lambda method, params: "y" * 3000)
    asked = [owner.request("p", "m", number) for number in range(3)]
    feed.send(90)
    net.tick(1.1)
    feed.send(500)
    assert slow.server.lost.total() > 400
    slow.frozen = False
    net.pump()
    assert told == [[("y" * 3000, None)]] * 3
    assert [slow.decode(call.params) for call in slow.asked()] == [0, 1, 2]
    assert asked == [[], [], []]
    assert slow.client.state is State.OPEN


def test_a_link_that_leaves_no_room_for_its_answers_is_closed_with_busy() -> None:
    net = Net(LIMITS)
    raw, watcher = Raw(net), net.connect()
    watcher.listen(None, "#disconnect")
    raw.ask("add_sender", sender="s", events=[])
    sync = wire.control_frame(b'{"id": 1, "method": "list_senders"}')
    while raw.open:
        assert outbox_of(raw) <= LIMIT
        raw.session.receive_data(sync, 0.0)
    assert isinstance(raw.session.error, sig.Busy)
    assert raw.session.error.status == -9
    assert outbox_of(raw) <= LIMIT + 200
    net.pump()
    assert [heard.sender for heard in watcher.heard()] == ["s"]


def outbox_of(raw: Raw) -> int:
    return raw.session._outbox.size


def test_replies_that_do_not_fit_end_the_asker_alone() -> None:
    net = Net(LIMITS)
    owner, slow = net.connect(), net.connect()
    owner.add_sender("o", [], [None])
    told = [slow.request("o", "m", number) for number in range(4)]
    slow.frozen = True
    owner.serve(lambda method, params: "y" * 30_000)
    assert slow.server.state is State.CLOSED
    assert isinstance(slow.server.error, sig.Busy)
    assert owner.client.state is State.OPEN
    assert told == [[], [], [], []]
    assert len(net.exchange.requests) == 0


def test_requests_that_do_not_fit_are_busy_and_cost_their_owner_nothing() -> None:
    net = Net(LIMITS)
    owner, asker = net.connect(), net.connect()
    owner.add_sender("o", [], [None])
    owner.frozen = True
    told = [asker.request("o", "m", "y" * 30_000) for _ in range(6)]
    assert owner.server.state is State.OPEN, owner.server.error
    refused = [answer for answer in told if answer]
    assert 3 <= len(refused) < 6
    assert {type(error) for ((_, error),) in refused} == {sig.Busy}
    owner.frozen = False
    net.pump()
    owner.serve(lambda method, params: len(params))
    assert [answer for answer in told if answer not in refused] == [[(30_000, None)]] * (6 - len(refused))


def test_events_make_room_for_what_must_not_go() -> None:
    net, feed, slow, _ = slow_net()
    slow.frozen = False
    slow.add_sender("p", [], [None])
    slow.frozen = True
    feed.send(70)
    asked = [feed.link.request("p", "m", "y" * 20_000) for _ in range(3)]
    assert slow.server.state is State.OPEN
    assert slow.server.lost.total() > 0
    slow.frozen = False
    net.pump()
    slow.serve(lambda method, params: len(params))
    assert asked == [[(20_000, None)]] * 3
    assert numbers(slow) == list(range(slow.server.lost.total() + 1, 71))


# -- the parts


PUTS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.integers(1, 3), st.integers(1, 400)),
        st.tuples(st.just("control"), st.just(0), st.integers(1, 100)),
        st.tuples(st.just("take"), st.just(0), st.integers(1, 600)),
    ),
    max_size=60,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(PUTS)
def test_an_outbox_keeps_order_and_loses_the_oldest_events_alone(steps: list[Any]) -> None:
    lost: list[int] = []
    box = Outbox(1000, lambda route, count, reason: lost.append(count))
    waiting: list[tuple[str, bytes, int]] = []
    taken = put = 0
    for number, (what, route, size) in enumerate(steps):
        if what == "take":
            data = box.take(size)
            assert data or not waiting
            first = len(waiting[0][1]) if waiting else 0
            assert len(data) <= max(size, first)
            while data:
                _, frame, count = waiting.pop(0)
                assert data.startswith(frame)
                data = data[len(frame) :]
                taken += count
            continue
        frame = bytes([number]) * size
        count = 1 + size // 100 if what == "event" else 0
        put += count
        waiting.append((what, frame, count))
        before = sum(lost)
        box.put(Run(route, "json", count, frame))
        gone = sum(lost) - before
        while gone:  # the oldest events, whole runs, no more
            oldest = next(entry for entry in waiting if entry[0] == "event")
            gone -= oldest[2]
            waiting.remove(oldest)
        assert gone == 0
        assert [run.data for run in box.runs] == [frame for _, frame, _ in waiting]
        assert box.size == sum(len(frame) for _, frame, _ in waiting)
        assert box.size <= 1000 or all(kind == "control" for kind, _, _ in waiting)
    assert put == taken + sum(lost) + sum(count for _, _, count in waiting)


class Stub:
    """A port that is held and recovers when told."""

    def __init__(self) -> None:
        self.reading_paused: list[bool] = []
        self.well = False

    def set_reading_paused(self, on: bool) -> None:
        self.reading_paused.append(on)

    def recovers(self, now: float) -> bool:
        return self.well


def test_holds_count_reasons_not_calls() -> None:
    holds = FlowControl()
    ports: Any = [Stub(), Stub(), Stub()]
    feeder, one, two = ports
    for slow in (one, one, two, feeder):
        holds.pause_feeder(slow, feeder)
    assert set(feeder.reading_paused) == {True}
    one.well = True
    holds.tick(0.0)
    assert set(feeder.reading_paused) == {True}
    two.well = True
    holds.tick(0.0)
    assert feeder.reading_paused[-1] is False
    assert not holds


def test_who_was_held_in_vain_is_read_for_a_while_whoever_is_slow() -> None:
    net, feed, _, _ = slow_net()
    more = [net.connect() for _ in range(3)]
    for other in more:
        other.listen("s", None)
        other.frozen = True
    held = 0
    for _ in range(40):
        feed.send(30)
        held += feed.reading_paused
        net.tick(0.25)
    assert 0 < held <= 20


def test_holds_forget_a_port_in_both_roles() -> None:
    holds = FlowControl()
    ports: Any = [Stub(), Stub(), Stub()]
    feeder, middle, slow = ports
    holds.pause_feeder(middle, feeder)
    holds.pause_feeder(slow, middle)
    holds.forget(middle)
    assert feeder.reading_paused == [True, False]
    slow.well = True
    holds.tick(0.0)
    assert middle.reading_paused == [True]  # it is gone: nobody calls it
    assert not holds


# -- answers are never dropped: who answers is held instead


def test_who_answers_faster_than_the_asker_reads_is_held() -> None:
    net = Net(LIMITS)
    owner, asker = net.connect(), net.connect()
    owner.add_sender("s", [], ["m"])
    answers = [asker.request("s", "m", None) for _ in range(100)]
    asker.frozen = True
    calls = owner.asked()
    while not owner.server.reading_paused:
        call = calls.pop()
        owner.client.reply(call.ident, call.route, "x" * 2000)
        net.pump()
    assert 0.75 * LIMIT < outbox(asker).size < LIMIT
    asker.frozen = False
    net.pump()
    net.tick(0.1)
    assert not owner.server.reading_paused
    for call in calls:
        owner.client.reply(call.ident, call.route, "x" * 2000)
        net.pump()
    assert [told[0][0] for told in answers] == ["x" * 2000] * 100
    assert asker.server.state is State.OPEN
