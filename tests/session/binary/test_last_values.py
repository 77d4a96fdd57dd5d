"""Last values at a server, byte by byte: kept, told in their place, bounded, counted; what a client says of its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.protocol import wire
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import LAST, cut_ident, event_frame, flagged_frame
from tests.session.by_hand import Raw, goodbyes
from tests.support.named_frames import Frame
from tests.support.sessions import CODECS, Net

AGREED = {"features": ["state"]}


def owner(net: Net, codec: str = "json", number: int = 1, **hello: Any) -> tuple[Raw, dict[Any, int]]:
    """A client with the sender "s", whose event "e" is its state."""
    raw = Raw(net, codec, number, **(hello or AGREED))
    answer = raw.ask("add_sender", sender="s", events=["e", "f"], requests=None, state=["e"])
    return raw, dict(answer["events"])


def told(frames: list[Frame]) -> list[tuple[int, bytes]]:
    """Give (id, data) of each value that was told because it is the last one."""
    found = []
    for frame in frames:
        if frame.type & LAST:
            ident, event = cut_ident(frame.type, frame.route, frame.body)
            found.append((ident, event[wire.HEADER :]))
    return found


@pytest.mark.parametrize("codec", CODECS)
def test_the_newest_is_told_before_the_answer(codec: str) -> None:
    net = Net()
    one, routes = owner(net)
    for value in (b"1", b"2", b"3"):
        one.send(event_frame(routes["e"], value), event_frame(routes["f"], value))
    two = Raw(net, codec, 2, **AGREED)
    call = {"id": 4, "method": "add_listener", "params": {"sender": "s", "event": None, "last": 9}}
    frames = two.send(wire.control_frame(two.codec.encode(call)))
    assert [frame.type for frame in frames] == [wire.CONTROL, wire.EVENT | LAST, wire.CONTROL]
    assert told(frames) == [(9, two.codec.encode(3))]
    bound, answer = two.messages(frames)
    assert bound["params"]["state"] is True
    assert answer["response"] == {"listener_id": 1, "told": 1, "lost": 0}
    one.send(event_frame(routes["e"], b"4"))
    assert [frame.type for frame in two.read()] == [wire.EVENT]


def test_who_does_not_ask_is_told_nothing_and_who_does_not_know_it_can_not_ask() -> None:
    net = Net()
    one, routes = owner(net)
    one.send(event_frame(routes["e"], b"1"))
    two = Raw(net, number=2)
    assert two.ask("add_listener", sender=None, event=None) == {"listener_id": 1}
    assert two.ask("last", sender=None, event=None) == {"told": 0, "lost": 1}
    assert one.ask("last", sender="s", event="f") == {"told": 0, "lost": 0}


def test_a_flag_that_was_not_agreed_on_is_a_breach() -> None:
    raw = Raw(Net())
    assert goodbyes(raw, raw.send(flagged_frame(event_frame(1, b"1"), LAST, 0))) == [-7]


@pytest.mark.parametrize("state", [["x"], ["e", 7], 3, [None]])
def test_what_is_no_event_of_the_sender_is_refused(state: Any) -> None:
    raw = Raw(Net(), **AGREED)
    params = {"sender": "s", "events": ["e"], "requests": None, "state": state}
    (answer,) = raw.say({"id": 1, "method": "add_sender", "params": params})
    assert answer["status"] == -7


def test_an_owner_that_is_back_gives_its_values_and_nobody_else_does() -> None:
    net = Net()
    one, routes = owner(net)
    two = Raw(net, "msgpack", 2, **AGREED)
    two.ask("add_listener", sender="s", event="e", last=1)
    before = net.exchange.count_of(routes["e"])
    one.send(flagged_frame(event_frame(routes["e"], b"7"), LAST, 0))
    assert told(two.read()) == [(0, b"\x07")]
    assert net.exchange.count_of(routes["e"]) == before
    two.send(flagged_frame(event_frame(routes["e"], b"8"), LAST, 0))
    one.send(flagged_frame(event_frame(routes["f"], b"8"), LAST, 0))
    assert two.ask("last", sender="s", event=None)["told"] == 1
    assert net.exchange.stats(peers=False)["state"]["values"] == 1 and one.open and two.open


def test_what_does_not_fit_is_not_kept_and_nor_is_what_it_follows() -> None:
    net = Net(Limits(max_state=1000))
    one, routes = owner(net)
    one.send(event_frame(routes["e"], b"1"))
    one.send(event_frame(routes["e"], b'"' + b"x" * 800 + b'"'))
    figures = net.exchange.stats(peers=False)["state"]
    assert (figures["values"], figures["bytes"], figures["refused"]) == (0, 0, 1)
    one.send(event_frame(routes["e"], b"2"))
    assert net.exchange.stats(peers=False)["state"]["values"] == 1


def test_values_are_gone_with_their_sender() -> None:
    net = Net()
    one, routes = owner(net)
    subscriptions = net.exchange.stats(peers=False)["subscriptions"]
    one.send(event_frame(routes["e"], b"1"))
    one.ask("remove_sender", sender="s")
    figures = net.exchange.stats(peers=False)
    assert (figures["state"]["events"], figures["state"]["bytes"]) == (0, 0)
    assert figures["subscriptions"] == subscriptions == 0


VALUES = st.lists(st.tuples(st.sampled_from("ef"), st.integers(0, 99), st.booleans()), max_size=30)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(0, 30))
def test_whenever_somebody_comes_it_gets_the_newest_and_then_all_that_follows(events: Any, when: int) -> None:
    net = Net()
    one, routes = owner(net)
    two = Raw(net, number=2, **AGREED)
    for number, (event, value, several) in enumerate([*events, ("e", 1, False)]):
        if number == min(when, len(events)):
            said = two.send(
                wire.control_frame(
                    two.codec.encode(
                        {"id": 1, "method": "add_listener", "params": {"sender": None, "event": None, "last": 5}}
                    )
                )
            )
        one.send(event_frame(routes[event], b"%d" % value) * (1 + several))
    before = [value for event, value, _ in events[: min(when, len(events))] if event == "e"]
    assert told(said) == ([(5, b"%d" % before[-1])] if before else [])
    after = [each for each in [*events, ("e", 1, False)][min(when, len(events)) :] if each[0] == "e"]
    heard = [frame for frame in two.read() if frame.type == wire.EVENT and frame.route == routes["e"]]
    assert sum(frame.events for frame in heard) == sum(1 + several for _, _, several in after)
