"""ServerRouter: a Router whose senders and listeners are joined by those of remote clients, over any carrier."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Self

from sig_core.address import Address
from sig_core.contract import Acceptor
from sig_core.errors import LocalProtocolError, MessageTooBig, NotOwner
from sig_core.events import Info, Name, Pattern, check_name
from sig_core.io.server.connections import STOP, ConnectionManager
from sig_core.io.server.local_port import LocalPort
from sig_core.io.server.server_requests import ServerRequests
from sig_core.io.server.session_factory import PeerSession
from sig_core.io.sync.fork import close_in_child
from sig_core.io.sync.pending_reply import check_timeout
from sig_core.log import log
from sig_core.plugins import Plugins, default_plugins
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import event_frame
from sig_core.router import BUILT_IN, Router, check_url
from sig_core.routing.entities import Event, Sender, Signal, Subscription
from sig_core.routing.exchange import Exchange
from sig_core.routing.info import additions_of
from sig_core.routing.ports import RequestBatch, Run
from sig_core.routing.table import Publisher
from sig_core.routing.transcode import EVENT_OF, encode
from sig_core.session.board.renaming import Renaming
from sig_core.session.errors import error_of_handler
from sig_core.spelling import alias

__all__ = ["ServerRouter"]

HOLDING = 0.02  # seconds between looks while a slow listener holds somebody back


class ServerRouter(Router):
    """Routes between the senders and listeners of this program and those of its clients.

    Everything of `Router` works, for all of them alike. Events of this program's own senders run its own listeners in
    the thread that triggers; remote events and requests run on a dispatch thread.

    Args:
        urls: to listen on when it starts, such as "tcp://127.0.0.1:3000"; more by `listen`.
        codecs: names of the codecs that clients may use; None: all that are installed.
        limits: what clients may cost.
        plugins: where carriers and codecs come from; None: what is installed.
        class_sender, class_signal, class_event: see `Router`.

    Use it in `with`, or call `start` and `stop`.
    """

    def __init__(
        self,
        *urls: str,
        codecs: Sequence[str] | None = None,
        limits: Limits | None = None,
        plugins: Plugins | None = None,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        super().__init__(class_sender, class_signal, class_event)
        for url in urls:
            check_url(url)
        self.limits = limits or Limits()
        self._urls = urls
        self._codec_names = None if codecs is None else list(codecs)
        self._plugins = plugins or default_plugins()
        self._exchange = Exchange(self._plugins.codecs.get, self.limits, time.monotonic)
        self._port = LocalPort(
            self._plugins.codecs.get,
            self.limits,
            self._lock,
            self._exchange.flow_control,
            self._targets_of,
            self._answer,
            self.listener_failed,
        )
        self._exchange.join(self._port, own=True)
        self._asker = ServerRequests(self._exchange, self._port, self._lock, self._plugins)
        self._clients = ConnectionManager(
            self._exchange, self._lock, self._plugins.codecs.get, self.limits, self._tick, self._tell_hooks
        )
        self._state = "new"
        close_in_child(self)

    def _targets_of(self, sender: Name, event: Name) -> tuple[Subscription, ...]:
        topic = self._table.topic(sender, event)
        targets = topic.targets
        return topic.refresh() if targets is None else targets

    # -- life

    def start(self) -> Self:
        """Listen on the URLs of the constructor; returns when clients can connect.

        Raises:
            LocalProtocolError: it was started before.
            ConfigError, PluginError, ListenFailed: see `listen`; then it is stopped again.
        """
        if self._state != "new":
            raise LocalProtocolError(f"this server is {self._state}: a server starts once; make another one")
        self._plugins.hooks.of("sig_session_opened")  # loads them here: an import may take long, or say something
        self._state = "running"
        self._clients.loop.start()
        try:
            for url in self._urls:
                self.listen(url)
        except BaseException:
            self.stop()
            raise
        return self

    def listen(self, where: str | Acceptor, codecs: Sequence[str] | None = None) -> str:
        """Take one more address and give it as bound (port 0 is resolved).

        Args:
            where: a URL of any installed carrier, or an acceptor that you made, which is closed when the server stops.
            codecs: names of those that clients may use here; None: those of the constructor.

        Raises:
            LocalProtocolError: the server does not run.
            ConfigError: the URL, or an option of it, can't be meant.
            PluginError: its carrier, or a codec, can't be had.
            ListenFailed: the address is in use, or not of this machine.
        """
        if self._state != "running":
            remedy = "call start() first, or use it in `with`" if self._state == "new" else "make another one"
            raise LocalProtocolError(f"{where}: this server is {self._state}: {remedy}")
        allowed = self._plugins.choose_codecs(list(codecs) if codecs is not None else self._codec_names)
        self._port.codec = self._port.codec or next(iter(allowed))
        if isinstance(where, str):
            rename, acceptor = Renaming.of(Address.parse(where)), self._plugins.listen(where)
        else:
            rename, acceptor = Renaming(), where
        self._clients.accept_from(acceptor, allowed, rename)
        log.info(f"listening on {acceptor.address} in {', '.join(allowed)}")
        return acceptor.address

    def unlisten(self, address: str) -> None:
        """Return an address up, one of `addresses`; who came there is sent away, who came elsewhere stays.

        Raises:
            LocalProtocolError: the server does not run.
            ConfigError: it does not listen there.
        """
        if self._state != "running":
            raise LocalProtocolError(f"{address}: this server is {self._state}, and listens nowhere")
        self._clients.refuse_at(address)

    @property
    def addresses(self) -> list[str]:
        """The URLs that it listens on, as bound."""
        return self._clients.addresses

    @property
    def peers(self) -> list[str]:
        """The clients that are connected, printable."""
        return self._clients.peers

    def stats(self, *, peers: bool = True) -> dict[str, Any]:
        """Tell how it stands: counts of links, senders, subscriptions, events, bytes and requests; docs/statistics.md.

        Args:
            peers: each client for itself as well, and this program.
        """
        with self._lock:
            told = self._exchange.stats(peers=peers)
        return {"listening": self.addresses, "listener_errors": self.listener_errors, **told}

    def stop(self) -> None:
        """Say goodbye to all clients, and end: no thread, socket or file is left. Again: does nothing.

        Callbacks that run are given 2 s; called inside one, the stop does not wait for that one.
        """
        with self._lock:
            before, self._state = self._state, "stopped"
        if before != "running":
            return
        self._clients.close()
        self._port.flow.set()
        until = time.monotonic() + STOP  # for all of them together
        for dispatcher in (self._port.dispatcher, self._port.answers):
            dispatcher.stop(until - time.monotonic())

    def _tell_hooks(self, session: PeerSession) -> None:
        """Tell of a session that opened, or ended; under the lock perhaps, so the hooks run elsewhere."""
        name = "sig_session_opened" if session.error is None else "sig_session_closed"
        tell = self._plugins.hooks.of(name)
        if tell is not None:
            facts = {"peer": session.peer, "client": session.client, "codec": session.codec, "error": session.error}
            self._port.later(partial(tell, **facts))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _tick(self, now: float) -> float:
        """Look, under the lock, what is due of what the clients share."""
        self._exchange.flow_control.tick(now)
        self._asker.expire(now)
        return HOLDING if self._exchange.flow_control else self.limits.keepalive

    # -- senders of this program, seen by clients

    def _claim(self, sender: Sender) -> None:
        super()._claim(sender)
        assert sender.name is not None
        events = [event for event in sender.events if event is not None and event not in BUILT_IN]
        entry = self._exchange.add_sender(self._port, sender.name, events, sender.handler.names(), tell_owner=False)
        for event, route in entry.events.items():  # presence is fired by the exchange: its signals stay at home
            topic = self._table.topic(sender.name, event)
            topic.publisher = None if event in BUILT_IN else self._publisher(sender.name, event, route)

    def _release(self, sender: Sender) -> None:
        assert sender.name is not None
        self._exchange.remove_sender(self._port, sender.name, tell_owner=False)

    def _publisher(self, sender: Name, event: Name, route: int) -> Publisher:
        exchange, port, flow = self._exchange, self._port, self._port.flow

        def publisher(info: Info, data: Any) -> None:
            wanted = exchange.wanted(sender, event, port)
            if not wanted:
                return
            runs = {codec: self._encode(codec, sender, event, route, info, data) for codec in wanted}
            if not flow.is_set() and not self._clients.loop.is_current():
                flow.wait(self.limits.stall)
            with self._lock:
                exchange.publish(port, runs, sender, event, time.monotonic())

        return publisher

    def _encode(self, name: str, sender: Name, event: Name, route: int, info: Info, data: Any) -> Run:
        codec = self._plugins.codecs.get(name)
        added = additions_of(info)
        additions = None if added is None else encode(codec, added, EVENT_OF, event, sender)
        if additions is not None and len(additions) > 65_535:
            text = f"event {event!r} of sender {sender!r}: additions of {len(additions)} bytes, 65535 are carried"
            raise MessageTooBig(text, len(additions), 65_535)
        frame = event_frame(route, encode(codec, data, EVENT_OF, event, sender), additions)
        size, limit = len(frame) - 4, self.limits.max_frame
        if size > limit:
            text = f"event {event!r} of sender {sender!r}: {size} bytes in {name}, at most {limit} go out"
            raise MessageTooBig(text, size, limit)
        return Run(route, name, 1, frame)

    def _interest(self, pattern: Pattern, wanted: bool) -> None:
        if wanted:
            self._exchange.listen(self._port, pattern)
        else:
            self._exchange.unlisten(self._port, pattern)

    # -- senders of clients, seen by this program

    def get_sender(self, sender: Name) -> Sender | None:
        """Return a sender that is connected, here or at a client, or that somebody here listens to; else None."""
        found = super().get_sender(sender)
        name = check_name(sender, "sender")
        with self._lock:
            entry = self._exchange.senders.get(name)
        if entry is None or entry.owner is self._port:
            return found
        view = self.class_sender(self, name)
        for event in entry.events:
            view.events[event] = view.class_event(view, event)
            self.topic(name, event).publisher = _not_ours(name, entry.owner.peer)
        return view

    def has_sender(self, name: Name) -> bool:
        """Return whether a sender of that name is connected, here or at a client."""
        return name in self._exchange.senders

    def remove_sender(self, sender: Sender | Name) -> bool:
        """Disconnect a sender of this program and fire its `#disconnect`; false if it is not connected.

        Raises:
            NotOwner: a client added it.
        """
        if super().remove_sender(sender):
            return True
        name = sender.name if isinstance(sender, Sender) else sender
        entry = self._exchange.senders.get(name) if name is not None else None
        if entry is not None and entry.owner is not self._port:
            raise NotOwner(f"sender {name!r} belongs to {entry.owner.peer}; only who added a sender may remove it")
        return False

    # -- requests

    def request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask a sender, here or at a client, and give its answer.

        Raises:
            UnknownSender, UnknownMethod: nobody answers that.
            RequestTimeout: no answer came within `timeout` seconds (None: the limit `request_timeout`).
            OutcomeUnknown: the client's link was lost meanwhile; the request may have run.
            RemoteError: the client's handler raised.
            Exception: whatever a handler of this program raised.
        """
        name = check_name(sender, "sender")
        if name in self._senders:
            return super().request(name, method, params)
        return self._asker.ask(name, method, params, check_timeout(timeout, self.limits.request_timeout))

    def request_async(
        self, sender: Name, method: str, params: Any = None, timeout: float | None = None
    ) -> Future[Any]:
        """Ask a sender and give a future of the answer. Of this program's own senders the handler runs now."""
        name = check_name(sender, "sender")
        if name in self._senders:
            return super().request_async(name, method, params)
        return self._asker.ask_async(name, method, params, check_timeout(timeout, self.limits.request_timeout))

    def _answer(self, token: int, asked: RequestBatch, params: bytes) -> None:
        """Run a handler for a client's request, on a dispatch thread."""
        codec = self._plugins.codecs.get(asked.codec)
        try:
            handler = self._local_sender(asked.sender).handler
            value = encode(codec, handler.call(asked.method, codec.decode(params)))
        except (Exception, SystemExit) as error:
            with self._lock:
                self._exchange.requests.fail(self._port, token, error_of_handler(error))
            return
        with self._lock:
            self._exchange.requests.complete(self._port, asked.codec, [(token, value)])

    # Spelling of pysig
    removeSender = alias(remove_sender)  # noqa: N815
    getSender = alias(get_sender)  # noqa: N815

    # -- fork

    def after_fork(self) -> None:
        """In the child: let go of what is the parent's, without a word on the wire."""
        if self._state == "running":
            self._state = "closed by a fork"
            self._clients.abandon()


def _not_ours(sender: Name, owner: str) -> Publisher:
    def refuse(info: Info, data: Any) -> None:
        raise NotOwner(f"sender {sender!r} belongs to {owner}; only who added a sender may trigger for it")

    return refuse
