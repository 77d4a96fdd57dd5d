"""ClientRouter on asyncio: the same sessions on the running loop (uvloop's too).

Where its link can be polled (tcp, unix) it has no thread of its own; any other link is served by two.

    async with aio.ClientRouter("tcp://127.0.0.1:3000") as client:
        await client.add_remote_listener(print, "temp")

Callbacks run on the loop and must not block it; a request handler may be a coroutine function.
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from sig_core.contract import PollableLink
from sig_core.errors import ConnectFailed, LinkClosed, LocalProtocolError, UnknownSender
from sig_core.events import Name, Pattern, check_name
from sig_core.io.adapters.as_stream import as_stream
from sig_core.io.adapters.pumped import pollable
from sig_core.io.client.asyncio_link import AioLink
from sig_core.io.client.link import STOP
from sig_core.io.sync.pending_reply import check_timeout
from sig_core.links.close_once import CloseOnce
from sig_core.log import log
from sig_core.plugins import Plugins, default_plugins
from sig_core.protocol.limits import Limits
from sig_core.router import BUILT_IN, Router, event_list, subscription_of
from sig_core.routing.entities import Listener, Sender, Subscription
from sig_core.routing.handlers import RequestHandler
from sig_core.routing.table import Table
from sig_core.routing.transcode import REQUEST_TO, decode, encode
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.fan_out import fan_out
from sig_core.session.binary.publisher import make_publisher
from sig_core.session.binary.reports import Closed, Events, Gap, Report, RequestsReceived
from sig_core.session.errors import error_of_handler

__all__ = ["ClientRouter"]


class ClientRouter(Router):
    """Joins this program to a server; see `sig_core.ClientRouter`, whose remote methods are coroutines here.

    They raise as their namesakes do. `trigger` never waits: what it appends leaves at the loop's next turn.
    """

    def __init__(
        self,
        url: str,
        codec: str | Sequence[str] = "json",
        *,
        limits: Limits | None = None,
        plugins: Plugins | None = None,
    ) -> None:
        super().__init__()
        self.url = url
        self.limits = limits or Limits()
        self._codec_names = [codec] if isinstance(codec, str) else list(codec)
        self._plugins = plugins or default_plugins()
        self._remote: Table[Subscription] = Table()
        self._asked: dict[Pattern, asyncio.Task[Any]] = {}
        self._remote_senders: dict[Name, Sender] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._link: AioLink | None = None

    async def start(self) -> ClientRouter:
        """Connect; returns when the server has taken this client in."""
        if self._link is not None:
            raise LocalProtocolError("a client starts once; make another one")
        codecs = self._plugins.choose_codecs(self._codec_names)
        raw = await self._connect()
        session = ClientSession(
            codecs, self.limits, client=secrets.token_hex(16), token=None, packets=False, now=time.monotonic()
        )
        self._link = AioLink(raw, session, self._take)
        try:
            await asyncio.wait_for(self._link.opened, self.limits.handshake)
        except TimeoutError as error:
            raise ConnectFailed(f"{self.url}: no answer to the hello within {self.limits.handshake:g} s") from error
        finally:
            if session.state is not State.OPEN:
                self._link.close()
        return self

    async def _connect(self) -> PollableLink:
        """Connect in a thread; if this is cancelled meanwhile, the link that comes about is closed."""
        made: list[CloseOnce] = []
        unwanted = threading.Event()

        def connect() -> PollableLink:
            link = pollable(as_stream(self._plugins.connect(self.url), dialing=True, patience=self.limits.handshake))
            made.append(CloseOnce(link, link.peer))
            if unwanted.is_set():
                made[0].close()
            return link

        try:
            return await asyncio.to_thread(connect)
        except asyncio.CancelledError:
            unwanted.set()
            for once in made:
                once.close()
            raise

    async def stop(self) -> None:
        """Answer what was asked, say goodbye, and end. Again: does nothing.

        Handlers that run are waited for up to 2 s, but for the one that calls this.
        """
        link, running = self._link, self._tasks - {asyncio.current_task()}
        try:
            if running and link is not None and not link.is_closed():
                await asyncio.wait(running, timeout=STOP)
        finally:
            if link is not None:
                link.close()

    async def __aenter__(self) -> ClientRouter:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def add_remote_sender(
        self, sender: Name, events: Iterable[Name] | Name | None = None, request_handler: RequestHandler = None
    ) -> Sender:
        """Connect a sender that everyone at the server sees."""
        link, name = self._open(), check_name(sender, "sender")
        made = self._make_sender(name, event_list(events), request_handler)
        with self._lock:
            self._claim(made)
            self._install(made)
        self._remote_senders[name] = made
        own = [event for event in made.events if event is not None and event not in BUILT_IN]
        try:
            joined = await link.answer(lambda when: link.session.add_sender(name, own, made.handler.names(), when))
        except BaseException:
            del self._remote_senders[name], self._senders[name]
            raise
        for event, route in joined.routes.items():
            self.topic(name, event).publisher = make_publisher(link.session, name, event, route, link, _uncounted)
        return made

    async def add_remote_listener(
        self, listener: Listener, sender: Name | None = None, event: Name | None = None
    ) -> Subscription:
        """Subscribe at the server; when it returns, every event that the server routes later is delivered."""
        link, subscription = self._open(), subscription_of(listener, sender, event, self._remove)
        pattern = subscription.pattern
        if self._remote.add(pattern, subscription):
            params = {"sender": pattern[0], "event": pattern[1]}
            asked = link.answer(lambda when: link.session.call("add_listener", params, when))
            self._asked[pattern] = asyncio.ensure_future(asked)
        try:
            await asyncio.shield(self._asked[pattern])
        except BaseException:
            subscription.remove()
            raise
        return subscription

    def _remove(self, subscription: Subscription) -> None:
        if self._remote.remove(subscription.pattern, subscription):
            self._asked.pop(subscription.pattern).add_done_callback(self._take_back)

    def _take_back(self, asked: asyncio.Future[Any]) -> None:
        link = self._link
        if link is None or link.is_closed() or asked.cancelled() or asked.exception():
            return
        link.session.call("remove_listener", asked.result(), lambda value, error: None)
        link.added()

    async def remote_request(self, sender: Name, method: str, params: Any = None, timeout: float | None = None) -> Any:
        """Ask any sender at the server and give its answer."""
        link = self._open()
        payload = encode(link.codec, params, REQUEST_TO, method, sender)
        deadline = time.monotonic() + check_timeout(timeout, self.limits.request_timeout)
        return await link.answer(lambda when: link.session.request(sender, method, payload, when, deadline))

    async def flush(self, timeout: float | None = None) -> None:
        """Return when the server has routed everything that was triggered before."""
        link = self._open()
        deadline = time.monotonic() + check_timeout(timeout, self.limits.request_timeout)
        await link.answer(lambda when: link.session.call("sync", {}, when, deadline))

    def _open(self) -> AioLink:
        if self._link is None:
            raise LocalProtocolError("this client is not started: await start() first, or use it in `async with`")
        self._link.session.check_open()
        return self._link

    def _take(self, report: Report) -> None:
        assert self._link is not None
        if isinstance(report, Events):
            topic = self._remote.topic(report.sender, report.event)
            fan_out(report, topic, self._link.codec, self.listener_failed, _bad_payload)
        elif isinstance(report, RequestsReceived):
            for request in report.requests:
                task = asyncio.ensure_future(self._run_handler(report, *request, self._link))
                self._tasks.add(task)  # the loop itself keeps only weak references
                task.add_done_callback(self._tasks.discard)
        elif isinstance(report, Gap):
            log.warning(f"{report.count} events {report.event!r} of {report.sender!r} were lost: {report.reason}")
        elif isinstance(report, Closed):
            say = log.info if isinstance(report.error, LinkClosed) else log.warning
            say(f"{self.url}: link closed: {report.error}")

    async def _run_handler(
        self, report: RequestsReceived, ident: int, method: str, params: bytes, link: AioLink
    ) -> None:
        try:
            sender = self._remote_senders.get(report.sender)
            if sender is None:
                raise UnknownSender(f"sender {report.sender!r} is not connected")
            value = sender.handler.call(method, decode(link.codec, params))
            if inspect.isawaitable(value):
                value = await value
        except Exception as error:
            link.session.fail_to(ident, report.route, error_of_handler(error))
        else:
            link.session.reply(ident, report.route, value)
        link.added()


def _uncounted() -> None:
    return None


def _bad_payload(error: Exception) -> None:
    log.error(f"an event did not reach this program: {error}")
