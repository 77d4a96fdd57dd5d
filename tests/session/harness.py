"""Sessions without I/O: a server's side and clients, joined by a pump, with a clock that the test turns."""

from __future__ import annotations

import itertools
import json
import struct
from pathlib import Path
from typing import Any

import sig_core as sig
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import PREFACE
from sig_core.routing.exchange import Exchange
from sig_core.session.base import State
from sig_core.session.client import ClientSession
from sig_core.session.identity import Identities
from sig_core.session.reports import Done, Report
from sig_core.session.server import ServerSession

VECTORS = Path(__file__).parents[1] / "vectors"
PLUGINS = sig.default_plugins()


def vectors(name: str) -> Any:
    """Read a vector file."""
    return json.loads((VECTORS / f"{name}.json").read_text())


def octets(value: Any) -> bytes:
    """Read a byte string of the vectors."""
    if isinstance(value, str):
        return bytes.fromhex(value)
    return (
        bytes.fromhex(value["prefix"])
        + bytes.fromhex(value["repeat"]) * value["count"]
        + bytes.fromhex(value.get("suffix") or "")
    )


class Net:
    """An exchange with its sessions."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.now = 0.0
        self.exchange = Exchange(PLUGINS.codecs.get, self.limits)
        tokens = itertools.count(1)
        self.identities = Identities("0" * 32, lambda: f"{next(tokens):032x}")
        self.links: list[Link] = []

    def server_session(self, codecs: list[str] | None = None, *, packets: bool = False) -> ServerSession:
        """A new link at the server, nothing received yet."""
        allowed = PLUGINS.choose_codecs(codecs)
        return ServerSession(
            self.exchange, self.identities, allowed, self.limits, peer="peer", packets=packets, now=self.now
        )

    def connect(self, codec: str = "json", limits: Limits | None = None, piece: int = 0) -> Link:
        """A client that is taken in."""
        link = Link(self, codec, limits or self.limits, piece)
        self.links.append(link)
        self.pump()
        assert link.client.state is State.OPEN, link.client.error
        return link

    def pump(self) -> None:
        """Carry bytes until all is quiet."""
        moved = True
        while moved:
            moved = bool(sum(link.carry() for link in self.links))

    def tick(self, seconds: float) -> None:
        """Turn the clock, in steps, and carry what comes of it."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.05)
            for link in self.links:
                link.server.tick(self.now)
                if not link.frozen:
                    link.take(link.client.tick(self.now)[0])
            self.exchange.holds.tick(self.now)
            self.pump()


class Link:
    """A client and its session at the server. `frozen`: the client neither reads nor writes."""

    def __init__(self, net: Net, codec: str, limits: Limits, piece: int) -> None:
        self.net = net
        self.server = net.server_session()
        number = len(net.links) + 1
        self.client = ClientSession(
            PLUGINS.choose_codecs([codec]),
            limits,
            client=f"{number:032x}",
            token=None,
            packets=False,
            now=net.now,
        )
        self.frozen = False
        self.reports: list[Report] = []
        self._piece = piece

    def carry(self) -> bool:
        """Move bytes both ways, as far as the link lets them; tell whether any moved."""
        moved = False
        if self.client.out and not self.frozen and not self.server.held:
            data = b"".join(self.client.out)
            self.client.out.clear()
            self.client.sent(self.net.now)
            for part in self._pieces(data):
                self.server.receive_data(part, self.net.now)
            moved = True
        while not self.frozen and (data := self.server.take(1 << 18)):
            self.server.sent(self.net.now)
            for part in self._pieces(data):
                self.take(self.client.receive_data(part, self.net.now))
            moved = True
        return moved

    def _pieces(self, data: bytes) -> list[bytes]:
        size = self._piece or len(data)
        return [data[at : at + size] for at in range(0, len(data), size)]

    def take(self, reports: list[Report]) -> None:
        for report in reports:
            if isinstance(report, Done):
                report.tell()
            else:
                self.reports.append(report)

    def ask(self, ask: Any) -> Any:
        """Queue a call with a function of `when`, carry, and give (value, error)."""
        told: list[Any] = []
        ask(lambda value, error: told.append((value, error)))
        self.net.pump()
        return told[0] if told else None

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
        return dict(value)

    def of(self, kind: type[Any]) -> list[Any]:
        """Take the reports of a kind that have come."""
        found = [report for report in self.reports if isinstance(report, kind)]
        self.reports = [report for report in self.reports if not isinstance(report, kind)]
        return found


HELLO = {"codecs": ["json"], "client": "ab" * 16, "max_frame": 16_777_216, "keepalive": 10}


def opening(**changes: Any) -> bytes:
    """A good opening, with changes to the hello."""
    body = json.dumps({**HELLO, **changes}).encode()
    return PREFACE + struct.pack("<IBI", 5 + len(body), 0, 0) + body
