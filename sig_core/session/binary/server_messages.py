"""What a server sends to a client beside events and answers to requests: each message checked, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sig_core.errors import RemoteProtocolError
from sig_core.events import Name
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields
from sig_core.protocol.messages import Notice
from sig_core.session.binary.reports import Bound, Gap, KeptLost, Refused, Report

__all__ = [
    *("Joined", "read_durable", "read_joined", "read_kept_name", "read_notice", "read_route", "read_told"),
    "read_unbind",
]

_event = checks.optional(checks.name)
_route = checks.count(1, 2**32 - 1)
_position = checks.count(0, 2**64 - 1)
_listener = checks.count(1, 2**32 - 1)
_kept_route = checks.count(1, 1000)
_pattern = checks.pair_of(_event, _event)
_life = checks.text(1, 64)
_total = checks.count(0, 2**53)
_reason = checks.text(0, 10_000)
_routes = checks.list_of(_route, 0, 10_000)
_event_routes = checks.list_of(checks.pair_of(checks.name, _route), 0, 10**6)
_event_totals = checks.list_of(checks.pair_of(checks.name, _total), 0, 10**6)


@dataclass(frozen=True, slots=True)
class Joined:
    """The server's response to `add_sender`.

    Attributes:
        route: of its requests.
        routes: of its events.
        routed: what it had routed of each event of the same life before; None: it does not know.
    """

    route: int
    routes: dict[Name, int]
    routed: dict[Name, int] | None


def read_joined(response: Any) -> Joined:
    """Check the response to `add_sender`, or raise RemoteProtocolError."""
    fields = Fields(response, "add_sender")
    routes = dict(fields.get("events", _event_routes))
    routed = fields.find("routed", _event_totals, None)
    return Joined(fields.get("route", _route), routes, None if routed is None else dict(routed))


def read_durable(response: Any) -> dict[str, int]:
    """Check the response to `add_listener` of a durable, or raise RemoteProtocolError."""
    fields = Fields(response, "add_listener")
    found = {field: fields.get(field, _position) for field in ("acknowledged", "sent", "waiting")}
    return {"listener_id": fields.get("listener_id", _listener), **found}


def read_route(response: Any) -> int:
    """Check the response to `resolve`, or raise RemoteProtocolError."""
    return Fields(response, "resolve").get("route", _route)


def read_told(response: Any) -> tuple[int, int]:
    """Check the response to `last`, or raise RemoteProtocolError; return how many values came, how many not."""
    fields = Fields(response, "last")
    return fields.get("told", _total), fields.find("lost", _total, 0)


def read_unbind(message: Notice) -> list[int]:
    """Check a notice `unbind` and return the numbers in it, or raise RemoteProtocolError."""
    return message.params.get("routes", _routes)


def read_kept_name(message: Notice) -> tuple[tuple[int, int], tuple[Name, Name]]:
    """Check a notice `kept_name`; return (listener, route) and (sender, event), or raise RemoteProtocolError."""
    params = message.params
    key = params.get("listener_id", _listener), params.get("route", _kept_route)
    return key, (params.get("sender", checks.name), params.get("event", checks.name))


def read_notice(message: Notice, names: dict[int, tuple[Name, Name | None]]) -> Report | None:
    """Check a notice and return what the owner of the session has to know of it.

    Args:
        message: the notice.
        names: what routes stand for, by route; a notice may add to it.

    Raises:
        RemoteProtocolError: it is not known here, or its params are bad.
    """
    params = message.params
    if message.method == "bind":
        route, sender = params.get("route", _route), params.get("sender", checks.name)
        event = params.get("event", _event)
        life, count = params.find("life", _life, ""), params.find("count", _total, 0)
        names[route] = (sender, event)
        anew = params.find("anew", checks.boolean, False)
        is_state = params.find("state", checks.boolean, False)
        return None if event is None else Bound(sender, event, life, count, anew, is_state=is_state)
    if message.method == "gap":
        sender, event = params.get("sender", checks.name), params.get("event", checks.name)
        return Gap(sender, event, params.get("count", checks.count(1, 2**53)), params.get("reason", _reason))
    if message.method == "kept_lost":
        listener, count = params.get("listener_id", _listener), params.get("count", checks.count(1, 2**53))
        return KeptLost(listener, count, params.get("reason", _reason))
    if message.method == "refused":
        route = params.find("route", _route, 0)
        if not route:
            pattern = params.find("pattern", _pattern, None)
            owned = params.get("sender", checks.name) if pattern is None else None
            return Refused(owned, pattern, params.get("text", _reason))
        sender, event = names.get(route, ("?", None))
        return Gap(sender, event, 1, params.get("text", _reason), sent=True)
    raise RemoteProtocolError(f"notice {message.method!r} is not known")
