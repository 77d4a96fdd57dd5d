"""The ways out of a client's events: over its link, or into what waits for the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sig_core.errors import LinkClosed, SigError
from sig_core.events import Info, Name
from sig_core.io.client.link import ClientLink
from sig_core.routing.entities import Subscription
from sig_core.routing.table import Publisher, Topic
from sig_core.session.binary.publisher import closed_error, frame_for, make_publisher
from sig_core.session.client_state.offline_queue import OfflineQueue

__all__ = ["LazyPublisher", "refusing_publisher"]


class LazyPublisher:
    """Carries events of a topic to the server: with the first it makes the publisher that takes its place.

    A publisher is a closure of 30 objects: most of what thousands of senders cost, many of which fire nothing yet.

    Args:
        topic: whose publisher this is.
        link, route: to the server.
        tick: called for each event that is taken.
        away: takes events when the link is gone, if it may keep any.
        may_come: tells whether there may be a link again.
        lock: that guards the publishers of topics.
    """

    __slots__ = ("_away", "_link", "_lock", "_may_come", "_route", "_tick", "_topic")

    def __init__(
        self,
        topic: Topic[Subscription],
        link: ClientLink,
        route: int,
        tick: Callable[[], object],
        away: OfflineQueue,
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
        """See `make_publisher`."""
        with self._lock:
            if self._topic.publisher is self:
                self._topic.publisher = self._publisher()
            now = self._topic.publisher
        if now is not None:
            now(info, data)

    def _publisher(self) -> Publisher:
        topic, link, tick, away, may_come = self._topic, self._link, self._tick, self._away, self._may_come
        sender, event, session = topic.sender, topic.event, link.session

        def closed(info: Info, data: Any) -> None:
            if not away.keep or not may_come():
                raise closed_error(sender, event, session.error)
            keep(info, data)

        def keep(info: Info, data: Any) -> None:
            frame = frame_for(session, sender, event, info, data)
            with away.lock:
                now = topic.publisher
                if now is publisher:
                    tick()
                    away.put(sender, event, link.codec, frame)
                    return
            if now is not None:  # the next link came just now
                now(info, data)

        publisher = make_publisher(session, sender, event, self._route, link.writer, tick, closed)
        return publisher


def refusing_publisher(name: Name, error: SigError) -> Publisher:
    """Make what refuses the events of a sender that the server did not take back."""

    def refuse(info: Info, data: Any) -> None:
        raise LinkClosed(f"sender {name!r} is not at the server: {error}") from error

    return refuse
