"""The server's end of a session that goes on over several links: who may come back, when, and what ends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sig_core.errors import Busy, LinkLost, RemoteProtocolError
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import ack_frame, control_frame, event_frame
from sig_core.session.base import State
from sig_core.session.binary.resumable_link import ResumableLink
from sig_core.session.binary.resumptions import LinkToLast, Resumptions
from sig_core.session.binary.server import ServerSession
from sig_core.session.link_session import LinkSession
from tests.support.named_frames import Frame, NamedReader
from tests.support.sessions import Net, opening

CLIENT = "ab" * 16
ASKED = {"seconds": 30, "window": 65_536}


class Server:
    """A server whose links are fed by hand."""

    def __init__(self, **limits: Any) -> None:
        self.net = Net(Limits(**limits))
        self.ended: list[ServerSession] = []
        self.resumptions = Resumptions(self.net.limits, lambda: self.net.now, self.ended.append, lambda when: None)


class Peer:
    """One link to it, and what came on that."""

    def __init__(self, server: Server, **hello: Any) -> None:
        self.net = server.net
        self.said = 0  # bytes of the stream
        first = server.net.server_session()
        first.lasting = LinkToLast(server.resumptions, self._switch)
        self.session: LinkSession = first
        self._reader = NamedReader(2**32 - 1)
        self.head = b""
        self.say(opening(**hello))
        self.heard: list[Frame] = []
        self.welcome = self._welcome()

    def _switch(self, link: ResumableLink) -> None:
        self.session = link

    def say(self, data: bytes) -> None:
        self.said += len(data)
        self.session.receive_data(data, self.net.now)

    def call(self, method: str, **params: Any) -> Any:
        self.say(control_frame(json.dumps({"id": 1, "method": method, "params": params}).encode()))
        (answer,) = [json.loads(frame.body) for frame in self.read() if b'"id":1' in frame.body]
        return answer.get("response")

    def take(self) -> bytes:
        data = b""
        while part := self.session.take(65_536):
            data += part
        return data

    def read(self) -> list[Frame]:
        return self._reader.feed(self.take())

    def _welcome(self) -> dict[str, Any]:
        data = self.take()
        (frame, *self.heard) = self._reader.feed(data[8:])
        told: dict[str, Any] = json.loads(frame.body)
        self.length = len(data)
        return told

    @property
    def inner(self) -> ServerSession:
        assert isinstance(self.session, ResumableLink)
        return self.session.session


def first(server: Server, **hello: Any) -> Peer:
    return Peer(server, client=CLIENT, features=["resume"], resume=ASKED, **hello)


def again(server: Server, before: Peer, received: int, **hello: Any) -> Peer:
    asked = {"token": before.welcome["token"], "resume": {**ASKED, "received": received}, **hello}
    return Peer(server, client=CLIENT, features=["resume"], **asked)


def test_it_is_agreed_on_in_the_hello() -> None:
    welcome = first(Server(max_resume=10, max_unacked=8192)).welcome
    assert welcome["features"] == ["resume"]
    assert welcome["resume"] == {"seconds": 10, "window": 8192, "received": None}


@pytest.mark.parametrize(
    "hello", [{}, {"features": ["resume"]}, {"resume": ASKED}, {"features": ["x"], "resume": ASKED}]
)
def test_who_does_not_ask_for_it_gets_none(hello: dict[str, Any]) -> None:
    peer = Peer(Server(), client=CLIENT, **hello)
    assert (peer.welcome["features"], "resume" in peer.welcome) == ([], False)
    peer.session.receive_eof()
    assert peer.session.state is State.CLOSED


def test_a_server_that_lets_none_wait_agrees_to_nothing() -> None:
    assert first(Server(max_resume=0)).welcome["features"] == []


@pytest.mark.parametrize("bad", [{"seconds": 0}, {"seconds": 1}, {"window": 5000}, [], {"seconds": 1, "window": 4095}])
def test_what_can_not_be_asked_for_is_refused(bad: Any) -> None:
    assert Peer(Server(), client=CLIENT, features=["resume"], resume=bad).welcome["refused"]["status"] == -7


def test_a_session_goes_on_with_all_that_it_had() -> None:
    server = Server()
    peer, other = first(server), Peer(server, client="cd" * 16)
    route = peer.call("add_sender", sender="s", events=["e"], requests=None)["events"][0][1]
    other.call("add_listener", sender="s", event=None)
    received = peer.length + 0
    peer.session.receive_eof()
    assert server.resumptions.resumed == 0
    assert len(server.resumptions) == 1
    assert other.read() == []
    back = again(server, peer, peer.inner.port.kept.end if peer.inner.port.kept else received)
    assert back.welcome["resume"]["received"] == peer.said
    assert server.resumptions.resumed == 1
    back.say(event_frame(route, b"21"))
    assert [frame.type for frame in other.read()] == [0, 1]


def test_what_was_sent_and_not_received_comes_again_and_what_waited_comes_behind() -> None:
    server = Server()
    peer, other = first(server), Peer(server, client="cd" * 16)
    route = other.call("add_sender", sender="s", events=["e"], requests=None)["events"][0][1]
    peer.call("add_listener", sender="s", event=None)
    kept = peer.inner.port.kept
    assert kept is not None
    before = kept.end
    other.say(event_frame(route, b"1"))
    lost = peer.read()
    assert [frame.type for frame in lost] == [0, 1]
    peer.session.fail(LinkLost("cut"))
    other.say(event_frame(route, b"2"))
    back = again(server, peer, before)
    assert [frame.type for frame in back.heard] == [0, 1]
    assert back.heard[1].body == event_frame(route, b"1") + event_frame(route, b"2")


def test_a_link_that_is_half_open_gives_way() -> None:
    server = Server()
    peer = first(server)
    peer.say(event_frame(77, b"1")[:5])  # which comes again
    back = again(server, peer, peer.length)
    assert back.welcome["resume"]["received"] == peer.said - 5
    assert "came back" in str(peer.session.error)
    peer.session.receive_data(b"rubbish", 0.0)
    peer.session.receive_eof()
    assert (peer.take(), peer.session.has_output) == (b"", False)
    assert back.call("sync") is None


@pytest.mark.parametrize("received", [0, 8, 2**50])
def test_who_has_less_than_is_kept_or_more_than_was_sent_is_taken_in_anew(received: int) -> None:
    server = Server()
    peer = first(server)
    peer.call("sync")
    kept = peer.inner.port.kept
    assert kept is not None
    peer.say(ack_frame(kept.end))
    back = again(server, peer, received)
    assert back.welcome["resume"]["received"] is None
    assert "same client came back" in str(peer.session.error)


@pytest.mark.parametrize("token", ["00" * 16, None])
def test_another_token_is_refused_and_disturbs_nobody(token: str | None) -> None:
    server = Server()
    peer = first(server)
    peer.session.receive_eof()
    assert again(server, peer, peer.length, token=token).welcome["refused"]["status"] == -6
    assert again(server, peer, peer.length).welcome["resume"]["received"] == peer.said


def test_an_address_that_does_not_take_the_codec_takes_up_no_session() -> None:
    server = Server()
    peer = first(server)
    back = again(server, peer, peer.length, codecs=["cbor"])
    assert (back.welcome["codec"], back.welcome["resume"]["received"]) == ("cbor", None)


def test_a_server_that_was_started_anew_takes_the_client_in_as_a_new_one() -> None:
    peer = first(Server())
    back = again(Server(), peer, peer.length)
    assert (back.welcome["resume"]["received"], back.welcome["features"]) == (None, ["resume"])


def test_its_senders_leave_when_its_time_is_over_and_not_before() -> None:
    server = Server(max_resume=10)
    peer = first(server)
    peer.call("add_sender", sender="s", events=[], requests=None)
    peer.session.receive_eof()
    assert server.resumptions.tick(9.9) == 10
    assert server.net.exchange.senders
    server.resumptions.tick(10)
    assert not server.net.exchange.senders
    assert [str(session.error) for session in server.ended] == [
        "its link was cut, and it did not come back within 10 s",
    ]
    assert len(server.resumptions) == 0
    assert again(server, peer, peer.length).welcome["resume"]["received"] is None


def test_a_silent_link_is_cut_and_its_session_waits() -> None:
    server = Server(keepalive=5)
    peer = first(server)
    server.net.now = 5.1
    peer.session.tick(5.1)
    assert "silent for 5.1 s" in str(peer.session.error)
    assert again(server, peer, peer.length).welcome["resume"]["received"] == peer.said


def test_an_ack_of_what_was_never_sent_ends_the_session() -> None:
    server = Server()
    peer = first(server)
    peer.say(ack_frame(2**40))
    assert isinstance(peer.session.error, RemoteProtocolError)
    assert "an ack of 1099511627776 bytes" in str(peer.session.error)
    (goodbye,) = peer.read()
    assert b"goodbye" in goodbye.body
    assert again(server, peer, peer.length).welcome["resume"]["received"] is None


def test_a_goodbye_ends_it_for_good() -> None:
    server = Server()
    peer = first(server)
    peer.call("add_sender", sender="s", events=[], requests=None)
    peer.say(control_frame(b'{"method":"goodbye"}'))
    peer.session.receive_eof()
    assert (len(server.resumptions), server.net.exchange.senders) == (0, {})


def test_those_that_wait_give_way_the_oldest_of_the_source_that_has_most() -> None:
    server = Server()
    peers = [Peer(server, client=f"{number:032x}", features=["resume"], resume=ASKED) for number in range(3)]
    for peer in peers:
        peer.session.receive_eof()
    assert server.resumptions.drop_waiting()
    assert [session.client for session in server.ended] == [f"{0:032x}"]
    assert isinstance(server.ended[0].error, Busy)
    server.resumptions.close(LinkLost("the server stops"))
    assert not server.resumptions.drop_waiting()
    assert len(server.ended) == 3


def test_no_more_is_sent_than_is_kept_until_it_is_acknowledged_and_that_counts_as_held() -> None:
    server = Server(max_unacked=4096)
    peer, other = first(server), Peer(server, client="cd" * 16)
    route = other.call("add_sender", sender="s", events=["e"], requests=None)["events"][0][1]
    peer.call("add_listener", sender="s", event=None)
    other.say(event_frame(route, b"7" * 991) * 20)
    kept = peer.inner.port.kept
    assert kept is not None
    peer.take()
    assert peer.inner.port.footprint(exact=False) >= kept.size >= 4096
    sent = kept.end
    assert not peer.session.has_output or sent > 20_000  # a run that was put together goes as one
    peer.say(ack_frame(sent))
    assert kept.size == 0


def test_what_was_said_in_a_turn_that_is_not_over_counts_once() -> None:
    server = Server()
    peer = first(server)
    peer.inner.on_backlog = lambda session: None
    sync = control_frame(b'{"id":1,"method":"sync"}')
    peer.say(sync * 100)
    peer.session.receive_data(sync * 10, server.net.now)  # which waits unread, and comes again
    counted = peer.said
    peer.session.receive_eof()
    back = again(server, peer, peer.inner.port.kept.end if peer.inner.port.kept else 0)
    assert back.welcome["resume"]["received"] == counted
    back.say(sync * 10)
    for _ in range(5):
        back.inner.take_backlog(server.net.now)
    kept = back.inner.port.kept
    assert kept is not None
    assert kept.reader.received == counted + 10 * len(sync)
