"""Sessions without I/O: a server's side and clients, joined by a pump, with a clock that the test turns."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import sig_core as sig
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import PREFACE, control_frame
from sig_core.routing.exchange import Exchange
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.publisher import make_publisher
from sig_core.session.binary.reports import Events, ReplyReceived, Report, RequestsReceived
from sig_core.session.binary.server import ServerSession
from sig_core.session.identity import Identities
from sig_core.session.plain.session import PlainSession
from tests.support import ROOT

VECTORS = ROOT / "tests/vectors"
PLUGINS = sig.default_plugins()
CODECS = ("json", "msgpack", "cbor")
EVERYTHING = 1 << 40  # bytes: room for all that waits


def vectors(name: str) -> Any:
    """Read a vector file."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def octets(value: Any) -> bytes:
    """Read a byte string of the vectors."""
    if isinstance(value, str):
        return bytes.fromhex(value)
    return octets(value["prefix"]) + octets(value["repeat"]) * value["count"] + octets(value["suffix"])


def pieces_of(data: bytes, size: int) -> list[bytes]:
    """Cut into pieces of `size` bytes; 0: one piece."""
    return [data[at : at + (size or len(data))] for at in range(0, len(data), size or len(data) or 1)]


HELLO = {"codecs": ["json"], "client": "ab" * 16, "max_frame": 16_777_216, "keepalive": 10}


def opening(**changes: Any) -> bytes:
    """A good opening, with changes to the hello."""
    return PREFACE + control_frame(json.dumps({**HELLO, **changes}).encode())


class OpenGate:
    """Lets everything through; who pumps sends it."""

    full = False
    gathers = False

    def make_room(self) -> None:
        raise AssertionError("it is never full")

    def added(self, size: int) -> None:
        pass


class Heard(NamedTuple):
    """An event that a client got."""

    sender: Any
    event: Any
    value: Any
    added: Any


class Asked(NamedTuple):
    """A request that a client got."""

    sender: Any
    route: int
    ident: int
    method: str
    params: bytes


class Net:
    """An exchange with its sessions."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.now = 0.0
        self.exchange = Exchange(PLUGINS.codecs.get, self.limits, lambda: self.now)
        tokens = itertools.count(1)
        self.identities = Identities("0" * 32, lambda: f"{next(tokens):032x}", lambda: self.now)
        self.links: list[Link] = []
        self.backlog: list[PlainSession] = []  # plain peers that have more input than one turn takes
        self._clients = itertools.count(1_000_000)

    def server_session(self, codecs: list[str] | None = None, *, packets: bool = False) -> ServerSession:
        """A new link at the server, nothing received yet."""
        allowed = PLUGINS.choose_codecs(codecs)
        return ServerSession(
            self.exchange, self.identities, allowed, self.limits, peer="peer", packets=packets, now=self.now
        )

    def plain_session(self, *, packets: bool = False) -> PlainSession:
        """A new plain peer at the server, nothing received yet."""
        codec = PLUGINS.codecs.get("json")
        deadline = self.now + self.limits.handshake
        return PlainSession(
            *(self.exchange, codec, self.limits),
            peer="plain",
            packets=packets,
            deadline=deadline,
            request_tick=lambda when: None,
            on_backlog=self.backlog.append,
        )

    def start(
        self,
        codec: str = "json",
        limits: Limits | None = None,
        piece: int = 0,
        client: str | None = None,
        token: str | None = None,
    ) -> Link:
        """A client that has said hello, whatever comes of it."""
        client = client or f"{next(self._clients):032x}"
        link = Link(self, codec, limits or self.limits, piece, client, token)
        self.links.append(link)
        self.pump()
        return link

    def connect(self, codec: str = "json", limits: Limits | None = None, piece: int = 0, **identity: Any) -> Link:
        """A client that is taken in."""
        link = self.start(codec, limits, piece, **identity)
        assert link.client.state is State.OPEN, link.client.error
        return link

    def pump(self) -> None:
        """Carry bytes until all is quiet."""
        while sum(link.carry() for link in tuple(self.links)) or self.turn():
            pass

    def turn(self) -> int:
        """Let those go on that have more input than one turn takes; give how many these were."""
        backlog = self.backlog.copy()
        self.backlog.clear()
        for session in backlog:
            session.take_backlog(self.now)
        return len(backlog)

    def tick(self, seconds: float) -> None:
        """Turn the clock, in steps, and carry what comes of it."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.05)
            for link in self.links:
                link.server.tick(self.now)
                if not link.frozen:
                    link.take(link.client.tick(self.now)[0])
            self.exchange.flow_control.tick(self.now)
            self.pump()


