"""ClientRouter: a Router that joins the senders and listeners of a server, over any carrier."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Self

from sig_core.client_base import DEFAULT, ClientBase, Token, explain_params
from sig_core.errors import LocalProtocolError, RequestTimeout, SigError
from sig_core.events import Info, Name, check_name
from sig_core.io.client.lifetime import STOP
from sig_core.io.client.threaded_connection import CallbackThread, ThreadedConnection
from sig_core.io.client.threaded_durables import ThreadedDurables
from sig_core.io.client.threaded_link import ThreadedLink
from sig_core.io.sync.fork import close_in_child
from sig_core.io.sync.future import HelpedFuture
from sig_core.io.sync.owned_lock import NEVER_WAIT, check_outside
from sig_core.io.sync.pending_reply import PendingReply, check_timeout
from sig_core.operations import Operations
from sig_core.plugins import Plugins
from sig_core.protocol.limits import Limits
from sig_core.router import Router, check_senders, name_of, pattern_of, state_in
from sig_core.routing.delivery import Delivery, OnLost
from sig_core.routing.durable import Durable
from sig_core.routing.entities import Event, Listener, Sender, Signal, Subscription
from sig_core.routing.handlers import RequestHandler
from sig_core.routing.table import Topic
from sig_core.routing.transcode import EVENT_OF, REQUEST_TO, encode
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.request_many import Question, RequestMany
from sig_core.spelling import alias

__all__ = ["ClientRouter"]


def _always() -> bool:
    return True


class ClientRouter(ThreadedDurables, Operations, ClientBase, Router):
    """Joins this program to a server, and comes back when the link is lost.

    `add_sender` and `add_listener` work inside this program alone, as in `Router`; their `remote` forms reach everyone
    at the server. Callbacks of remote events and requests run on the reading thread, one after the other, in order of
    arrival; every method may be called inside them. What is remote is there again when the link is: in the same order,
    before "reconnected" is told. Requests that were open then fail as `OutcomeUnknown`; none is ever repeated.

    Args:
        url: of the server, such as "tcp://127.0.0.1:3000".
        codec: name of the codec to speak, or several, the preferred one first.
        limits: what the server may cost this program.
        reconnect: how to come back; None: not at all.
        plugins: where carriers and codecs come from; None: what is installed.
        token: proves who this client is, where the server has rules: text, or what returns it, called before each
            attempt to connect. It is sent over TLS, or within this machine, alone.
        resume: seconds for which a session should outlive its link, such as 30: a link that is back within that time is
            as if it had never been cut, see docs/delivery.md; None: it ends with its link.
        class_sender, class_signal, class_event: see `Router`.

    Attributes:
        lost: events that did not reach this program, by (sender, event), as far as their counts tell.

    Use it in `with`, or call `start` and `stop`.
    """

    def __init__(
        self,
        url: str,
        codec: str | Sequence[str] = "json",
        *,
        limits: Limits | None = None,
        reconnect: Reconnect | None = DEFAULT,
        plugins: Plugins | None = None,
        token: Token | None = None,
        resume: float | None = None,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        super().__init__(class_sender, class_signal, class_event)
        self._callback_thread = CallbackThread(f"sig-state {url}")
        self._begin(
            *(url, codec, limits, reconnect, plugins, token, resume),
            make_reply=PendingReply,
            wake_callbacks=self._callback_thread.wake,
        )
        self._callback_thread.callbacks = self._state.callbacks
        self._connection = ThreadedConnection(
            url,
            self.limits,
            connect=self._dial,
            codecs=self._offered_codecs,
            state=self._state,
            clock=time.monotonic,
        )
        close_in_child(self)

    # -- life

    def start(self) -> Self:
        """Connect; returns when the server has taken this client in.

        Returns:
            This client.

        Raises:
            LocalProtocolError: it was started before.
            ConfigError: the URL can't be meant.
            PluginError: its carrier, or the codec, can't be had.
            ConnectFailed: nobody is there, or no answer within the limit `handshake`.
            AccessDenied: the rules of the server do not admit this client.
            HandshakeError: the server refused.
            LimitError: it refused because one of its limits is reached, or this system starts no more threads.
        """
        check_outside("start")
        self._connection.start()
        return self

    def stop(self) -> None:
        """Say goodbye and end: no thread, socket or file is left. Again: returns when the first stop has ended.

        Requests that have come are answered first, as far as their handlers take no longer than 2 s; what was triggered
        before still goes out, as far as the server reads it within 2 s more. Called inside a callback, the stop waits
        for none. Interrupted, it closes the link and returns.
        """
        if not self._defer(self.stop):
            self._listener_threads.stop_soon()  # first: nobody is held back any more
            self._connection.stop()
            self._callback_thread.join(STOP)
            self._listener_threads.stop(STOP)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def whoami(self) -> dict[str, Any]:
        """Return whom the server knows this client as: "user", "kind", "at", "roles".

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        told: dict[str, Any] = self._call("whoami", {}, "whoami", None)
        return told

    def explain(
        self,
        user: str,
        action: str,
        sender: Name | None = None,
        name: Name | None = None,
        *,
        roles: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Return whether the rules of the server allow somebody something ("allowed"), and which one says so ("rule").

        Args:
            user: name in the rules.
            action: "add", "see", "listen", "request" or "operate".
            sender: name of a sender, or what is operated; None, of "listen" and "request": is there any?
            name: event or method.
            roles: of the user; None: those of all rules that may give somebody this name.

        Raises:
            AccessDenied: this client may not operate "explain".
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        question = explain_params(user, action, sender, name, roles)
        told: dict[str, Any] = self._call("explain", question, "explain", None)
        return told

    def server_stats(self, *, peers: bool = False) -> dict[str, Any]:
        """Return how the server stands; see `ServerRouter.stats`.

        Args:
            peers: each client by itself as well.

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        told: dict[str, Any] = self._call("stats", {"peers": peers}, "stats", None)
        return told

    def flush(self, timeout: float | None = None) -> None:
        """Return when the server has routed everything that this thread triggered before.

        Args:
            timeout: seconds; None: the limit `request_timeout`.

        Raises:
            RequestTimeout: that took longer.
            LinkLost, OutcomeUnknown: the link is gone.

        Not promised: that listeners have run.
        """
        self._call("sync", {}, "flush", timeout)

    # -- remote senders

    def add_remote_sender(
        self,
        sender: Name,
        events: Iterable[Name] | Name | None = None,
        request_handler: RequestHandler = None,
        *,
        state: Iterable[Name] | Name | None = None,
    ) -> Sender:
        """Connect a sender that everyone at the server sees.

        Args:
            sender, events, request_handler, state: see `Router.add_sender`; the handler runs on the reading thread.

        Returns:
            The sender, whose `get_signal` makes what triggers its events.

        Raises:
            SenderExists: the name is taken, here or at the server.
            ConfigError: a name or the handler is not as it must be.
            LocalProtocolError: it has state events, and the server is one that keeps no last values.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        check_outside("add_remote_sender")
        link = self._connection.open_link()
        made = self._make_sender(sender, events, request_handler, state)
        self._join(link, [made], all_or_none=False)
        return made

    def add_remote_senders(
        self,
        senders: Mapping[Name, Iterable[Name] | Name | None],
        request_handler: RequestHandler = None,
        *,
        state: Iterable[Name] | Name | None = None,
    ) -> list[Sender]:
        """Connect many senders, without waiting for one after the other; all or none.

        Args:
            senders: the events of each by its name.
            request_handler: of each of them.
            state: events that are the state of each that has them; see `Router.add_sender`.

        Returns:
            The senders, in the order of `senders`.

        Raises:
            SigError: see `add_remote_sender`; of the first that can't be connected. Then none is.
        """
        check_outside("add_remote_senders")
        check_senders(senders)
        link = self._connection.open_link()
        made = [
            self._make_sender(name, events, request_handler, state_in(state, events))
            for name, events in senders.items()
        ]
        self._join(link, made, all_or_none=True)
        return made

    def _join(self, link: ThreadedLink, made: list[Sender], *, all_or_none: bool) -> None:
        registrations = self._state.registrations
        try:
            try:
                link.run(registrations.add_senders(link.session, made, all_or_none=all_or_none))
            finally:
                self._fire_connects(made)
        except SigError:
            raise
        except BaseException:  # an interrupt: nobody would have what was added
            try:
                registrations.withdraw(made)
            except BaseException:  # a second one
                registrations.withdraw(made)
                raise
            finally:
                link.writer.push()
            raise

    def remove_sender(self, sender: Sender | Name) -> bool:
        """Disconnect a sender of this program, remote or not.

        Args:
            sender: it, or its name.

        Returns:
            False if it is not connected.

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked; it is connected then.
        """
        if self._has_own(name_of(sender)) and self._defer(self.remove_sender, sender):
            return True
        return self._connection.run(self._removal(sender))

    def remove_remote_sender(self, sender: Sender | Name) -> bool:
        """Disconnect a remote sender of this program.

        Args:
            sender: it, or its name.

        Returns:
            False if it is not connected.

        Raises:
            NotOwner: another client added it.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        name = name_of(sender)
        if name in self._state.registrations.senders:
            return self.remove_sender(sender)
        check_outside("remove_remote_sender")
        link = self._connection.open_link()
        return link.run(self._state.remove_other(link.session, name))

    def list_remote_senders(self) -> list[Name]:
        """Return the names of all senders at the server; raises as `remote_senders` does."""
        return list(self.remote_senders())

    def remote_senders(self) -> dict[Name, list[Name]]:
        """Return the events of all senders at the server, by the sender's name.

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        return self._state.read_senders(self._call("list_senders", {"list_events": True}, "list_senders", None))

    def remote_state(self) -> dict[Name, list[Name]]:
        """Return the state events of those senders at the server that have any, by the sender's name.

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        return self._state.read_state(self._call("list_senders", {"list_events": True}, "list_senders", None))

    # -- remote listeners

    def add_remote_listener(
        self,
        listener: Listener,
        sender: Name | None = None,
        event: Name | None = None,
        *,
        delivery: Delivery | None = None,
        on_lost: OnLost | None = None,
        durable: str | Durable | None = None,
    ) -> Subscription:
        """Subscribe at the server; when it returns, every event that the server routes later is delivered.

        Args:
            listener, sender, event: see `Router.add_listener`; the listener is called on the reading thread, ...
            delivery, on_lost: ... or, see there, on one of its own.
            durable: name under which the server keeps the events while nobody is there who listens: they come at least
                once, in order, and one that may have come before has "repeated" in its info; see docs/delivery.md. Or a
                `Durable`, which says more.

        Returns:
            The subscription, which lasts until it is removed, over all links.

        Raises:
            ConfigError: a name is not as it must be, or `listener` can't be called.
            ProtocolError: the server has no store for what is durable, or keeps something else under that name.
            NotOwner: the durable belongs to another user.
            LimitError: it needs a thread, and the system starts no more of them; or another one listens to the durable.
            LocalProtocolError: it is durable, and the server is one that knows nothing of that.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        check_outside("add_remote_listener")
        link = self._connection.open_link()
        if durable is not None:
            made = self._durable_listener(durable, listener, sender, event, delivery, on_lost)
            link.run(self._state.registrations.subscribe_durable(link.session, made))
            return made.subscription
        subscription = self._subscription(listener, sender, event, self._unsubscribe_remote)
        self._give_queue(subscription, delivery, on_lost, _always)
        link.run(self._state.registrations.subscribe(link.session, subscription))
        return subscription

    def remove_remote_listener(self, listener: Listener, sender: Name | None = None, event: Name | None = None) -> bool:
        """End the oldest remote subscription of `listener` to exactly this.

        Args:
            listener, sender, event: as they were given to `add_remote_listener`.

        Returns:
            False if there is none.
        """
        return self._state.registrations.remove_listener(listener, pattern_of(sender, event))

    def _unsubscribe_remote(self, subscription: Subscription) -> None:
        link = self._connection.link
        if self._defer(self._unsubscribe_remote, subscription):
            return
        if self._state.registrations.unsubscribe(subscription) and link is not None:
            link.writer.push()  # which never waits: it may be a destructor that calls

    def last(self, sender: Name, event: Name, default: Any = None) -> Any:
        """Return the last value of a state event, of a sender of this program or else of one at the server.

        Args:
            sender, event: which one.
            default: what is returned where there is none: the sender is not connected, has not fired the event yet, or
                that is not of its state.

        Raises:
            LocalProtocolError: the server is one that keeps no last values.
            AccessDenied: the rules of the server do not let this client hear the event.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        if self._has_own(sender) and sender not in self._state.registrations.senders:
            return self._own_last(sender, event, default)
        values = self.last_values(check_name(sender, "sender"), check_name(event, "event"))
        return values[0][1] if values else default

    def last_values(self, sender: Name | None = None, event: Name | None = None) -> list[tuple[Info, Any]]:
        """Return the last values of all state events at the server that `add_remote_listener` would hear.

        Args:
            sender, event: which; see `Router.add_listener`.

        Returns:
            For each what a listener gets: info, in which "last" is true, and data.

        Raises:
            LocalProtocolError: the server is one that keeps no last values.
            AccessDenied: the rules of the server do not let this client hear anything of it.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        check_outside("last_values")
        link = self._connection.open_link()
        return link.run(self._state.last_values(link.session, pattern_of(sender, event)))

    # -- remote requests

    def remote_request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask any sender at the server and return its answer.

        Args:
            sender, method, params: whom, what, and with which value.
            timeout: seconds; None: the limit `request_timeout`.

        Raises:
            UnknownSender, UnknownMethod: nobody answers that.
            RequestTimeout: no answer came in time; the request may have run.
            OutcomeUnknown: a link was lost meanwhile; the request may have run.
            RemoteError: the handler raised.
            EncodeError, MessageTooBig: the params, or the answer, can't be carried.
            Overflow: made inside a callback, and too many events came meanwhile.
        """
        if threading.get_ident() in NEVER_WAIT:  # other threads look whether they may wait once they have to
            check_outside("remote_request")
        link = self._connection.open_link()
        seconds = check_timeout(timeout, self.limits.request_timeout)
        waiter, begun = PendingReply(), time.perf_counter()
        payload = encode(link.codec, params, REQUEST_TO, method, sender)
        ident = link.session.request(sender, method, payload, waiter.tell)
        answer = link.finish(waiter, ident, seconds, REQUEST_TO, method, sender)
        self._state.times.append(time.perf_counter() - begun)
        return answer

    def request_many(self, questions: Iterable[Question], timeout: float | None = None) -> list[Any]:
        """Ask many senders at the server, or one many times, and return what became of each question, in their order.

        It is for requests that need not wait for each other: a hundred take less than half the time of a hundred
        futures. Up to 256 are open at one time.

        Args:
            questions: of each (sender, method, params), as for `remote_request`.
            timeout: seconds for all of them together; None: the limit `request_timeout`.

        Returns:
            For each question its answer, or the `SigError` that `remote_request` would raise: one that fails keeps none
            of the others from its answer. All that was not answered in time is a `RequestTimeout`.

        Raises:
            ConfigError: a question is not three things.
            LinkClosed: there is no link now.
            Overflow: made inside a callback, and too many events came meanwhile.
        """
        check_outside("request_many")
        link = self._connection.open_link()
        seconds = check_timeout(timeout, self.limits.request_timeout)
        waiter = PendingReply()
        many = RequestMany(link.session, link.codec, questions, partial(waiter.tell, None, None))
        try:
            many.start()
            link.finish(waiter, None, seconds, "request_many")
        except RequestTimeout as error:
            many.give_up(error)
        except BaseException:
            many.give_up(LocalProtocolError("nobody waits for it any more"))
            raise
        return many.results

    def request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask a sender of this program, or else one at the server; see `remote_request`."""
        if self._has_own(sender):
            return super().request(sender, method, params)
        return self.remote_request(sender, method, params, timeout)

    def request_async(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Future[Any]:
        """Ask a sender and return a future of the answer; callbacks of the future run on the reading thread.

        Inside a callback its `result()` and `exception()` read on, as `remote_request` does; `concurrent.futures.wait`
        would wait there for its own thread. The handler of a sender of this program runs now, in this thread.

        Args:
            sender, method, params, timeout: see `remote_request`.

        Raises:
            EncodeError, MessageTooBig: the params can't be carried.
            LinkClosed: there is no link now. All that comes later is in the future.
        """
        if self._senders and self._has_own(sender):
            return super().request_async(sender, method, params)
        link = self._connection.open_link()
        payload = encode(link.codec, params, REQUEST_TO, method, sender)
        deadline = time.monotonic() + check_timeout(timeout, self.limits.request_timeout)
        future, writer = HelpedFuture(link.reader.settle_inside), link.writer
        link.session.request(sender, method, payload, future, deadline)
        writer.asked(len(payload), deadline)
        return future

    def _send_confirmed(self, topic: Topic[Subscription], info: Info, data: Any, seconds: float) -> Callable[[], Any]:
        """See `RouterBase._send_confirmed`."""
        if topic.sender not in self._state.registrations.senders:
            return super()._send_confirmed(topic, info, data, seconds)
        check_outside("trigger with confirm")
        allowed, link, waiter = check_timeout(seconds, seconds), self._connection.open_link(), PendingReply()
        sender, event = topic.sender, topic.event
        ident = self._state.registrations.confirm(link.session, sender, event, info, data, waiter.tell)
        return lambda: link.finish(waiter, ident, allowed, EVENT_OF, event, sender)

    def _call(self, method: str, params: dict[str, Any], what: str, timeout: float | None) -> Any:
        check_outside(what)
        link = self._connection.open_link()
        seconds = check_timeout(timeout, self.limits.request_timeout)
        ask = self._state.ask(link.session, method, params, what)
        return link.finish(ask.reply, ask.ident, seconds, what)

    # -- fork

    def after_fork(self) -> None:
        """In the child: let go of what is the parent's, without a word on the wire."""
        self._connection.abandon()

    # Spelling of pysig
    removeSender = alias(remove_sender)  # noqa: N815
    addRemoteSender = alias(add_remote_sender)  # noqa: N815
    removeRemoteSender = alias(remove_remote_sender)  # noqa: N815
    addRemoteListener = alias(add_remote_listener)  # noqa: N815
    removeRemoteListener = alias(remove_remote_listener)  # noqa: N815
    remoteRequest = alias(remote_request)  # noqa: N815
