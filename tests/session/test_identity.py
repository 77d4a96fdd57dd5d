"""A client that comes back: with its token it takes its own place, without it nobody does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sig_core as sig
from sig_core.errors import HandshakeError, Status
from sig_core.protocol import wire
from sig_core.protocol.hello import Hello
from sig_core.session.base import State
from sig_core.session.binary.reports import Closed
from sig_core.session.identity import KEPT, MOST_KEPT, Identities
from tests.session.by_hand import Raw, goodbyes
from tests.support.sessions import Net

ME, OTHER = "ab" * 16, "cd" * 16


class Stub:
    """A session that notes when it is replaced."""

    peer = "peer"

    def __init__(self, identities: Identities, client: str) -> None:
        self.identities = identities
        self.client = client
        self.ended = 0

    def replace(self) -> None:
        self.ended += 1
        self.identities.forget(self.client, self)


def hello(client: str, token: str | None) -> Hello:
    return Hello(codecs=("json",), client=client, max_frame=4096, keepalive=1.0, token=token)


class Made(Identities):
    """Identities with a clock that the test turns."""

    def __init__(self) -> None:
        self.now = 0.0
        tokens = iter(f"{number:08x}" for number in range(10**6))
        super().__init__("0" * 32, lambda: next(tokens), lambda: self.now)


def test_the_right_token_replaces_the_old_session_and_stays() -> None:
    identities = Made()
    sessions = [Stub(identities, ME) for _ in range(3)]
    token = identities.admit(hello(ME, None), sessions[0])
    for old, new in ((0, 1), (1, 2)):
        assert identities.admit(hello(ME, token), sessions[new]) == token
        assert (sessions[old].ended, sessions[new].ended) == (1, 0)
    assert len(identities) == 1
    identities.forget(ME, sessions[0])  # late news of a session that was replaced
    assert len(identities) == 1
    identities.forget(ME, sessions[2])
    assert len(identities) == 0


@pytest.mark.parametrize("token", [None, "00", "00000001", "0000000000", "000000"])
def test_a_wrong_token_is_denied_while_the_session_lives_and_a_while_after(token: str | None) -> None:
    identities = Made()
    session = Stub(identities, ME)
    right = identities.admit(hello(ME, None), session)
    for away in (False, True):
        if away:
            identities.forget(ME, session)
        with pytest.raises(HandshakeError, match=f"client id {ME} is in use, or was within the last 60 s") as caught:
            identities.admit(hello(ME, token), Stub(identities, ME))
        assert caught.value.status is Status.DENIED
        assert right not in str(caught.value)
        assert "peer" not in str(caught.value)  # where the other one is, is not told either
        assert session.ended == 0
    identities.now = KEPT
    assert identities.admit(hello(ME, token), session) != right


def test_who_has_the_token_comes_back_though_others_tried() -> None:
    identities = Made()
    right = identities.admit(hello(ME, None), (session := Stub(identities, ME)))
    identities.forget(ME, session)
    identities.now = KEPT - 1
    with pytest.raises(HandshakeError):
        identities.admit(hello(ME, None), Stub(identities, ME))
    again = Stub(identities, ME)
    assert identities.admit(hello(ME, right), again) == right
    identities.now = 2 * KEPT  # since it is back, it is not kept: it is there
    assert len(identities) == 1
    identities.forget(ME, again)
    identities.now += KEPT - 1
    assert identities.admit(hello(ME, right), Stub(identities, ME)) == right


def test_ids_that_are_kept_are_bounded() -> None:
    identities = Made()
    ids = [f"{number:032x}" for number in range(MOST_KEPT + 5)]
    for ident in ids:
        identities.admit(hello(ident, None), (session := Stub(identities, ident)))
        identities.forget(ident, session)
    assert len(identities._away) == MOST_KEPT
    identities.admit(hello(ids[4], None), Stub(identities, ids[4]))  # given up for newer ones
    with pytest.raises(HandshakeError):
        identities.admit(hello(ids[5], None), Stub(identities, ids[5]))
    identities.now = KEPT
    identities.admit(hello(OTHER, None), Stub(identities, OTHER))
    assert not identities._away


def test_clients_are_apart() -> None:
    identities = Made()
    one, two = Stub(identities, ME), Stub(identities, OTHER)
    tokens = [identities.admit(hello(ME, None), one), identities.admit(hello(OTHER, None), two)]
    assert len(set(tokens)) == 2
    with pytest.raises(HandshakeError):
        identities.admit(hello(ME, tokens[1]), Stub(identities, ME))
    assert (one.ended, two.ended) == (0, 0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.sampled_from([ME, OTHER]), st.sampled_from(["right", "wrong", "none"])),
        st.tuples(st.just("go"), st.sampled_from([ME, OTHER]), st.none()),
    ),
    max_size=20,
)


@settings(derandomize=True, deadline=None)
@given(STEPS)
def test_a_client_has_one_session_at_a_time(steps: list[Any]) -> None:
    identities = Made()
    live: dict[str, tuple[str, Stub]] = {}
    tokens: dict[str, str] = {}
    for what, client, kind in steps:
        if what == "go":
            if client in live:
                identities.forget(client, live.pop(client)[1])
            continue
        known = live.get(client)
        token = {"right": tokens.get(client, "aa"), "wrong": "ff", "none": None}[kind]
        session = Stub(identities, client)
        try:
            given_token = identities.admit(hello(client, token), session)
        except HandshakeError:
            assert client in tokens
            assert kind != "right"
            assert known is None or known[1].ended == 0
            continue
        assert client not in tokens or (kind == "right" and given_token == tokens[client])
        assert known is None or known[1].ended == 1
        tokens[client] = given_token
        live[client] = (given_token, session)
    assert len(identities) == len(live)


# -- over links


def test_a_returning_client_takes_its_names_back() -> None:
    net = Net()
    old, watcher = net.connect(client=ME), net.connect("cbor")
    watcher.listen(None, "#connect")
    watcher.listen(None, "#disconnect")
    watcher.listen("s", "e")
    routes = old.add_sender("s", ["e"], ["m"])
    old.listen("s", None)
    told = watcher.request("s", "m", 1)
    old.frozen = True  # half open: it will not hear of its end
    back = net.connect("msgpack", client=ME, token=old.client.welcome.token)
    assert old.server.state is State.CLOSED
    assert back.client.welcome.token == old.client.welcome.token
    ((_, error),) = told
    assert isinstance(error, sig.OutcomeUnknown)
    assert back.add_sender("s", ["e"], ["m"]) == routes
    back.fire("s", "e", 2)
    assert [(heard.event, heard.value) for heard in watcher.heard() if heard.event == "e"] == [("e", 2)]
    assert len(net.identities) == 1 + 1
    old.frozen = False
    net.pump()
    (closed,) = old.of(Closed)
    assert isinstance(closed.error, sig.LinkClosed)
    assert "another link" in str(closed.error)


def test_what_the_old_link_still_sends_is_not_read() -> None:
    net = Net()
    raw = Raw(net)
    found = raw.ask("add_sender", sender="s", events=["e"])
    raw.session.replace()
    assert goodbyes(raw, raw.read()) == [0]
    assert raw.send(wire.event_frame(dict(found["events"])["e"], b"1")) == []
    assert raw.session.traffic.refused == 0


def test_a_wrong_token_leaves_the_old_session_as_it_was() -> None:
    net = Net()
    old = net.connect(client=ME)
    old.add_sender("s", ["e"])
    for token in (None, "00", "f" * 32):
        thief = net.start(client=ME, token=token)
        (closed,) = thief.of(Closed)
        assert isinstance(closed.error, HandshakeError)
        assert closed.error.status is Status.DENIED
        assert thief.server.state is State.CLOSED
    assert old.call("sync") is None
    assert set(net.exchange.senders) == {"s"}
    assert len(net.identities) == 1


def test_a_session_that_was_lost_is_kept_for_who_has_its_token() -> None:
    net = Net()
    old = net.connect(client=ME)
    token = old.client.welcome.token
    old.lose()
    assert len(net.identities) == 0
    for offered in (None, "ff"):
        assert net.start(client=ME, token=offered).client.state is State.CLOSED
    again = net.connect(client=ME, token=token)
    assert again.client.welcome.token == token
    again.lose()
    net.now += KEPT
    assert net.connect(client=ME).client.welcome.token != token


@pytest.mark.parametrize("codec", ["json", "cbor"])
def test_nobody_is_told_the_id_of_another(codec: str) -> None:
    net = Net()
    net.connect(client=ME)
    told = net.connect(codec, client=OTHER).call("stats", peers=True)
    assert len(told["peers"]) == 2
    assert ME not in repr(told)
    assert all("client" not in peer for peer in told["peers"])


def test_a_refusal_ends_nothing() -> None:
    net = Net()
    old = net.connect("json", client=ME)
    allowed, net.server_session = net.server_session, lambda: allowed(["cbor"])  # type: ignore[method-assign]
    refused = net.start("json", client=ME, token=old.client.welcome.token)
    assert refused.client.state is State.CLOSED
    assert old.server.state is State.OPEN
    assert old.call("sync") is None


@pytest.mark.parametrize("other", ["", "panel"])
def test_an_id_belongs_to_who_it_was_given_to(other: str) -> None:
    identities = Made()
    session = Stub(identities, ME)
    token = identities.admit(hello(ME, None), session, "hall")
    for away in (False, True):
        if away:
            identities.forget(ME, session)
        with pytest.raises(HandshakeError, match="this is not its token"):  # though it is: nobody learns that
            identities.admit(hello(ME, token), Stub(identities, ME), other)
    assert identities.admit(hello(ME, token), Stub(identities, ME), "hall") == token
    assert session.ended == 0
