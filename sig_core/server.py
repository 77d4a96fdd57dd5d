"""ServerRouter: a Router whose senders and listeners are joined by those of remote clients, over any carrier."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Self

from sig_core.access.rules import Rules
from sig_core.contract import Acceptor
from sig_core.errors import RequestTimeout
from sig_core.events import Name, check_name
from sig_core.io.server.connections import STOP
from sig_core.io.server.io_thread import IoThread
from sig_core.io.server.rules_file import RulesSource
from sig_core.io.server.threaded_port import ThreadedPort
from sig_core.io.server.threaded_requests import ThreadedRequests
from sig_core.io.store.store_source import StoreSource
from sig_core.io.sync.at_exit import let_out_at_exit
from sig_core.io.sync.latch import Latch
from sig_core.io.sync.owned_lock import check_outside
from sig_core.io.sync.pending_reply import PendingReply, check_timeout
from sig_core.log import log
from sig_core.plugins import Plugins
from sig_core.protocol.limits import Limits
from sig_core.router import Router
from sig_core.routing.entities import Event, Sender, Signal
from sig_core.routing.ports import RequestBatch
from sig_core.server_base import RUNNING, ServerBase, Taken

__all__ = ["ServerRouter"]

HALF_STOPPED = "stopping"  # a stop was interrupted: another one does the rest


class ServerRouter(ServerBase, Router):
    """Routes between the senders and listeners of this program and those of its clients.

    Everything of `Router` works, for all of them alike. Events of this program's own senders run its own listeners in
    the thread that triggers; remote events and requests run on a dispatch thread.

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
        class_sender, class_signal, class_event: see `Router`.

    Use it in `with`, or call `start` and `stop`.
    """

    def __init__(
        self,
        *urls: str,
        codecs: Sequence[str] | None = None,
        limits: Limits | None = None,
        plugins: Plugins | None = None,
        open: bool = False,
        rules: RulesSource | None = None,
        store: StoreSource | None = None,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        super().__init__(class_sender, class_signal, class_event)
        self._set_up(urls, codecs, limits, plugins, open, rules, store, IoThread)
        self._port: ThreadedPort = self._join_program(ThreadedPort)
        self._asker = ThreadedRequests(self._exchange, self._port, self._lock, self._plugins)

    # -- life

    def start(self) -> Self:
        """Listen on the URLs of the constructor; returns when clients can connect.

        Raises:
            LocalProtocolError: it was started before.
            ConfigError, PluginError, ListenFailed, LimitError: see `listen`; then it is stopped again.
        """
        check_outside("start")
        self._begin()
        try:
            self._clients.loop.start()
            self._open_store()
            let_out_at_exit(self._clients)
            for url in self._urls:
                self.listen(url)
            self._check_places()
        except BaseException:
            self.stop()
            raise
        return self

    def listen(self, where: str | Acceptor, codecs: Sequence[str] | None = None) -> str:
        """Take one more address and return it as bound (port 0 is resolved).

        Args:
            where: a URL of any installed carrier, or an acceptor that you made, which is closed when the server stops.
            codecs: names of those that clients may use here; None: those of the constructor.

        Raises:
            LocalProtocolError: the server does not run.
            ConfigError: the URL, or an option of it, can't be meant; or other machines reach it, and it is not `open`.
            PluginError: its carrier, or a codec, can't be had.
            ListenFailed: the address is in use, or not of this machine.
            LimitError: it needs a thread, and the system starts no more of them.
        """
        check_outside("listen")
        allowed = self._allowed(where, codecs)
        taken = self._take_address(where) if isinstance(where, str) else Taken(where)
        where = self._accept_from(taken, allowed)
        log.info(f"listening on {where} in {', '.join(allowed)}")
        return where

    def reload(self) -> None:
        """Read the rules again, which happens by itself when their file changes; they count for all at one moment.

        Raises:
            ConfigError: there is no file of rules, or it can't be read or meant: those before go on.
            LocalProtocolError: the server does not run.
        """
        check_outside("reload")
        self._check_running("reload")
        rules, done = self._read_rules(), Latch()
        self._clients.loop.post(partial(self._apply_and_tell, rules, done))  # no signal comes there: all of it, or none
        while not done.wait(STOP) and self._state == RUNNING:
            pass

    def _apply_and_tell(self, rules: Rules, done: Latch) -> None:
        try:
            self._apply(rules)
        finally:
            done.set()

    def unlisten(self, address: str) -> None:
        """Return an address up, one of `addresses`; who came there is sent away, who came elsewhere stays.

        Raises:
            LocalProtocolError: the server does not run.
            ConfigError: it does not listen there.
        """
        check_outside("unlisten")
        self._check_listens(address)
        self._clients.refuse_at(address)

    def stop(self) -> None:
        """Say goodbye to all clients, and end: no thread, socket or file is left. Again: does nothing.

        Callbacks that run are given 2 s; called inside one, the stop does not wait for that one.
        """
        if self._defer(self.stop):
            return
        if self._state not in (RUNNING, HALF_STOPPED):
            return
        try:
            with self._lock:
                before, self._state = self._state, "stopped"
            if before != "stopped":  # by another thread, just now
                self._end()
        except BaseException:  # an interrupt
            self._state = HALF_STOPPED
            raise

    def _end(self) -> None:
        self._listener_threads.stop_soon()  # first: nobody is held back any more
        self._clients.close()
        self._close_store()
        self._port.flow.set()
        until = time.monotonic() + STOP  # for all of them together
        for dispatcher in (self._port.dispatcher, self._port.answers):
            dispatcher.stop(until - time.monotonic())
        self._listener_threads.stop(max(0.0, until - time.monotonic()))
        self._end_audit()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _tick(self, now: float) -> float:
        self._asker.expire(now)
        return super()._tick(now)

    def _may_be_held(self) -> bool:
        return self._port.dispatcher.is_dispatching()

    def _hold_back(self, sender: Name, event: Name) -> None:
        if not self._clients.loop.is_current():
            self._port.flow.wait(self.limits.stall)

    def _make_reply_of_store(self) -> PendingReply:
        return PendingReply()

    def _wait_for_store(self, reply: PendingReply, seconds: float, late: RequestTimeout) -> Any:
        if not reply.wait(seconds):
            raise late
        return reply.result()

    # -- requests

    def request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask a sender, here or at a client, and return its answer.

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
        check_outside("request")
        return self._asker.ask(name, method, params, check_timeout(timeout, self.limits.request_timeout))

    def request_async(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Future[Any]:
        """Ask a sender and return a future of the answer. Of this program's own senders the handler runs now."""
        name = check_name(sender, "sender")
        if name in self._senders:
            return super().request_async(name, method, params)
        check_outside("request_async")
        return self._asker.ask_async(name, method, params, check_timeout(timeout, self.limits.request_timeout))

    def _answer(self, token: int, asked: RequestBatch, params: bytes) -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = self._call_handler(asked, params)
        except BaseException as raised:
            error = raised
        self._reply(token, asked.codec, value, error)
