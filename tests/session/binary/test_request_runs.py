"""Requests and replies that come together: what one of them does, or suffers, is its own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.errors import Busy, RemoteProtocolError, Status
from sig_core.protocol import wire
from sig_core.protocol.limits import Limits
from tests.session.by_hand import Raw, errors_of, goodbyes, request, sender_of
from tests.support.named_frames import Frame, split_reply, split_request
from tests.support.sessions import Net

LAW = settings(derandomize=True, deadline=None)
PARAMS = st.sampled_from([b"1", b'"a"', b"[]", b"12345678"])
TOO_BIG, BUSY = int(Status.TOO_BIG), int(Status.BUSY)

Asked = tuple[int, str, bytes]  # route, method, params


def pair(limits: Limits | None = None, **owner: Any) -> tuple[Raw, Raw, int]:
    """An owner, an asker, and the route of the owner's sender."""
    net = Net(limits)
    raw = Raw(net, number=1, **owner)
    route, _ = sender_of(raw)
    return raw, Raw(net, number=2), route


def requests_of(frames: list[Frame]) -> list[tuple[int, Asked]]:
    """Give the token of each request among frames, and what it asks."""
    found = [(frame.route, split_request(frame.body)) for frame in frames if frame.type == wire.REQUEST]
    return [(token, (route, method, params)) for route, (token, method, params) in found]


def replies_of(frames: list[Frame]) -> list[tuple[int, bytes]]:
    return [split_reply(frame.body) for frame in frames if frame.type == wire.REPLY]


@LAW
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([b"m", b"mm", b"n"]), PARAMS), max_size=30), st.data())
def test_each_is_passed_on_once_and_answered_once(asked: list[tuple[int, bytes, bytes]], data: st.DataObject) -> None:
    net = Net()
    owner, asker = Raw(net, number=1), Raw(net, number=2)
    routes = [sender_of(owner, name)[0] for name in "st"]
    piece = data.draw(st.sampled_from([0, 1, 7]))
    asker.send(*(request(routes[of], ident, params, method) for ident, (of, method, params) in enumerate(asked)))
    come = requests_of(owner.read())
    assert [what for _, what in come] == [(routes[of], method.decode(), params) for of, method, params in asked]
    order = data.draw(st.permutations(range(len(come))))
    answers = [wire.reply_frame(come[at][1][0], come[at][0], b"%d" % at) for at in order]
    owner.send(*answers, piece=piece)
    assert replies_of(asker.read()) == [(at, b"%d" % at) for at in order]
    assert len(net.exchange.requests) == 0
    assert owner.session.unmatched_replies == 0


@pytest.mark.parametrize("before", [0, 1, 8])
@pytest.mark.parametrize("bad", ["same id", "no method", "no UTF-8", "too short"])
def test_those_before_a_breach_are_passed_on(before: int, bad: str) -> None:
    owner, asker, route = pair()
    frame = {
        "same id": request(route, 99),
        "no method": wire.request_frame(route, 1000, b"\x00abc"),
        "no UTF-8": request(route, 1000, method=b"\xff"),
        "too short": wire.FRAME.pack(10, wire.REQUEST, route) + b"12345",
    }[bad]
    asker.send(request(route, 99))
    frames = asker.send(*(request(route, ident) for ident in range(before)), frame, request(route, 2000))
    assert goodbyes(asker, frames) == [Status.BAD_MESSAGE]
    assert isinstance(asker.session.error, RemoteProtocolError)
    assert len(requests_of(owner.read())) == before + 1


def test_what_is_beyond_the_limit_is_refused_and_no_more() -> None:
    owner, asker, route = pair(Limits(max_requests=5))
    frames = asker.send(*(request(route, ident, method=b"mn"[ident % 2 :][:1]) for ident in range(8)))
    assert errors_of(asker, frames) == [(ident, BUSY) for ident in (5, 6, 7)]
    assert [params for _, (_, _, params) in requests_of(owner.read())] == [b"1"] * 5


def test_one_that_is_too_big_for_the_owner_fails_alone() -> None:
    owner, asker, route = pair(max_frame=4096)
    sizes = [10, 5000, 20, 3000, 3000]
    frames = asker.send(*(request(route, ident, b" " * size) for ident, size in enumerate(sizes)))
    assert errors_of(asker, frames) == [(1, TOO_BIG)]
    assert [len(params) for _, (_, _, params) in requests_of(owner.read())] == [10, 20, 3000, 3000]


