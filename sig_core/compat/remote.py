"""The way of a client to its server, through a carrier of 0.7."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from sig_core.compat.replies import value_of
from sig_core.errors import LinkLost, ProtocolError, SigError, UnknownSender
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Info, Name
from sig_core.routing.entities import Listener, Sender
from sig_core.routing.handlers import Handler, RequestHandler
from sig_core.routing.request_names import check_method
from sig_core.routing.table import Publisher
from sig_core.session.errors import error_of_handler

__all__ = ["CarriedRemote", "Remote"]

PATIENCE = 1.0  # seconds that an event waits for those that came before its listener was known


class Remote(Protocol):
    """What a carrier gives to a ClientRouter. Whatever the server refuses is raised, and so is a link that is gone."""

    def add_sender(self, sender: Sender, handler: RequestHandler) -> None:
        """Connect a sender at the server; `handler` is its own, as the user gave it."""

    def publisher(self, sender: Name, event: Name) -> Publisher:
        """Return what takes an event of a connected sender to the server."""

    def remove_sender(self, sender: Name) -> bool:
        """Disconnect a sender at the server; false: it is not connected."""

    def add_listener(self, heard: Listener, sender: Name | None, event: Name | None) -> Callable[[], None]:
        """Subscribe `heard` at the server, which never raises; give what ends it."""

    def request(self, sender: Name, method: str, params: Any, timeout: float | None) -> Any:
        """Ask a sender at the server and return its answer."""


class ClientCarrier(Protocol):
    """What is needed of a carrier."""

    def handleTX(self, clientid: Any, message: dict[str, Any], /) -> Any: ...  # noqa: N802 - the seed's name


class _Hearing:
    """A listener whose id is known."""

    def __init__(self, heard: Listener) -> None:
        self.heard = heard
        self.caught_up = threading.Event()  # set when it has heard what came before its id was known


class CarriedRemote:
    """Calls through `handleTX`, on the caller's thread; what the server calls runs on the carrier's.

    Args:
        carrier: of the client.
        handler_of: gives the handler of a remote sender of this program, or None.

    Attributes:
        methods: what the server may call: {name: function(clientid, params)}.
    """

    def __init__(self, carrier: ClientCarrier, handler_of: Callable[[Name], Handler | None]) -> None:
        self.methods: dict[str, Callable[[Any, Any], Any]] = {"signal": self._signal, "request": self._request}
        self._carrier = carrier
        self._handler_of = handler_of
        self._lock = threading.RLock()
        self._hearing: dict[Any, _Hearing] = {}  # by the server's id
        self._adding = 0  # listeners whose id is on its way
        self._early: list[tuple[Any, Info, Any]] = []  # events that came before the id of their listener

    def _call(self, method: str, params: dict[str, Any]) -> Any:
        try:
            reply = self._carrier.handleTX("server", {"method": method, "params": params})
        except SigError:
            raise
        except Exception as error:
            raise LinkLost(f"{method}: the carrier could not send it: {type(error).__name__}: {error}") from error
        return value_of(reply, method)

    # -- see `Remote`

    def add_sender(self, sender: Sender, handler: RequestHandler) -> None:
        """See `Remote`."""
        events = [event for event in sender.events if event not in (EVENT_CONNECT, EVENT_DISCONNECT)]
        self._call("add_sender", {"sender": sender.name, "events": events, "requests": sender.handler.names()})

    def publisher(self, sender: Name, event: Name) -> Publisher:
        """See `Remote`."""

        def publisher(info: Info, data: Any) -> None:
            self._call("signal", {"info": dict(info), "data": data})

        return publisher

    def remove_sender(self, sender: Name) -> bool:
        """See `Remote`."""
        try:
            self._call("remove_sender", {"sender": sender})
        except UnknownSender:
            return False
        return True

    def add_listener(self, heard: Listener, sender: Name | None, event: Name | None) -> Callable[[], None]:
        """See `Remote`. An event may be faster than the answer that says which listener it is for."""
        with self._lock:
            self._adding += 1
        ident, hearing = None, _Hearing(heard)
        try:
            ident = _listener_id(self._call("add_listener", {"sender": sender, "event": event}))
        finally:
            with self._lock:
                self._adding -= 1
                early = [each for each in self._early if each[0] == ident]
                self._early = [each for each in self._early if each[0] != ident] if self._adding else []
                if ident is not None:
                    self._hearing[ident] = hearing
        for _, info, data in early:
            heard(info, data)
        hearing.caught_up.set()
        return lambda: self._remove_listener(ident)

    def _remove_listener(self, ident: Any) -> None:
        with self._lock:
            self._hearing.pop(ident, None)
        self._call("remove_listener", {"listener_id": ident})

    def request(self, sender: Name, method: str, params: Any, timeout: float | None) -> Any:
        """See `Remote`. How long an answer is waited for, the carrier decides, and the server's `request_timeout`."""
        return self._call("request", {"sender": sender, "method": method, "params": params})

    def forget(self) -> None:
        """Let all listeners go: the server is gone."""
        with self._lock:
            self._hearing.clear()

    # -- what the server calls, on the carrier's thread

    def _signal(self, clientid: Any, params: Any) -> None:
        """Run a listener."""
        ident, info = _field(params, "listener_id"), _field(params, "info")
        if not isinstance(info, dict) or not {"sender", "event"} <= info.keys():
            raise ProtocolError(f"signal: info {info!r} has no sender or no event")
        data = params.get("data")
        with self._lock:
            hearing = self._hearing.get(ident)
            if hearing is None and self._adding:
                self._early.append((ident, info, data))
                return
        if hearing is None:
            raise ProtocolError(f"signal: listener id {ident!r} not found")
        hearing.caught_up.wait(PATIENCE)
        hearing.heard(info, data)

    def _request(self, clientid: Any, params: Any) -> Any:
        """Run a request handler."""
        sender = _field(params, "sender")
        handler = self._handler_of(sender)
        if handler is None:
            raise UnknownSender(f"sender {sender!r} is not connected")
        try:
            return handler.call(check_method(_field(params, "method")), params.get("params"))
        except (Exception, SystemExit) as error:
            raise error_of_handler(error) from error


def _field(params: Any, name: str) -> Any:
    if not isinstance(params, dict) or params.get(name) is None:
        raise ProtocolError(f"params: {name} is missing")
    return params[name]


def _listener_id(response: Any) -> Any:
    try:
        return _field(response, "listener_id")
    except ProtocolError as error:
        raise ProtocolError(f"add_listener: the server answered {response!r}, without a listener_id") from error
