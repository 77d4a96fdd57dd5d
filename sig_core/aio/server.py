"""ServerRouter on asyncio: the server of `sig_core.server`, embedded in a program on a running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Self

from sig_core.aio.entities import Sender, Signal
from sig_core.aio.router import HANDLERS, AsyncRouter, limits_for
from sig_core.contract import Acceptor
from sig_core.errors import Backpressure, LimitError, LocalProtocolError, RequestTimeout
from sig_core.events import Info, Name, check_name
from sig_core.io.aio.async_reply import AsyncReply
from sig_core.io.aio.in_thread import in_thread
from sig_core.io.server.acceptors import AcceptorThread
from sig_core.io.server.asyncio_loop import AsyncioLoop
from sig_core.io.server.asyncio_port import AsyncioPort
from sig_core.io.server.asyncio_requests import AsyncioRequests
from sig_core.io.server.connections import STOP
from sig_core.io.server.rules_file import RulesSource
from sig_core.io.store.store_source import StoreSource
from sig_core.io.sync.pending_reply import check_timeout
from sig_core.links.close_once import CloseOnce
from sig_core.log import log
from sig_core.plugins import Plugins
from sig_core.protocol.limits import Limits
from sig_core.routing.entities import Event, Listener, Subscription
from sig_core.routing.ports import RequestBatch
from sig_core.routing.table import Publisher
from sig_core.server_base import NEW, RUNNING, ServerBase, Taken

__all__ = ["ServerRouter"]


class ServerRouter(ServerBase, AsyncRouter):
    """Routes between the senders and listeners of this program and those of its clients; on the running asyncio loop.

    Everything of the threaded `sig_core.ServerRouter` is there, for all of them alike; what may wait is a coroutine.
    Listeners, handlers and hooks run on the loop and must not block it; listeners and handlers may be coroutine
    functions. Where all that it listens on can be polled (tcp, unix) it has no thread of its own, but while it takes an
    address; any other has one for each address, and two for each link.

    What coroutine listeners can't follow waits, up to the limit `max_inbound`: the clients that feed them are paused
    meanwhile, for at most the limit `stall`; then the listener loses events, counted in `lost`.

    Args:
        urls: to listen on when it starts, such as "tcp://127.0.0.1:3000"; more by `listen`.
        codecs: names of the codecs that clients may use; None: all that are installed.
        limits: what clients may cost.
        plugins: where carriers and codecs come from; None: what is installed.
        open: it may listen where other machines reach it, all of which may then hear and send everything; the option
            `open=1` of a URL allows it there.
        rules: who may come in and do what (docs/rules.md): a TOML file, the tables that it has, or `Rules`. None:
            whoever reaches it may do everything.
        store: file in which events are kept for durable listeners (docs/delivery.md), or what keeps them; None: there
            are no such listeners.
        max_handlers: handlers that may run at one time, 1 and more; further requests wait, in order.
        class_sender, class_signal, class_event: see `Router`; classes of `sig_core.aio`.

    Attributes:
        lost: events that did not reach this program, or one of its listeners, by (sender, event).

    Use it in `async with`, or call `start` and `stop`.
    """

    _how_to_start = "await start() first, or use it in `async with`"

    def __init__(
        self,
        *urls: str,
        codecs: Sequence[str] | None = None,
        limits: Limits | None = None,
        plugins: Plugins | None = None,
        open: bool = False,
        rules: RulesSource | None = None,
        store: StoreSource | None = None,
        max_handlers: int = HANDLERS,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        super().__init__(max_handlers, class_sender, class_signal, class_event)
        self._set_up(urls, codecs, limits_for(max_handlers, limits), plugins, open, rules, store, AsyncioLoop)
        self._port: AsyncioPort = self._join_program(
            partial(
                AsyncioPort,
                post=self._clients.loop.post,
                listeners=self._coroutine_listeners,
                note_lost=self._note_lost,
            )
        )
        self._asker = AsyncioRequests(self._exchange, self._port, self._lock, self._plugins)
        self._parting = False  # goodbye is said: nobody is answered any more
        self._ended: asyncio.Event | None = None  # set when a stop has let go of everything
        self._joined = False  # no thread is left

    # -- life

    async def start(self) -> Self:
        """Listen on the URLs of the constructor; returns when clients can connect.

        Returns:
            This server.

        Raises:
            LocalProtocolError: it was started before.
            ConfigError, PluginError, ListenFailed, LimitError: see `listen`; then it is stopped again, as it is when
                it is cancelled.
        """
        self._begin()
        self._bind()
        self._clients.loop.start()
        try:
            if self._store is not None:
                await in_thread(self._open_store, lambda nothing: None, "sig-store-open")
            for url in self._urls:
                await self.listen(url)
            self._check_places()
        except BaseException:
            await self.stop()
            raise
        return self

    async def listen(self, where: str | Acceptor, codecs: Sequence[str] | None = None) -> str:
        """Take one more address; cancelled, it is given back.

        Args:
            where: a URL of any installed carrier, or an acceptor that you made, which is closed when the server stops.
            codecs: names of those that clients may use here; None: those of the constructor.

        Returns:
            The address as bound: port 0 is resolved.

        Raises:
            LocalProtocolError: the server does not run.
            ConfigError: the URL, or an option of it, can't be meant; or other machines reach it, and it is not `open`.
            PluginError: its carrier, or a codec, can't be had.
            ListenFailed: the address is in use, or not of this machine.
            LimitError: it needs a thread, and the system starts no more of them.
        """
        self._check_loop()
        allowed = self._allowed(where, codecs)
        taken = await self._take(where) if isinstance(where, str) else Taken(where)
        where = self._accept_from(taken, allowed)
        log.info(f"listening on {where} in {', '.join(allowed)}")
        return where

    async def _take(self, where: str) -> Taken:
        taken = await in_thread(partial(self._take_address, where), _give_back, f"sig-listen {where}")
        if self._state != RUNNING:  # it was stopped meanwhile
            _give_back(taken)
            self._check_running(where)
        return taken

    async def reload(self) -> None:
        """Read the rules again, which happens by itself when their file changes; they count for all at one moment.

        Raises:
            ConfigError: there is no file of rules, or it can't be read or meant: those before go on.
            LocalProtocolError: the server does not run.
        """
        self._check_loop()
        self._check_running("reload")
        self._apply(await in_thread(self._read_rules, lambda rules: None, "sig-rules"))

    async def unlisten(self, address: str) -> None:
        """Give an address up; who came there is sent away, who came elsewhere stays.

        Args:
            address: one of `addresses`.

        Raises:
            LocalProtocolError: the server does not run.
            ConfigError: it does not listen there.
        """
        self._check_loop()
        self._check_listens(address)
        listening = self._clients.listening
        acceptor, factory = listening.remove(address)
        try:
            if isinstance(acceptor, AcceptorThread):
                await _elsewhere(partial(_close_and_join, acceptor))
            else:
                listening.close(acceptor)
        finally:
            self._clients.send_away(factory)

    async def stop(self) -> None:
        """Say goodbye to all clients, and end: no task, thread, socket or file is left. Again: does nothing.

        Callbacks that run are given 2 s, but for the one that calls this; then goodbyes have 2 s to leave. Cancelled,
        it ends at once. If the loop is closed already, it ends without goodbyes.

        Raises:
            LocalProtocolError: it was started on another loop, which is not closed.
        """
        if self._state == NEW:
            self._state = "stopped"
        if self._loop is not None and self._loop.is_closed():
            self._let_go()
            return
        self._check_loop()
        if self._state == RUNNING:
            self._state, self._ended = "stopped", asyncio.Event()
            try:
                await self._take_leave()
            finally:
                self._end()
                self._ended.set()
            await self._settle()
        elif self._ended is not None:
            await self._ended.wait()
            if not self._joined:  # the stop before was cancelled
                await _elsewhere(self._abort_and_join)

    async def _take_leave(self) -> None:
        """Let callbacks end, and say goodbye."""
        loop = asyncio.get_running_loop()
        until = loop.time() + STOP
        self._port.open_flow()
        if self._clients.has_threads:
            await _elsewhere(self._clients.stop_accepting)
        else:
            self._clients.stop_accepting()
        await self._handlers.settle(STOP)
        self._parting = True
        gone = asyncio.Event()
        if self._clients.say_goodbye(partial(self._clients.loop.post, gone.set)):
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP):
                    await gone.wait()
        while not self._port.is_idle() and loop.time() < until:
            await asyncio.sleep(0)  # each turn of the loop runs some of its jobs
        await self._coroutine_listeners.stop(max(0.0, until - loop.time()))
        if self._clients.has_threads:
            await _elsewhere(self._abort_and_join)
        if self._store is not None:
            await _elsewhere(self._close_store)
        self._joined = True

    def _abort_and_join(self) -> None:
        self._clients.abort_all()
        self._clients.join()
        self._joined = True

    def _end(self) -> None:
        """End at once: nothing is waited for. What is cut short says goodbye as far as that goes now."""
        if not self._parting:
            self._parting = True
            self._clients.stop_accepting()
            self._clients.say_goodbye()
        self._clients.abort_all()
        self._close_store(0.0)
        self._clients.loop.stop()
        self._port.close()
        self._handlers.cancel()
        self._coroutine_listeners.cancel()
        self._end_streams(None)
        self._end_audit()

    async def _settle(self) -> None:
        """Let those be told who asked something, and the hooks."""
        loop = asyncio.get_running_loop()
        until = loop.time() + STOP
        await asyncio.sleep(0)
        while not self._port.is_told() and loop.time() < until:
            await asyncio.sleep(0)

    def _let_go(self) -> None:
        """End without the loop: it is closed."""
        if self._state == RUNNING:
            self._state = "stopped"
            self._clients.abandon()
            self._end_streams(None)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    # -- listeners

    async def _listen(self, listener: Listener, sender: Name | None, event: Name | None) -> Subscription:
        return self.add_listener(listener, sender, event)

    def _relieved(self) -> None:
        self._port.settle_up()

    def _note_lost(self, sender: Name, event: Name, count: int) -> None:
        self.lost[sender, event] += count

    # -- senders

    async def remove_sender(self, sender: Any) -> bool:
        """Disconnect a sender of this program and fire its `#disconnect`.

        Args:
            sender: it, or its name.

        Returns:
            False if it is not connected.

        Raises:
            NotOwner: a client added it.
        """
        return self._remove_local(sender)

    def _publisher(self, sender: Name, event: Name, route: int) -> Publisher:
        publish: Any = super()._publisher(sender, event, route)

        def publisher(info: Info, data: Any, *how: Any) -> None:
            if self._loop is not None and self._loop.is_closed():
                text = f"event {event!r} of sender {sender!r}: nothing leaves any more"
                raise LocalProtocolError(f"{text}: the loop of this server is closed")
            publish(info, data, *how)

        return publisher

    def _hold_back(self, sender: Name, event: Name) -> None:
        if not self._clients.loop.is_current():
            self._port.flow.wait(self.limits.stall)
            return
        text = f"event {event!r} of sender {sender!r}: a client that listens is slow, and as much waits for it as may"
        raise Backpressure(f"{text}: `await signal.trigger_wait(...)` waits until there is room")

    def _make_reply_of_store(self) -> AsyncReply:
        return AsyncReply(asyncio.get_running_loop())

    def _wait_for_store(self, reply: AsyncReply, seconds: float, late: RequestTimeout) -> Any:
        return asyncio.get_running_loop().create_task(_in_time(reply, seconds, late))

    async def wait_for_room(self) -> None:
        """Return when a `trigger` would not raise `Backpressure`, or would raise something else."""
        self._check_loop()
        await self._port.wait_for_room()

    # -- requests

    async def request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask a sender, here or at a client, and return its answer; cancelled, nobody waits for it any more.

        Args:
            sender, method, params: whom, what, and with which value.
            timeout: seconds for a sender of a client; None: the limit `request_timeout`.

        Raises:
            UnknownSender, UnknownMethod: nobody answers that.
            RequestTimeout: no answer came in time; the request may have run.
            OutcomeUnknown: the client's link was lost meanwhile; the request may have run.
            RemoteError: the client's handler raised.
            Exception: whatever a handler of this program raised.
        """
        self._check_loop()
        name = check_name(sender, "sender")
        if name in self._senders:
            return await super().request(name, method, params)
        return await self._asker.ask(name, method, params, check_timeout(timeout, self.limits.request_timeout))

    def _answer(self, token: int, asked: RequestBatch, params: bytes) -> None:
        if self._parting:
            return
        size = len(params)
        self._port.begin_request(size)

        def handle() -> Any:
            self._port.end_request(size)
            return self._call_handler(asked, params)

        self._handlers.run(handle, partial(self._reply, token, asked.codec))


async def _in_time(reply: AsyncReply, seconds: float, late: RequestTimeout) -> Any:
    done, _ = await asyncio.wait([reply.future], timeout=max(0.0, seconds))
    if not done:
        raise late
    return reply.future.result()


def _give_back(taken: Taken) -> None:
    CloseOnce(taken.acceptor, taken.acceptor.address).close()


def _close_and_join(acceptor: AcceptorThread) -> None:
    acceptor.close()
    acceptor.join(STOP)


async def _elsewhere(call: Callable[[], None]) -> None:
    """Do what may block on a thread, if there can be one; cancelled, it is done all the same."""
    try:
        await in_thread(call, lambda nothing: None, "sig-stop")
    except LimitError as error:
        log.warning(f"{error}; the loop waits")
        call()