def test_those_that_the_owners_output_has_no_room_for_fail_alone() -> None:
    owner, asker, route = pair(Limits(max_outbox=65_536))
    sizes = [30_000, 30_000, 10_000, 10]
    frames = asker.send(*(request(route, ident, b" " * size) for ident, size in enumerate(sizes)))
    assert errors_of(asker, frames) == [(1, BUSY)]
    assert [len(params) for _, (_, _, params) in requests_of(owner.read())] == [30_000, 10_000, 10]


def test_a_reply_that_is_too_big_for_the_asker_fails_alone() -> None:
    net = Net()
    owner, asker = Raw(net, number=1), Raw(net, number=2, max_frame=4096)
    route, _ = sender_of(owner)
    asker.send(*(request(route, ident) for ident in range(4)))
    tokens = [token for token, _ in requests_of(owner.read())]
    sizes = [10, 5000, 3000, 3000]
    owner.send(*(wire.reply_frame(route, token, b" " * size) for token, size in zip(tokens, sizes, strict=True)))
    frames = asker.read()
    assert [(ident, len(value)) for ident, value in replies_of(frames)] == [(0, 10), (2, 3000), (3, 3000)]
    assert errors_of(asker, frames) == [(1, TOO_BIG)]


def test_replies_for_several_askers_and_for_nobody() -> None:
    net = Net()
    owner, one, other = (Raw(net, number=number) for number in (1, 2, 3))
    route, _ = sender_of(owner)
    for asker in (one, other, one):
        asker.send(*(request(route, len(net.exchange.requests) + at) for at in range(6)))
    tokens = [token for token, _ in requests_of(owner.read())]
    assert len(tokens) == 18
    owner.send(*(wire.reply_frame(route, token, b"1") for token in [*tokens, 4_000_000, tokens[0]]))
    assert sorted(ident for ident, _ in replies_of(one.read())) == [*range(6), *range(12, 18)]
    assert sorted(ident for ident, _ in replies_of(other.read())) == [*range(6, 12)]
    assert owner.session.unmatched_replies == 2


def test_a_session_that_ends_amid_its_requests_leaves_none_open() -> None:
    """Failures that it does not read are too many for its output; what came behind them is not passed on."""
    net = Net(Limits(max_outbox=65_536))
    owner, asker = Raw(net, number=1), Raw(net, number=2)
    route = owner.ask("add_sender", sender="s", events=[], requests=["good"])["route"]
    methods = [b"good", *[b"bad"] * 2000, b"good", b"bad", b"good"]
    asker.session.receive_data(
        b"".join(request(route, ident, method=method) for ident, method in enumerate(methods)), net.now
    )
    assert isinstance(asker.session.error, Busy)
    assert len(requests_of(owner.read())) == 1
    assert len(net.exchange.requests) == 0
    assert not net.exchange.requests.tokens_of(asker.session.port)


BIG = 40_000  # bytes of an event that leaves alone
BYTES = b"\xc4\x01\x00"  # in MessagePack; JSON has none


def drain(raw: Raw) -> int:
    """Take output as a connection does, until there seems to be none; give how many bytes that were."""
    size = 0
    while data := raw.session.take(1 << 18):
        size += len(data)
    return size


def test_requests_that_all_can_not_be_carried_do_not_hold_back_what_comes_behind_them() -> None:
    net = Net()
    owner, asker = Raw(net, "json", 1), Raw(net, "msgpack", 2)
    route, _ = sender_of(owner)
    _, routes = sender_of(asker, "t")
    owner.ask("add_listener", sender="t", event="e")
    owner.read()
    event = wire.event_frame(routes["e"], b"\xda" + BIG.to_bytes(2, "big") + b"x" * BIG)
    asker.session.receive_data(event, net.now)  # what binds the route leaves before this one
    drain(owner)
    frames = asker.send(request(route, 1, BYTES), request(route, 2, BYTES), event)
    assert [ident for ident, _ in errors_of(asker, frames)] == [1, 2]
    assert drain(owner) > BIG
    assert not owner.session.has_output


def test_answers_that_all_can_not_be_carried_do_not_hold_back_what_comes_behind_them() -> None:
    net = Net()
    owner, asker = Raw(net, "msgpack", 1), Raw(net, "json", 2)
    route, routes = sender_of(owner)
    asker.ask("add_listener", sender="s", event="e")
    event = wire.event_frame(routes["e"], b"\xda" + BIG.to_bytes(2, "big") + b"x" * BIG)
    owner.session.receive_data(event, net.now)
    drain(asker)
    asker.session.receive_data(request(route, 1) + request(route, 2), net.now)
    tokens = [token for token, _ in requests_of(owner.read())]
    owner.send(*(wire.reply_frame(route, token, BYTES) for token in tokens), event)
    assert drain(asker) > BIG
    assert not asker.session.has_output
