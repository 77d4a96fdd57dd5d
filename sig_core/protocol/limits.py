"""Limits: what one peer may cost. One dataclass, one set of defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sig_core.description import described
from sig_core.errors import ConfigError

__all__ = ["Limits"]

MIB = 1 << 20

_RANGES: dict[str, tuple[float, float]] = {
    "max_frame": (4096, 2**32 - 1),
    "max_control": (4096, 2**32 - 1),
    "max_transcode": (4096, 2**32 - 1),
    "max_parts": (1000, 2**32 - 1),
    "max_memory": (4096, 2**50),
    "max_source": (4096, 2**50),
    "max_outbox": (4096, 2**40),
    "max_board_outbox": (1024, 2**40),
    "max_inbound": (4096, 2**40),
    "max_state": (0, 2**40),
    "stall": (0.0, 3600.0),
    "keepalive": (0.1, 3600.0),
    "handshake": (0.05, 3600.0),
    "request_timeout": (0.001, 86_400.0),
    "max_links": (1, 10**7),
    "max_source_links": (1, 10**7),
    "max_unknown": (1, 10**7),
    "idle": (0.05, 86_400.0),
    "max_names": (1, 2**32 - 2),
    "max_departed": (0, 2**32 - 2),
    "max_routes": (3, 2**32 - 2),
    "max_senders": (1, 10**7),
    "max_events": (1, 10**6),
    "max_listeners": (1, 10**8),
    "max_plain_listeners": (1, 10**8),
    "max_requests": (1, 10**7),
    "max_asked": (1, 10**7),
    "max_depth": (1, 100),
    "max_resume": (0.0, 3600.0),
    "max_unacked": (4096, 2**32 - 1),
    "max_durables": (0, 10**6),
    "max_durable_bytes": (4096, 2**50),
    "max_durable_age": (1.0, 10**9),
    "busy_poll": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a router allows its peers and its own users. Immutable; pass one to a router's constructor.

    Attributes:
        max_frame: bytes of one frame (an event, a request or an answer with its header), in and out.
        max_control: bytes of one control message of a client; a longer one is refused before it is decoded.
        max_transcode: bytes of a value that a server puts into another codec: small values take up to a hundred times
            their bytes while that is done. A longer event is lost to those who need another codec.
        max_parts: values in one object of a plain peer, and in an event for one.
        max_memory: bytes that a server holds for all links together: messages that are not complete, output that waits,
            requests that are open, and what is registered. Where it is too much, the greediest link of the greediest
            source gives way: it loses its oldest events, or has to go.
        max_source: of these, bytes for the links of one source: of one host, or of one user of this one.
        max_outbox: bytes of output that wait for one link.
        max_board_outbox: bytes of messages that wait for one board; beyond them the oldest events are dropped at once.
        max_inbound: bytes of events that are kept while a callback waits, or for this program's own listeners; on
            asyncio, for coroutine listeners.
        max_state: bytes that the last values of state events take together, each 300 more than it has; a quarter of
            `max_outbox` at most. What does not fit is not kept.
        stall: seconds for which the senders that feed a slow listener are held back before it loses events.
        keepalive: seconds of silence after which a link is given up; a client waits for 1 s at least.
        handshake: seconds within which a peer must have finished its hello.
        request_timeout: seconds that a request waits for its answer if the call says nothing else.
        max_links: links of a server at one time, with the sessions of boards that wait for their next link.
        max_source_links: of these, links of one source, so that one of them can't keep all others out; where the
            system allows fewer links than `max_links`, it is so much less.
        max_unknown: of these, links whose peers have not said who they are, or have nothing here: beyond it the oldest
            gives way, of the source that has most.
        idle: seconds of silence after which a plain peer that has neither sender nor listener is asked for a sign of
            life.
        max_names: routes of a server at one time, one for each sender and each of its events.
        max_departed: routes of senders that left which a server remembers: who comes back is told what was routed.
        max_routes: routes of one link: of its senders and their events, the two that each sender has anyhow too.
        max_senders: senders of one link.
        max_events: events of one sender.
        max_listeners: subscriptions of one link.
        max_plain_listeners: listeners of one plain peer, since each gets a message of its own for each event.
        max_requests: open requests of one link.
        max_asked: requests that a program has at one time for its handlers; further ones wait at the server, where
            those who ask take turns. It is at least twice `max_depth`, and on asyncio twice `max_handlers`. Who answers
            so many within 50 ms has more, up to four times as many, until it is slow again.
        max_depth: requests that run inside each other on one thread, and dispatch threads that wait.
        max_resume: seconds for which a server lets the session of a client wait that lost its link, where the client
            asks for that; less than 0.1: it ends with its link.
        max_unacked: bytes that are kept for the other side of such a session while it has not acknowledged them;
            nothing more is sent meanwhile.
        max_durables: durables that a server with a store keeps events for.
        max_durable_bytes: bytes of events that are kept for one of them; the oldest give way.
        max_durable_age: seconds for which an event is kept for it.
        busy_poll: share of one processor that may be spent in vain on looking for the next request or answer, for 100
            us before a thread sleeps; 0: it sleeps at once. See `sig_core/busy_poll.py`.

    Raises:
        ConfigError: a value is out of its range.
    """

    max_frame: int = 16 * MIB
    max_control: int = 256 * 1024
    max_transcode: int = 512 * 1024
    max_parts: int = 350_000
    max_memory: int = 128 * MIB
    max_source: int = 48 * MIB
    max_outbox: int = 16 * MIB
    max_board_outbox: int = 64 * 1024
    max_inbound: int = 8 * MIB
    max_state: int = 4 * MIB
    stall: float = 0.4
    keepalive: float = 10.0
    handshake: float = 5.0
    request_timeout: float = 10.0
    max_links: int = 10_000
    max_source_links: int = 9_000
    max_unknown: int = 256
    idle: float = 60.0
    max_names: int = 10_000_000
    max_departed: int = 10_000
    max_routes: int = 150_000
    max_senders: int = 100_000
    max_events: int = 1_000
    max_listeners: int = 100_000
    max_plain_listeners: int = 1_000
    max_requests: int = 10_000
    max_asked: int = 32
    max_depth: int = 16
    max_resume: float = 60.0
    max_unacked: int = MIB
    max_durables: int = 1_000
    max_durable_bytes: int = 1024 * MIB
    max_durable_age: float = 7 * 86_400.0
    busy_poll: float = 0.02

    @property
    def asked_at_once(self) -> int:
        """Requests that a program has at one time: enough for handlers whose requests come back to it."""
        return max(self.max_asked, 2 * self.max_depth)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = _RANGES[field.name]
            whole = field.type == "int"
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                kind = "an integer" if whole else "a number"
                raise ConfigError(f"limit {field.name}={described(value)}: must be {kind}")
            if not low <= value <= high:
                raise ConfigError(f"limit {field.name}={described(value)}: must be from {low:g} to {high:g}")