class Link:
    """A client and its session at the server. `frozen`: the client neither reads nor writes."""

    def __init__(self, net: Net, codec: str, limits: Limits, piece: int, client: str, token: str | None) -> None:
        self.net = net
        self.server = net.server_session()
        self.client = ClientSession(
            PLUGINS.choose_codecs([codec]), limits, client=client, token=token, packets=False, now=net.now
        )
        self.frozen = False
        self.reports: list[Report] = []
        self._piece = piece
        self._routes: dict[tuple[Any, Any], int] = {}

    # -- bytes

    def carry(self) -> bool:
        """Move bytes both ways, as far as the link lets them; tell whether any moved."""
        if self.frozen:
            return False
        moved = False
        if self.client.out and not self.server.reading_paused:
            data = b"".join(self.client.out)
            self.client.out.clear()
            self.client.sent(len(data), self.net.now)
            for part in pieces_of(data, self._piece):
                self.server.receive_data(part, self.net.now)
            moved = True
        while data := self.server.take(1 << 18):
            self.server.sent(len(data), self.net.now)
            for part in pieces_of(data, self._piece):
                self.take(self.client.receive_data(part, self.net.now))
            moved = True
        return moved

    def take(self, reports: list[Report]) -> None:
        """Pass on what is done and keep the rest."""
        for report in reports:
            if isinstance(report, ReplyReceived):
                report.tell()
            else:
                self.reports.append(report)

    def lose(self) -> None:
        """The link breaks: both ends see it, nothing more is carried."""
        self.client.receive_eof()
        self.take(self.client.end())
        self.server.receive_eof()
        self.net.links.remove(self)
        self.net.pump()

    def of(self, kind: type[Any]) -> list[Any]:
        """Take the reports of a kind that have come."""
        found = [report for report in self.reports if isinstance(report, kind)]
        self.reports = [report for report in self.reports if not isinstance(report, kind)]
        return found

    # -- calls

    def ask(self, ask: Callable[[Any], Any]) -> Any:
        """Queue a call with a function of `when`, carry, and give (value, error)."""
        told: list[Any] = []
        ask(lambda value, error: told.append((value, error)))
        self.net.pump()
        (answer,) = told
        return answer

    def call(self, method: str, **params: Any) -> Any:
        """Make a call; give its response or raise."""
        value, error = self.ask(lambda when: self.client.call(method, params, when))
        if error is not None:
            raise error
        return value

    def add_sender(self, name: Any, events: list[Any], requests: Any = None) -> dict[Any, int]:
        """Add a sender; give its routes."""
        value, error = self.ask(lambda when: self.client.add_sender(name, events, requests, when))
        if error is not None:
            raise error
        self._routes.update(((name, event), route) for event, route in value.routes.items())
        return dict(value.routes)

    def listen(self, sender: Any = None, event: Any = None) -> int:
        """Add a listener; give its id."""
        found: int = self.call("add_listener", sender=sender, event=event)["listener_id"]
        return found

    # -- events and requests

    def queue(self, sender: Any, event: Any, value: Any, **added: Any) -> None:
        """Send an event as a program would, without carrying it yet."""
        publisher = make_publisher(self.client, sender, event, self._routes[sender, event], OpenGate(), lambda: None)
        publisher({"sender": sender, "event": event, **added}, value)

    def fire(self, sender: Any, event: Any, value: Any, **added: Any) -> None:
        """Send an event and carry it."""
        self.queue(sender, event, value, **added)
        self.net.pump()

    def heard(self) -> list[Heard]:
        """Take the events that have come, decoded."""
        found = []
        for report in self.of(Events):
            events = list(split_events(report.data))
            assert len(events) == report.count
            for additions, data in events:
                added = None if additions is None else self.decode(additions)
                found.append(Heard(report.sender, report.event, self.decode(data), added))
        return found

    def values(self) -> list[Any]:
        """Take the values of the events that have come."""
        return [heard.value for heard in self.heard()]

    def decode(self, data: bytes) -> Any:
        """Decode with the codec of the link."""
        assert self.client.encoding is not None
        return self.client.encoding.decode(data)

    def request(self, sender: Any, method: str, params: Any, deadline: float = float("inf")) -> list[Any]:
        """Make a request and carry it; the list gets (value, error) when it has ended."""
        told: list[Any] = []
        assert self.client.encoding is not None
        data = self.client.encoding.encode(params)
        self.client.request(sender, method, data, lambda value, error: told.append((value, error)), deadline)
        self.net.pump()
        return told

    def asked(self) -> list[Asked]:
        """Take the requests that have come, one by one."""
        return [Asked(came.sender, came.route, *one) for came in self.of(RequestsReceived) for one in came.requests]

    def serve(self, handler: Callable[[str, Any], Any]) -> list[Asked]:
        """Answer the requests that have come with `handler(method, params)`, which may raise, and carry."""
        calls = self.asked()
        for call in calls:
            try:
                value = handler(call.method, self.decode(call.params))
            except sig.SigError as error:
                self.client.fail_to(call.ident, call.route, error)
            else:
                self.client.reply(call.ident, call.route, value)
        self.net.pump()
        return calls
