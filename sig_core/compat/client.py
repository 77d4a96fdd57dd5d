"""ClientRouter as in pysig 0.7: it is given a carrier."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sig_core.compat.carrier.base import Carrier
from sig_core.errors import LinkClosed, SenderExists
from sig_core.events import EVENT_CONNECT, Info, Name, check_name
from sig_core.router import BUILT_IN, Router, pattern_of
from sig_core.routing.entities import Event, Listener, Sender, Signal, Subscription
from sig_core.routing.handlers import Handler, RequestHandler
from sig_core.routing.request_names import check_method
from sig_core.spelling import alias

__all__ = ["ClientRouter"]


class ClientRouter(Router):
    """Joins this program to the server at the other end of a carrier.

    `add_sender`, `add_listener` and `request` work inside this program alone, as in `Router`; their `remote` forms
    reach everyone at the server. When the link is gone, so is what is remote: the senders are disconnected here too,
    and nothing comes back by itself. Whatever fails is raised: nothing returns None or False for a failure.

    Args:
        carrier: of a client, such as a `CarrierTCPClient`; of this router alone.
        class_sender, class_signal, class_event: see `Router`.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        super().__init__(class_sender, class_signal, class_event)
        self.carrier = carrier
        self._remote_senders: dict[Name, Sender] = {}
        self._remote_listeners: dict[Subscription, Callable[[], None]] = {}  # and what ends each at the server
        self._remote = carrier.join_client(self)

    # -- remote senders

    def add_remote_sender(
        self, sender: Name, events: Iterable[Name] | Name | None = None, request_handler: RequestHandler = None
    ) -> Sender:
        """Connect a sender that everyone at the server sees; see `Router.add_sender`.

        Raises:
            SenderExists: the name is taken, here or at the server.
            ConfigError: a name or the handler is not as it must be.
            LinkClosed: there is no server.
        """
        made = self._make_sender(sender, events, request_handler)
        assert made.name is not None
        with self._lock:
            self._claim(made)
            self._remote_senders[made.name] = made  # before the server knows it, since it may be asked at once
        try:
            self._remote.add_sender(made, request_handler)
            self._connect(made)
        except BaseException:
            with self._lock:
                if self._remote_senders.get(made.name) is made:
                    del self._remote_senders[made.name]
            raise
        self._fire_presence(made, EVENT_CONNECT)
        return made

    def _claim(self, sender: Sender) -> None:
        super()._claim(sender)
        if sender.name in self._remote_senders:
            raise SenderExists(f"sender {sender.name!r} is just being connected at the server")

    def _connect(self, made: Sender) -> None:
        assert made.name is not None
        ways = {event: self._remote.publisher(made.name, event) for event in _declared(made)}
        with self._lock:
            if self._remote_senders.get(made.name) is not made:
                raise LinkClosed(f"sender {made.name!r}: the link to the server ended just now")
            for event, way in ways.items():
                self._table.topic(made.name, event).publisher = way
            self._install(made)

    def remove_sender(self, sender: Sender | Name) -> bool:
        """Disconnect a sender of this program, remote or not; false if it is not connected."""
        name = sender.name if isinstance(sender, Sender) else check_name(sender, "sender")
        if name is not None and name in self._remote_senders:
            return self.remove_remote_sender(name)
        return super().remove_sender(sender)

    def remove_remote_sender(self, sender: Sender | Name) -> bool:
        """Disconnect a remote sender of this program; false if it is not connected.

        Raises:
            NotOwner: another client added it.
            LinkClosed: there is no server.
        """
        name = sender.name if isinstance(sender, Sender) else check_name(sender, "sender")
        assert name is not None
        removed = self._remote.remove_sender(name)
        with self._lock:
            mine = self._remote_senders.pop(name, None)
        return super().remove_sender(mine) if mine is not None else removed

    def remote_handler(self, sender: Name) -> Handler | None:
        """Return what answers the requests of a remote sender of this program; for carriers."""
        found = self._remote_senders.get(sender)
        return None if found is None else found.handler

    # -- remote listeners

    def add_remote_listener(
        self, listener: Listener, sender: Name | None = None, event: Name | None = None
    ) -> Subscription:
        """Subscribe at the server; see `Router.add_listener`.

        Raises:
            ConfigError: a name is not as it must be, or `listener` can't be called.
            LinkClosed: there is no server.
        """
        subscription = self._subscription(listener, sender, event, self._unsubscribe_remote)

        def heard(info: Info, data: Any) -> None:
            try:
                subscription.call(info, data)
            except (Exception, SystemExit) as error:
                self.listener_failed(listener, info, error)

        end = self._remote.add_listener(heard, *subscription.pattern)
        with self._lock:
            self._remote_listeners[subscription] = end
        return subscription

    def remove_remote_listener(self, listener: Listener, sender: Name | None = None, event: Name | None = None) -> bool:
        """End the oldest remote subscription of `listener` to exactly this; false if there is none."""
        pattern = pattern_of(sender, event)
        with self._lock:
            there = list(self._remote_listeners)
        for found in there:
            if found.callback == listener and found.pattern == pattern:
                found.remove()
                return True
        return False

    def _unsubscribe_remote(self, subscription: Subscription) -> None:
        with self._lock:
            end = self._remote_listeners.pop(subscription, None)
        if end is not None:
            end()

    # -- remote requests

    def remote_request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask any sender at the server and return its answer.

        Args:
            timeout: seconds; None: the limit `request_timeout`. Only built-in carriers keep it.

        Raises:
            UnknownSender, UnknownMethod: nobody answers that.
            RequestTimeout: no answer came in time; the request may have run.
            RemoteError: the handler raised.
            LinkClosed: there is no server.
        """
        return self._remote.request(check_name(sender, "sender"), check_method(method), params, timeout)

    def forget_remote(self) -> None:
        """Let everything remote go, since the server is gone; for carriers."""
        with self._lock:
            senders, self._remote_senders = self._remote_senders, {}
            listeners, self._remote_listeners = self._remote_listeners, {}
        for subscription in listeners:
            subscription.remove()
        for sender in senders.values():
            super().remove_sender(sender)

    # Spelling of pysig
    removeSender = alias(remove_sender)  # noqa: N815
    addRemoteSender = alias(add_remote_sender)  # noqa: N815
    removeRemoteSender = alias(remove_remote_sender)  # noqa: N815
    addRemoteListener = alias(add_remote_listener)  # noqa: N815
    removeRemoteListener = alias(remove_remote_listener)  # noqa: N815
    remoteRequest = alias(remote_request)  # noqa: N815


def _declared(sender: Sender) -> list[Name]:
    return [event for event in sender.events if event is not None and event not in BUILT_IN]
