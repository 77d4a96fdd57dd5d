"""Limits: what one peer may cost. One dataclass, one set of defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sig_core.errors import ConfigError

__all__ = ["Limits"]

MIB = 1 << 20

_RANGES: dict[str, tuple[float, float]] = {
    "max_frame": (4096, 2**32 - 1),
    "max_outbox": (4096, 2**40),
    "max_board_outbox": (1024, 2**40),
    "max_inbound": (4096, 2**40),
    "stall": (0.0, 3600.0),
    "keepalive": (0.1, 3600.0),
    "handshake": (0.05, 3600.0),
    "request_timeout": (0.001, 86_400.0),
    "max_links": (1, 10**7),
    "max_unknown": (1, 10**7),
    "idle": (0.05, 86_400.0),
    "max_names": (1, 2**32 - 2),
    "max_senders": (1, 10**7),
    "max_events": (1, 10**6),
    "max_listeners": (1, 10**8),
    "max_requests": (1, 10**7),
    "max_depth": (1, 100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a router allows its peers and its own users. Immutable; pass one to a router's constructor.

    Attributes:
        max_frame: bytes of one frame (an event, a request or an answer with its header), in and out.
        max_outbox: bytes of output that wait for one link.
        max_board_outbox: bytes of messages that wait for one board; beyond them the oldest events are dropped at once.
        max_inbound: bytes of events that are kept while a callback waits, or for this program's own listeners; on
            asyncio, for coroutine listeners.
        stall: seconds for which the senders that feed a slow listener are held back before it loses events.
        keepalive: seconds of silence after which a link is given up.
        handshake: seconds within which a peer must have finished its hello.
        request_timeout: seconds that a request waits for its answer if the call says nothing else.
        max_links: links of a server at one time, with the sessions of boards that wait for their next link.
        max_unknown: of these, links whose peers have not said who they are, or have nothing here: beyond it the oldest
            gives way, of the source that has most.
        idle: seconds of silence after which a plain peer that has neither sender nor listener is asked for a sign of
            life.
        max_names: routes that a server assigns in its lifetime, one for each sender and each of its events.
        max_senders: senders of one link.
        max_events: events of one sender.
        max_listeners: subscriptions of one link.
        max_requests: open requests of one link.
        max_depth: requests that run inside each other on one thread, and dispatch threads that wait.

    Raises:
        ConfigError: a value is out of its range.
    """

    max_frame: int = 16 * MIB
    max_outbox: int = 16 * MIB
    max_board_outbox: int = 64 * 1024
    max_inbound: int = 8 * MIB
    stall: float = 1.0
    keepalive: float = 10.0
    handshake: float = 5.0
    request_timeout: float = 10.0
    max_links: int = 10_000
    max_unknown: int = 256
    idle: float = 60.0
    max_names: int = 10_000_000
    max_senders: int = 100_000
    max_events: int = 1_000
    max_listeners: int = 1_000_000
    max_requests: int = 10_000
    max_depth: int = 16

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = _RANGES[field.name]
            whole = field.type == "int"
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise ConfigError(f"limit {field.name}={value!r}: must be {'an integer' if whole else 'a number'}")
            if not low <= value <= high:
                raise ConfigError(f"limit {field.name}={value!r}: must be from {low:g} to {high:g}")
