"""The ways out of a client's events: over its link, or into what waits for the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sig_core.errors import LinkClosed, SigError
from sig_core.events import Info, Name
from sig_core.io.away import Away
from sig_core.io.client_link import ClientLink
from sig_core.routing.entities import Subscription
from sig_core.routing.table import Topic, Uplink
from sig_core.session.outgoing import closed_error, frame_for, make_uplink

__all__ = ["WayOut", "no_way"]


class WayOut:
    """Carries events of a topic to the server: with the first it makes the uplink that takes its place.

    An uplink is a closure of 30 objects: most of what thousands of senders would cost, many of which fire nothing yet.

    Args:
        topic: whose uplink this is.
        link, route: to the server.
        tick: called for each event that is taken.
        away: takes events when the link is gone, if it may keep any.
        may_come: tells whether there may be a link again.
        lock: that guards the uplinks of topics.
    """

    __slots__ = ("_away", "_link", "_lock", "_may_come", "_route", "_tick", "_topic")

    def __init__(
        self,
        topic: Topic[Subscription],
        link: ClientLink,
        route: int,
        tick: Callable[[], object],
        away: Away,
        may_come: Callable[[], bool],
        lock: threading.Lock,
    ) -> None:
        self._topic = topic
        self._link = link
        self._route = route
        self._tick = tick
        self._away = away
        self._may_come = may_come
        self._lock = lock

    def __call__(self, info: Info, data: Any) -> None:
        """See `make_uplink`."""
        with self._lock:
            if self._topic.uplink is self:
                self._topic.uplink = self._uplink()
            now = self._topic.uplink
        if now is not None:
            now(info, data)

    def _uplink(self) -> Uplink:
        topic, link, tick, away, may_come = self._topic, self._link, self._tick, self._away, self._may_come
        sender, event, session = topic.sender, topic.event, link.session

        def closed(info: Info, data: Any) -> None:
            if not away.keep or not may_come():
                raise closed_error(sender, event, session.error)
            keep(info, data)

        def keep(info: Info, data: Any) -> None:
            frame = frame_for(session, sender, event, info, data)
            with away.lock:
                now = topic.uplink
                if now is uplink:
                    tick()
                    away.put(sender, event, link.codec, frame)
                    return
            if now is not None:  # the next link came just now
                now(info, data)

        uplink = make_uplink(session, sender, event, self._route, link.writer, tick, closed)
        return uplink


def no_way(name: Name, error: SigError) -> Uplink:
    """Make what refuses the events of a sender that the server did not take back."""

    def refuse(info: Info, data: Any) -> None:
        raise LinkClosed(f"sender {name!r} is not at the server: {error}") from error

    return refuse
