"""Where a client's events go: over its link, or into what waits for the next one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sig_core.errors import LinkClosed, SigError
from sig_core.events import Info, Name
from sig_core.routing.entities import Subscription
from sig_core.routing.table import Publisher, Topic
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.publisher import as_it_is, closed_error, frame_for, make_publisher
from sig_core.session.client_state.connection_state import ConnectionState
from sig_core.session.client_state.offline_queue import OfflineQueue
from sig_core.session.client_state.remote_sender import KeptValue

__all__ = ["LazyPublisher", "Outlet", "refusing_publisher"]


class Outlet:
    """What all publishers of a client share.

    Args:
        connection: tells whether there may be another link.
        offline: takes events meanwhile, if it may keep any.
    """

    __slots__ = ("connection", "offline")

    def __init__(self, connection: ConnectionState, offline: OfflineQueue) -> None:
        self.connection = connection
        self.offline = offline

    @property
    def keeps_events(self) -> bool:
        """Whether an event that is triggered without a link waits for the next one."""
        return bool(self.offline.keep) and self.connection.may_return


class LazyPublisher:
    """Carries events of a topic to the server: with the first it makes the publisher that takes its place.

    A publisher is a closure of 30 objects: most of what thousands of senders cost, many of which fire nothing yet.

    Args:
        topic: whose publisher this is.
        session, route: to the server.
        count: called for each event that is taken.
        outlet: of the client.
        kept: of a state event; None: it is none.
    """

    __slots__ = ("_count", "_kept", "_outlet", "_route", "_session", "_topic")

    def __init__(
        self,
        topic: Topic[Subscription],
        session: ClientSession,
        route: int,
        count: Callable[[], object],
        outlet: Outlet,
        kept: KeptValue | None = None,
    ) -> None:
        self._topic = topic
        self._kept = kept
        self._session = session
        self._route = route
        self._count = count
        self._outlet = outlet

    def install(self) -> None:
        """Be the publisher of its topic; under the lock."""
        self._topic.publisher = self

    def __call__(self, info: Info, data: Any) -> None:
        """See `make_publisher`."""
        with self._outlet.offline.lock:
            if self._topic.publisher is self:
                self._topic.publisher = self._make()
            now = self._topic.publisher
        if now is not None:
            now(info, data)

    def _make(self) -> Publisher:
        topic, session, count, outlet = self._topic, self._session, self._count, self._outlet
        sender, event, offline = topic.sender, topic.event, outlet.offline

        def keep(info: Info, data: Any) -> None:
            if not outlet.keeps_events:
                raise closed_error(sender, event, session.error)
            frame = frame_for(session, sender, event, info, data)
            assert session.encoding is not None
            with offline.lock:
                now = topic.publisher
                if now is publisher:
                    if not outlet.keeps_events:  # what waited was dropped just now, for good
                        raise closed_error(sender, event, session.error)
                    count()
                    offline.put(sender, event, session.encoding, frame)
                    return
            if now is not None:  # the next link came just now
                now(info, data)

        noting = as_it_is if self._kept is None else self._kept.noting
        publisher = make_publisher(session, sender, event, self._route, session.gate, count, keep, noting)
        return publisher


def refusing_publisher(name: Name, error: SigError) -> Publisher:
    """Return what refuses the events of a sender that the server did not take back, because of `error`."""

    def refuse(info: Info, data: Any) -> None:
        raise LinkClosed(f"sender {name!r} is not at the server: {error}") from error

    return refuse
