"""Requests between clients without I/O: across codecs, in flight when a side ends, timed out, cancelled."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig
from sig_core.session.binary.reports import Closed, RequestsReceived
from tests.support.sessions import Net

PIECES = pytest.mark.parametrize("piece", [0, 1], ids=["whole", "bytes"])


def handler(method: str, params: Any) -> Any:
    if method == "double":
        return params * 2
    if method == "bytes":
        return b"\x00"
    raise sig.RemoteError("ValueError", f"no {method}")


@PIECES
@pytest.mark.parametrize(("asks", "owns"), [("json", "msgpack"), ("msgpack", "json"), ("json", "json")])
def test_requests_and_their_errors_across_codecs(asks: str, owns: str, piece: int) -> None:
    net = Net()
    owner, asker = net.connect(owns, piece=piece), net.connect(asks, piece=piece)
    owner.add_sender("s", [], ["double", "fail", "bytes"])
    value = asker.request("s", "double", [1, "é"])
    fails, unfit = asker.request("s", "fail", None), asker.request("s", "bytes", None)
    assert [call.sender for call in owner.serve(handler)] == ["s", "s", "s"]
    assert value == [([1, "é", 1, "é"], None)]
    ((_, error),) = fails
    assert (type(error), error.exception, error.text) == (sig.RemoteError, "ValueError", "no fail")
    ((_, error),) = unfit
    assert isinstance(error, sig.EncodeError)  # json can't carry bytes, whether it is the owner's or the asker's
    assert len(net.exchange.requests) == 0


def test_params_that_the_owners_codec_cannot_carry() -> None:
    net = Net()
    owner, asker = net.connect("json"), net.connect("msgpack")
    owner.add_sender("s", [], ["m"])
    ((_, error),) = asker.request("s", "m", b"\xff")
    assert isinstance(error, sig.EncodeError)
    assert owner.of(RequestsReceived) == []


def test_two_requests_at_once_ask_for_the_route_once() -> None:
    net = Net()
    owner, asker = net.connect(), net.connect()
    owner.add_sender("s", [], [None])
    told: list[Any] = []
    for number in (1, 2):
        asker.client.request("s", "m", b"%d" % number, lambda value, error: told.append((value, error)))
    assert b"".join(asker.client.out).count(b"resolve") == 1
    net.pump()
    owner.serve(lambda method, params: params)
    assert told == [(1, None), (2, None)]
    ((_, error),) = asker.request("nobody", "m", None)
    assert isinstance(error, sig.UnknownSender)


def test_requests_to_oneself() -> None:
    net = Net()
    link = net.connect()
    link.add_sender("s", [], ["m"])
    told = link.request("s", "m", 1)
    link.serve(lambda method, params: params + 1)
    assert told == [(2, None)]


def test_requests_that_nobody_takes() -> None:
    net = Net()
    owner, asker = net.connect(), net.connect()
    owner.add_sender("s", ["e"], ["m"])
    owner.add_sender("mute", [])
    for sender, method, kind in (
        ("nobody", "m", sig.UnknownSender),
        ("s", "other", sig.UnknownMethod),
        ("mute", "m", sig.UnknownMethod),
    ):
        ((_, error),) = asker.request(sender, method, None)
        assert isinstance(error, kind)
    owner.call("remove_sender", sender="s")
    ((_, error),) = asker.request("s", "m", None)
    assert isinstance(error, sig.UnknownSender)


def test_a_sender_that_goes_leaves_its_requests_to_be_answered() -> None:
    net = Net()
    owner, asker = net.connect(), net.connect()
    owner.add_sender("s", [], ["m"])
    told = asker.request("s", "m", 1)
    owner.call("remove_sender", sender="s")
    owner.serve(lambda method, params: "late but there")
    assert told == [("late but there", None)]


@pytest.mark.parametrize("how", ["timeout", "cancel"])
def test_a_request_that_is_no_longer_wanted(how: str) -> None:
    net = Net()
    owner, asker = net.connect(), net.connect()
    owner.add_sender("s", [], ["m"])
    told = asker.request("s", "m", 1, deadline=5.0)
    if how == "timeout":
        net.tick(4.9)
        assert told == []
        net.tick(0.2)
        ((_, error),) = told
        assert isinstance(error, sig.RequestTimeout)
    else:
        (ident,) = asker.client._requests
        asker.client.cancel(ident)
        net.pump()
        assert told == []
    assert len(net.exchange.requests) == 0
    before = len(told)
    owner.serve(lambda method, params: 2)
    assert owner.server.unmatched_replies == 1
    assert len(told) == before
    assert asker.client.unmatched_replies == 0


@pytest.mark.parametrize("how", ["goodbye", "lost", "breach"])
def test_requests_in_flight_when_the_owner_ends(how: str) -> None:
    net = Net()
    owner, asker = net.connect(), net.connect("cbor")
    owner.add_sender("s", [], ["m"])
    told = [asker.request("s", "m", number) for number in range(3)]
    if how == "goodbye":
        owner.client.close()
        net.pump()
    elif how == "lost":
        owner.lose()
    else:
        owner.client.out.append(b"\xff" * 4)
        net.pump()
    assert [type(error) for ((_, error),) in told] == [sig.OutcomeUnknown] * 3
    assert len(net.exchange.requests) == 0
    ((_, error),) = asker.request("s", "m", 1)
    assert isinstance(error, sig.UnknownSender)


@pytest.mark.parametrize("how", ["goodbye", "lost"])
def test_requests_in_flight_when_the_asker_ends(how: str) -> None:
    net = Net()
    owner, asker = net.connect(), net.connect()
    owner.add_sender("s", [], ["m"])
    told = asker.request("s", "m", 1)
    if how == "goodbye":
        asker.client.close("enough")
        asker.take(asker.client.end())
        net.pump()
    else:
        asker.lose()
    ((_, error),) = told
    assert isinstance(error, sig.OutcomeUnknown)
    assert isinstance(error.__cause__, sig.LinkClosed if how == "goodbye" else sig.LinkLost)
    assert [type(report.error) for report in asker.of(Closed)] == [type(error.__cause__)]
    assert len(net.exchange.requests) == 0
    owner.serve(lambda method, params: 1)
    assert owner.server.unmatched_replies == 1


def test_a_goodbye_of_either_side_ends_both_in_order() -> None:
    net = Net()
    one, two = net.connect(), net.connect()
    one.client.close("done")
    two.server.close("down for the night")
    net.pump()
    assert isinstance(one.server.error, sig.LinkClosed)
    assert "done" in str(one.server.error)
    (closed,) = two.of(Closed)
    assert isinstance(closed.error, sig.LinkClosed)
    assert "down for the night" in str(closed.error)
