"""Peers written by hand: a client whose server is under test, and a server whose client is."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from sig_core.protocol import hello, wire
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import CONFIRM, EVENT, LAST, PREFACE, control_frame
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Opened, ReplyReceived, Report
from tests.support.named_frames import Frame, NamedReader
from tests.support.sessions import EVERYTHING, PLUGINS, Net, opening, pieces_of

CLIENT = "ab" * 16
WELCOME = hello.Welcome(codec="json", node="0" * 32, token="a5", max_frame=16_777_216, keepalive=10)


def welcome(**changes: Any) -> bytes:
    fields = {name: getattr(WELCOME, name) for name in WELCOME.__slots__}
    return hello.welcome_frame(hello.Welcome(**{**fields, **changes}))


class Client:
    """A client's session whose server is the test."""

    def __init__(self, codec: str = "json", limits: Limits | None = None, *, packets: bool = False) -> None:
        self.codec = PLUGINS.codecs.get(codec)
        codecs = PLUGINS.choose_codecs([codec])
        self.session = ClientSession(codecs, limits or Limits(), client=CLIENT, token=None, packets=packets, now=0.0)
        self.told: list[Any] = []
        self._reader = NamedReader(2**32 - 1, CONFIRM | LAST)

    @classmethod
    def opened(cls, codec: str = "json", **changes: Any) -> Client:
        """One that the server has welcomed."""
        made = cls(codec)
        (report,) = made.feed(welcome(codec=codec, **changes))
        assert isinstance(report, Opened)
        made.session.out.clear()
        return made

    def feed(self, *data: bytes, piece: int = 0) -> list[Report]:
        """Feed bytes; tell who waits, give the other reports."""
        found = []
        for part in pieces_of(b"".join(data), piece):
            for report in self.session.receive_data(part, 0.0):
                if isinstance(report, ReplyReceived):
                    report.tell()
                else:
                    found.append(report)
        return found

    def feed_message(self, message: Any) -> list[Report]:
        return self.feed(wire.control_frame(self.codec.encode(message)))

    def when(self, value: Any, error: Any) -> None:
        """Note what was told."""
        self.told.append((value, error))

    def said(self) -> list[Frame]:
        """Take the frames that it put out."""
        frames = self._reader.feed(b"".join(self.session.out)) if self.session.out else []
        self.session.out.clear()
        return frames

    def messages(self) -> list[Any]:
        """Take what it put out, all of it control messages."""
        frames = self.said()
        assert {frame.type for frame in frames} <= {wire.CONTROL}
        return [self.codec.decode(frame.body) for frame in frames]


def bind(route: int, sender: Any, event: Any) -> dict[str, Any]:
    return {"method": "bind", "params": {"route": route, "sender": sender, "event": event}}


class Raw:
    """A client written by hand: it sends any bytes to a server's session and reads what this puts out."""

    def __init__(self, net: Net, codec: str = "json", number: int = 1, *, packets: bool = False, **hello: Any) -> None:
        self.net = net
        self.codec = PLUGINS.codecs.get(codec)
        self.session = net.server_session([codec], packets=packets)
        self._reader = NamedReader(2**32 - 1, CONFIRM | LAST)
        self.session.receive_data(opening(codecs=[codec], client=f"{number:032x}", **hello), net.now)
        preface, welcome = self.session.take(EVERYTHING).split(PREFACE)
        assert preface == b""
        self.welcome = json.loads(self._reader.feed(welcome)[0].body)

    @property
    def open(self) -> bool:
        """Whether the server holds the link."""
        return self.session.state is State.OPEN

    def send(self, *frames: bytes, piece: int = 0) -> list[Frame]:
        """Send frames and give those that come back, keep-alives left out."""
        for part in pieces_of(b"".join(frames), piece):
            self.session.receive_data(part, self.net.now)
        return self.read()

    def read(self) -> list[Frame]:
        """Give the frames that came."""
        found = self._reader.feed(self.session.take(EVERYTHING) or b"")
        assert self._reader.waiting == 0
        return [frame for frame in found if frame.type or frame.body]

    def say(self, message: Any) -> list[Any]:
        """Send a control message and give the control messages that come back."""
        return self.messages(self.send(control_frame(self.codec.encode(message))))

    def messages(self, frames: list[Frame]) -> list[Any]:
        """Decode the control messages among frames."""
        return [self.codec.decode(frame.body) for frame in frames if frame.type == 0]

    def ask(self, method: str, **params: Any) -> Any:
        """Make a call and give its response."""
        answers = [found for found in self.say({"id": 1, "method": method, "params": params}) if "status" in found]
        (answer,) = answers
        assert answer["status"] == 0, answer
        return answer["response"]


def goodbyes(raw: Raw, frames: list[Frame]) -> list[Any]:
    """Give the statuses of the goodbyes among frames."""
    found = [message for message in raw.messages(frames) if message.get("method") == "goodbye"]
    return [message["params"]["status"] for message in found]


def events_of(frames: list[Frame]) -> list[tuple[int, bytes | None, bytes]]:
    """Give (route, additions, data) of each event among frames."""
    return [(frame.route, *event) for frame in frames if frame.type == EVENT for event in split_events(frame.body)]


@st.composite
def damaged(draw: st.DrawFn, stream: bytes) -> bytes:
    """A stream with one to four of: a flipped bit, bytes lost, put in, or doubled."""
    data = bytearray(stream)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(stream) - 1))
        size = draw(st.integers(1, 12))
        kind = draw(st.sampled_from(["flip", "delete", "insert", "duplicate"]))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "delete":
            del data[at : at + size]
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=size))
        else:
            data[at:at] = data[at : at + size]
    return bytes(data)


SYNC = b'{"id": 77, "method": "sync"}'


def call_frame(body: bytes) -> bytes:
    return wire.control_frame(body)


def sender_of(raw: Raw, name: str = "s", events: tuple[str, ...] = ("e",)) -> tuple[int, dict[str, int]]:
    """Add a sender with a default handler; give its own route and those of its events."""
    found = raw.ask("add_sender", sender=name, events=list(events), requests=[None])
    return found["route"], dict(found["events"])


def request(route: int, ident: int, params: bytes = b"1", method: bytes = b"m") -> bytes:
    return wire.request_frame(route, ident, bytes((len(method),)) + method + params)


def errors_of(raw: Raw, frames: list[Any]) -> list[tuple[int, int]]:
    """Give (id, status) of each error reply."""
    found = [wire.split_error(frame.body) for frame in frames if frame.type == wire.ERROR]
    assert all(set(raw.codec.decode(detail)) == {"type", "text"} for _, _, detail in found)
    return [(ident, status) for ident, status, _ in found]
