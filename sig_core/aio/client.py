"""ClientRouter on asyncio: the client of `sig_core.client`, whose remote methods are coroutines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Self

from sig_core.aio.durables import AsyncDurables
from sig_core.aio.entities import Sender, Signal
from sig_core.aio.operations import Operations
from sig_core.aio.router import HANDLERS, AsyncRouter, limits_for
from sig_core.client_base import DEFAULT, ClientBase, Token, explain_params
from sig_core.errors import LinkClosed, LocalProtocolError, RequestTimeout, SigError
from sig_core.events import Info, Name, check_name
from sig_core.io.aio.async_reply import AsyncReply, settle
from sig_core.io.aio.coroutine_listener import MOST
from sig_core.io.client.asyncio_connection import AsyncioConnection, CallbackTask
from sig_core.io.client.asyncio_link import AsyncioLink
from sig_core.io.client.lifetime import STOP
from sig_core.io.sync.fork import close_in_child
from sig_core.io.sync.pending_reply import check_timeout
from sig_core.plugins import Plugins
from sig_core.protocol.limits import Limits
from sig_core.router import check_senders, name_of, pattern_of, state_in
from sig_core.routing.delivery import Delivery, OnLost
from sig_core.routing.durable import Durable
from sig_core.routing.entities import Event, Listener, Subscription
from sig_core.routing.handlers import RequestHandler
from sig_core.routing.table import Topic
from sig_core.routing.transcode import EVENT_OF, REQUEST_TO, encode
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.request_many import Question, RequestMany
from sig_core.spelling import alias

__all__ = ["ClientRouter"]


class ClientRouter(AsyncDurables, Operations, ClientBase, AsyncRouter):
    """Joins this program to a server, and comes back when the link is lost; on the running asyncio loop.

    `add_sender`, `add_listener` work inside this program alone; their `remote` forms reach everyone at the server, and
    are coroutines. Listeners, handlers and state callbacks run on the loop and must not block it; all may be coroutine
    functions. What is remote is there again when the link is: in the same order, before "reconnected" is told. Requests
    that were open then fail as `OutcomeUnknown`; none is ever repeated.

    Where its link can be polled (tcp, unix) it has no thread of its own but while it dials; any other has two.

    Args:
        url: of the server, such as "tcp://127.0.0.1:3000".
        codec: name of the codec to speak, or several, the preferred one first.
        limits: what the server may cost this program.
        reconnect: how to come back; None: not at all.
        plugins: where carriers and codecs come from; None: what is installed.
        token: proves who this client is, where the server has rules: text, or what returns it, called before each
            attempt to connect, on a thread. It is sent over TLS, or within this machine, alone.
        resume: seconds for which a session should outlive its link, such as 30: a link that is back within that time is
            as if it had never been cut, see docs/delivery.md; None: it ends with its link.
        max_handlers: handlers that may run at one time, 1 and more; further requests wait, in order.
        class_sender, class_signal, class_event: see `Router`; classes of `sig_core.aio`.

    Attributes:
        lost: events that did not reach this program, by (sender, event), as far as their counts tell.

    Use it in `async with`, or call `start` and `stop`.
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
        max_handlers: int = HANDLERS,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        super().__init__(max_handlers, class_sender, class_signal, class_event)
        self._callback_task = CallbackTask()
        self._begin(
            *(url, codec, limits_for(max_handlers, limits), reconnect, plugins, token, resume),
            make_reply=self._make_reply,
            wake_callbacks=self._callback_task.wake,
        )
        self._callback_task.callbacks = self._state.callbacks
        self._connection = AsyncioConnection(
            url,
            self.limits,
            connect=self._dial,
            codecs=self._offered_codecs,
            state=self._state,
            listeners=self._coroutine_listeners,
            handlers=self._handlers,
            lost=self._lost,
        )
        self._handlers.relieved = self._relieved
        self._finishing = {}
        self._coroutine_listeners.least = 2 * self.limits.max_inbound // MOST
        close_in_child(self)

    # -- life

    async def start(self) -> Self:
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

        Cancelled while it dials, it returns at once, and the link that may still come about is closed.
        """
        if self._state.connection.state == "new":
            self._bind()
        await self._connection.start()
        return self

    async def stop(self) -> None:
        """Say goodbye and end: no task, thread, socket or file is left. Again: returns when the first stop has ended.

        Requests that have come are answered first, as far as their handlers take no longer than 2 s; what was triggered
        before still goes out, as far as the server reads it within 2 s more. Called inside a callback, the stop does
        not wait for that one. Cancelled, it ends at once. If the loop is closed already, it ends without a goodbye.

        Raises:
            LocalProtocolError: it was started on another loop, which is not closed.
        """
        self._end_streams(None)
        if self._loop is not None and self._loop.is_closed():
            self._connection.let_go()
            return
        self._check_loop()
        await self._connection.stop()
        await self._callback_task.settle(STOP)

    def _lost(self, error: SigError) -> None:
        """End the streams of events: no link comes any more."""
        closed = LinkClosed(f"{self.url}: no events come any more: {error}")
        closed.__cause__ = error
        self._end_streams(closed)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def whoami(self) -> dict[str, Any]:
        """Return whom the server knows this client as: "user", "kind", "at", "roles".

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        told: dict[str, Any] = await self._call("whoami", {}, "whoami", None)
        return told

    async def explain(
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
        told: dict[str, Any] = await self._call("explain", question, "explain", None)
        return told

    async def server_stats(self, *, peers: bool = False) -> dict[str, Any]:
        """Return how the server stands; see `ServerRouter.stats`.

        Args:
            peers: each client for itself as well.

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        told: dict[str, Any] = await self._call("stats", {"peers": peers}, "stats", None)
        return told

    async def flush(self, timeout: float | None = None) -> None:
        """Return when the server has routed everything that was triggered before.

        Args:
            timeout: seconds; None: the limit `request_timeout`.

        Raises:
            RequestTimeout: that took longer.
            LinkLost, OutcomeUnknown: the link is gone.

        Not promised: that listeners have run.
        """
        await self._call("sync", {}, "flush", timeout)

    async def wait_for_room(self) -> None:
        """Return when a `trigger` would not raise `Backpressure`, or would raise something else."""
        link = self._connection.link
        if link is not None:
            link.check_loop()
            await link.writer.wait_for_room()

    # -- remote senders

    async def add_remote_sender(
        self,
        sender: Name,
        events: Iterable[Name] | Name | None = None,
        request_handler: RequestHandler = None,
        *,
        state: Iterable[Name] | Name | None = None,
    ) -> Sender:
        """Connect a sender that everyone at the server sees.

        Args:
            sender, events, request_handler, state: see `Router.add_sender`; handlers may be coroutine functions.

        Raises:
            SenderExists: the name is taken, here or at the server.
            ConfigError: a name or the handler is not as it must be.
            LocalProtocolError: it has state events, and the server is one that keeps no last values.
            LinkClosed, RequestTimeout: the server can't be asked.

        Cancelled, the sender is taken back.
        """
        link = self._connection.open_link()
        made = self._make_async(sender, events, request_handler, state)
        await self._join(link, [made], all_or_none=False)
        return made

    async def add_remote_senders(
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
        check_senders(senders)
        link = self._connection.open_link()
        made = [
            self._make_async(name, events, request_handler, state_in(state, events)) for name, events in senders.items()
        ]
        await self._join(link, made, all_or_none=True)
        return made

    def _make_async(
        self,
        sender: Name,
        events: Iterable[Name] | Name | None,
        handler: RequestHandler,
        state: Iterable[Name] | Name | None,
    ) -> Sender:
        made: Any = self._make_sender(sender, events, handler, state)
        found: Sender = made
        return found

    async def _join(self, link: AsyncioLink, made: list[Sender], *, all_or_none: bool) -> None:
        registrations = self._state.registrations
        try:
            await link.run(registrations.add_senders(link.session, made, all_or_none=all_or_none))
        finally:
            self._fire_connects(made)

    async def remove_sender(self, sender: Any) -> bool:
        """Disconnect a sender of this program, remote or not.

        Args:
            sender: it, or its name.

        Returns:
            False if it is not connected.

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked; it is connected then.

        Cancelled, it is disconnected all the same.
        """
        return await self._connection.run(self._removal(sender))

    async def remove_remote_sender(self, sender: Any) -> bool:
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
            return await self.remove_sender(sender)
        link = self._connection.open_link()
        return await link.run(self._state.remove_other(link.session, name))

    async def list_remote_senders(self) -> list[Name]:
        """Return the names of all senders at the server; raises as `remote_senders` does."""
        return list(await self.remote_senders())

    async def remote_senders(self) -> dict[Name, list[Name]]:
        """Return the events of all senders at the server, by the sender's name.

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        return self._state.read_senders(await self._call("list_senders", {"list_events": True}, "list_senders", None))

    async def remote_state(self) -> dict[Name, list[Name]]:
        """Return the state events of those senders at the server that have any, by the sender's name.

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        return self._state.read_state(await self._call("list_senders", {"list_events": True}, "list_senders", None))

    # -- remote listeners

    async def add_remote_listener(
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
            listener: a function, called on the loop; or a coroutine function, awaited for one event after the other.
            sender, event: see `Router.add_listener`.
            delivery, on_lost: see there; both may be coroutine functions.
            durable: name under which the server keeps the events while nobody is there who listens: they come at least
                once, in order, and one that may have come before has "repeated" in its info; see docs/delivery.md. Or a
                `Durable`, which says more.

        Raises:
            ConfigError: a name is not as it must be, or `listener` can't be called.
            ProtocolError: the server has no store for what is durable, or keeps something else under that name.
            NotOwner: the durable belongs to another user.
            Busy: another one listens to the durable.
            LocalProtocolError: it is durable, and the server is one that knows nothing of that.
            LinkClosed, RequestTimeout: the server can't be asked.

        Cancelled, there is no subscription.
        """
        link = self._connection.open_link()
        if durable is not None:
            made = self._durable_listener(durable, self._telling(listener), sender, event, delivery, on_lost)
            await link.run(self._state.registrations.subscribe_durable(link.session, made))
            return made.subscription
        subscription = self._subscription(listener, sender, event, self._unsubscribe_remote)
        self._give_queue(subscription, delivery, on_lost)
        await link.run(self._state.registrations.subscribe(link.session, subscription))
        return subscription

    _listen = add_remote_listener

    async def remove_remote_listener(
        self, listener: Listener, sender: Name | None = None, event: Name | None = None
    ) -> bool:
        """End the oldest remote subscription of `listener` to exactly this.

        Returns:
            False if there is none.
        """
        return self._state.registrations.remove_listener(listener, pattern_of(sender, event))

    def _unsubscribe_remote(self, subscription: Subscription) -> None:
        link = self._connection.link
        if self._state.registrations.unsubscribe(subscription) and link is not None:
            link.writer.added(0)

    async def last(self, sender: Name, event: Name, default: Any = None) -> Any:
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
        values = await self.last_values(check_name(sender, "sender"), check_name(event, "event"))
        return values[0][1] if values else default

    async def last_values(self, sender: Name | None = None, event: Name | None = None) -> list[tuple[Info, Any]]:
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
        link = self._connection.open_link()
        return await link.run(self._state.last_values(link.session, pattern_of(sender, event)))

    # -- remote requests

    async def remote_request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
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
            Overflow: made inside a coroutine listener, and too many events came meanwhile.

        Cancelled, the server is told; the request may run all the same.
        """
        link = self._connection.open_link()
        seconds = check_timeout(timeout, self.limits.request_timeout)
        future: asyncio.Future[Any] = link.loop.create_future()
        begun = time.monotonic()
        payload = encode(link.codec, params, REQUEST_TO, method, sender)
        ident = link.session.request(sender, method, payload, partial(settle, future))
        answer = await link.finish(future, ident, begun, seconds, REQUEST_TO, method, sender)
        self._state.times.append(time.monotonic() - begun)
        return answer

    async def request_many(self, questions: Iterable[Question], timeout: float | None = None) -> list[Any]:
        """Ask many senders at the server, or one many times, and return what became of each question, in their order.

        It is for requests that need not wait for each other: a hundred take less time than a hundred tasks. Up to 256
        are open at one time.

        Args:
            questions: of each (sender, method, params), as for `remote_request`.
            timeout: seconds for all of them together; None: the limit `request_timeout`.

        Returns:
            For each question its answer, or the `SigError` that `remote_request` would raise: one that fails keeps none
            of the others from its answer. All that was not answered in time is a `RequestTimeout`.

        Raises:
            ConfigError: a question is not three things.
            LinkClosed: there is no link now.
            Overflow: made inside a coroutine listener, and too many events came meanwhile.

        Cancelled, the server is told; what is open may run all the same.
        """
        link = self._connection.open_link()
        seconds = check_timeout(timeout, self.limits.request_timeout)
        future: asyncio.Future[Any] = link.loop.create_future()
        many = RequestMany(link.session, link.codec, questions, partial(settle, future, None, None))
        begun = time.monotonic()
        try:
            many.start()
            await link.finish(future, None, begun, seconds, "request_many")
        except RequestTimeout as error:
            many.give_up(error)
        except BaseException:
            many.give_up(LocalProtocolError("nobody waits for it any more"))
            raise
        return many.results

    async def request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask a sender of this program, or else one at the server; see `remote_request`."""
        if self._has_own(sender):
            return await super().request(sender, method, params)
        return await self.remote_request(sender, method, params, timeout)

    def _send_confirmed(self, topic: Topic[Subscription], info: Info, data: Any, seconds: float) -> Callable[[], Any]:
        """See `RouterBase._send_confirmed`; on the loop's thread alone."""
        if topic.sender not in self._state.registrations.senders:
            return super()._send_confirmed(topic, info, data, seconds)
        allowed, link, begun = check_timeout(seconds, seconds), self._connection.open_link(), time.monotonic()
        link.check_loop()
        sender, event = topic.sender, topic.event
        future: asyncio.Future[Any] = link.loop.create_future()
        ident = self._state.registrations.confirm(link.session, sender, event, info, data, partial(settle, future))
        return lambda: link.loop.create_task(link.finish(future, ident, begun, allowed, EVENT_OF, event, sender))

    async def _call(self, method: str, params: dict[str, Any], what: str, timeout: float | None) -> Any:
        link = self._connection.open_link()
        seconds = check_timeout(timeout, self.limits.request_timeout)
        ask = self._state.ask(link.session, method, params, what)
        reply: Any = ask.reply
        return await link.finish(reply.future, ask.ident, time.monotonic(), seconds, what)

    def _make_reply(self) -> AsyncReply:
        assert self._loop is not None
        return AsyncReply(self._loop)

    def _relieved(self) -> None:
        self._connection.relieved()

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
