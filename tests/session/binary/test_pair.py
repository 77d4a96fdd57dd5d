"""A server and its clients without I/O: who hears what, in which codec, and who may send."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sig_core as sig
from sig_core.protocol import wire
from sig_core.session.base import State
from sig_core.session.binary.reports import Events, Gap
from tests.session.by_hand import Raw
from tests.support.sessions import CODECS, Heard, Net

PIECES = pytest.mark.parametrize("piece", [0, 1], ids=["whole", "bytes"])
BUILT_IN = ["#connect", "#disconnect"]


# -- events


@PIECES
@pytest.mark.parametrize("codec", CODECS)
def test_events_reach_each_link_once_with_their_additions(codec: str, piece: int) -> None:
    net = Net()
    sender = net.connect(codec, piece=piece)
    sender.add_sender("s", ["#e", "x"])
    listeners = [net.connect(name, piece=piece) for name in CODECS]
    for link in [*listeners, sender]:
        for pattern in ((None, None), ("s", None), (None, "#e"), ("s", "#e")):
            link.listen(*pattern)
    sender.queue("s", "#e", {"a": [1, 0.5, None, True, "é"]})
    sender.queue("s", "#e", 2, place="cellar", n=-1)
    sender.queue("s", "x", "three", place="attic")
    net.pump()
    wanted = [
        Heard("s", "#e", {"a": [1, 0.5, None, True, "é"]}, None),
        Heard("s", "#e", 2, {"place": "cellar", "n": -1}),
        Heard("s", "x", "three", {"place": "attic"}),
    ]
    assert [link.heard() for link in [*listeners, sender]] == [wanted] * 4


def test_who_hears_what() -> None:
    net = Net()
    sender, other = net.connect(), net.connect()
    sender.add_sender("s", ["#e", "e"])
    other.add_sender(7, ["#e", "e"])
    patterns = [(None, None), ("s", None), (None, "#e"), (None, "e"), ("s", "e"), (7, "#e"), (7.0, None), ("7", None)]
    listeners = [net.connect() for _ in patterns]
    for link, pattern in zip(listeners, patterns, strict=True):
        link.listen(*pattern)
    for link, name in ((sender, "s"), (other, 7)):
        for event in ("#e", "e"):
            link.fire(name, event, f"{name} {event}")
    assert [link.values() for link in listeners] == [
        ["s #e", "s e", "7 #e", "7 e"],
        ["s #e", "s e"],
        ["s #e", "7 #e"],
        [],
        ["s e"],
        ["7 #e"],
        ["7 #e", "7 e"],
        [],
    ]


def test_a_listener_hears_from_its_answer_until_its_removal() -> None:
    net = Net()
    sender, listener = net.connect(), net.connect()
    one = listener.listen("s", "e")  # before there is such a sender
    sender.add_sender("s", ["e"])
    two = listener.listen("s", None)
    sender.fire("s", "e", 1)
    listener.call("remove_listener", listener_id=one)
    sender.fire("s", "e", 2)
    sender.call("remove_sender", sender="s")
    sender.add_sender("s", ["e"])
    sender.fire("s", "e", 3)
    listener.call("remove_listener", listener_id=two)
    sender.fire("s", "e", 4)
    assert [value for heard in listener.heard() if heard.event == "e" for value in [heard.value]] == [1, 2, 3]


def test_events_and_requests_of_one_link_stay_in_order() -> None:
    net = Net()
    peer, owner = net.connect("json"), net.connect("msgpack")
    peer.add_sender("s", ["a", "b"])
    owner.add_sender("t", [], [None])
    owner.listen("s", None)
    peer.request("t", "warm", None)
    owner.serve(lambda method, params: None)
    peer.queue("s", "a", 1)
    peer.queue("s", "b", 2)
    peer.client.request("t", "ask", b"3", lambda value, error: None)
    peer.queue("s", "a", 4)
    net.pump()
    kinds = [type(report).__name__ for report in owner.reports]
    assert kinds == ["Opened", "Bound", "Events", "Bound", "Events", "RequestsReceived", "Events"]
    assert owner.values() == [1, 2, 4]


def test_what_a_codec_cannot_carry_is_a_counted_gap_at_that_listener() -> None:
    net = Net()
    sender, plain, binary = net.connect("msgpack"), net.connect("json"), net.connect("msgpack")
    sender.add_sender("s", ["e"])
    plain.listen("s", "e")
    binary.listen("s", "e")
    for value in (1, b"\xff", 3, [b"\xff"]):
        sender.queue("s", "e", value)
    sender.queue("s", "e", 5, raw=b"\xff")
    net.pump()
    assert binary.values() == [1, b"\xff", 3, [b"\xff"], 5]
    assert plain.values() == [1, 3]
    (gap,) = plain.of(Gap)
    assert (gap.sender, gap.event, gap.count, gap.sent) == ("s", "e", 3, False)
    assert "json" in gap.reason
    assert plain.server.lost.total() == 3
    assert binary.of(Gap) == []
    sender.fire("s", "e", 6)
    assert plain.values() == [6]


def test_a_payload_that_cannot_be_decoded_is_a_gap_where_it_is_transcoded() -> None:
    net = Net()
    raw, same, other = Raw(net, "json", 900), net.connect("json"), net.connect("cbor")
    route = dict(raw.ask("add_sender", sender="s", events=["e"])["events"])["e"]
    same.listen("s", "e")
    other.listen("s", "e")
    raw.send(wire.event_frame(route, b"{"), wire.event_frame(route, b"1"), wire.event_frame(route, b"2", b"[]"))
    net.pump()
    assert [gap.count for gap in other.of(Gap)] == [1]
    assert [(heard.value, heard.added) for heard in other.heard()] == [(1, None), (2, [])]
    (report,) = same.of(Events)
    assert report.count == 3  # in one codec the bytes pass untouched: who decodes them counts the loss
    assert (same.client.state, other.client.state, raw.open) == (State.OPEN, State.OPEN, True)


@pytest.mark.parametrize("how", ["goodbye", "lost", "removed"])
def test_presence_reaches_remote_listeners(how: str) -> None:
    net = Net()
    sender, by_channel, by_name = net.connect("json"), net.connect("cbor"), net.connect("msgpack")
    for event in BUILT_IN:
        by_channel.listen(None, event)
    by_name.listen("s", None)
    sender.add_sender("s", ["e", "#c"], ["ask", None])
    if how == "goodbye":
        sender.client.close()
        net.pump()
    elif how == "lost":
        sender.lose()
    else:
        sender.call("remove_sender", sender="s")
    data = {"events": ["e", "#c", *BUILT_IN], "requests": ["ask", None]}
    wanted = [Heard("s", event, data, None) for event in BUILT_IN]
    assert by_channel.heard() == wanted
    assert by_name.heard() == wanted


def test_presence_of_several_senders_of_one_link() -> None:
    net = Net()
    sender, listener = net.connect(), net.connect()
    sender.add_sender("a", [])
    listener.listen(None, "#connect")
    listener.listen(None, "#disconnect")
    sender.add_sender("b", [], None)
    sender.lose()
    found = [(heard.sender, heard.event, heard.value["requests"]) for heard in listener.heard()]
    assert found == [("b", "#connect", None), ("a", "#disconnect", None), ("b", "#disconnect", None)]


# -- who may send


def test_only_the_owner_may_send_and_is_told_once() -> None:
    net = Net()
    owner, thief, listener = net.connect(), net.connect(), net.connect()
    route = owner.add_sender("s", ["e"])["e"]
    listener.listen("s", None)
    thief.client._names[route] = ("s", "e")
    for _ in range(3):
        thief.client.out += [wire.event_frame(route, b"1")] * 2
        net.pump()
    thief.client.out.append(wire.event_frame(12345, b"1"))
    net.pump()
    known, unknown = thief.of(Gap)
    assert (known.sender, known.event, known.sent, unknown.sent) == ("s", "e", True, True)
    assert listener.values() == []
    assert thief.server.traffic.refused == 7
    with pytest.raises(sig.NotOwner):
        thief.call("remove_sender", sender="s")
    with pytest.raises(sig.SenderExists):
        thief.add_sender("s", [])
    owner.fire("s", "e", 2)
    assert listener.values() == [2]


# -- a law


NAMES = st.sampled_from(["s", "t", 7])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 2), NAMES),
        st.tuples(st.just("remove"), st.integers(0, 2), NAMES),
        st.tuples(
            st.just("listen"), st.integers(0, 2), st.tuples(st.none() | NAMES, st.sampled_from([None, "e", "#c"]))
        ),
        st.tuples(st.just("unlisten"), st.integers(0, 2), st.integers(0, 5)),
        st.tuples(st.just("fire"), NAMES, st.sampled_from(["e", "#c"])),
        st.tuples(st.just("drop"), st.integers(0, 2), st.booleans()),
    ),
    max_size=30,
)


def matches(pattern: tuple[Any, Any], sender: Any, event: str) -> bool:
    by_sender = pattern[0] is None or pattern[0] == sender
    by_event = pattern[1] is None or (pattern[1] == event and (pattern[0] is not None or event.startswith("#")))
    return by_sender and by_event


@settings(derandomize=True, deadline=None, max_examples=100)
@given(STEPS, st.sampled_from([0, 5]))
def test_each_link_hears_what_it_listens_to_as_the_page_says(steps: list[Any], piece: int) -> None:
    net = Net()
    links = [net.connect(codec, piece=piece) for codec in CODECS]
    heard: list[list[Any]] = [[], [], []]
    owners: dict[Any, int] = {}
    subscribed: list[dict[int, Any]] = [{}, {}, {}]
    for number, (what, one, two) in enumerate(steps):
        if what == "add" and two not in owners:
            links[one].add_sender(two, ["e", "#c"])
            owners[two] = one
        elif what == "remove" and owners.get(two) == one:
            links[one].call("remove_sender", sender=two)
            del owners[two]
        elif what == "listen":
            subscribed[one][links[one].listen(*two)] = two
        elif what == "unlisten" and subscribed[one]:
            ident = sorted(subscribed[one])[two % len(subscribed[one])]
            links[one].call("remove_listener", listener_id=ident)
            del subscribed[one][ident]
        elif what == "fire" and one in owners:
            links[owners[one]].fire(one, two, number)
            for link, patterns in zip(heard, subscribed, strict=True):
                if any(matches(pattern, one, two) for pattern in patterns.values()):
                    link.append((one, two, number))
        elif what == "drop":
            links[one].lose()
            links[one], subscribed[one], heard[one] = net.connect(CODECS[one], piece=piece), {}, []
            owners = {name: owner for name, owner in owners.items() if owner != one}
    for link, wanted in zip(links, heard, strict=True):
        assert [
            (found.sender, found.event, found.value) for found in link.heard() if found.event in ("e", "#c")
        ] == wanted
