"""CarrierTCPClient: a client that comes over TCP."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sig_core
from sig_core.compat import carrier
from sig_core.compat.carrier.base import Carrier
from sig_core.compat.carrier.tcpserver import tcp_url
from sig_core.compat.native import NativeRemote
from sig_core.compat.remote import Remote
from sig_core.description import described
from sig_core.errors import ConfigError, LimitError, LinkClosed, SigError
from sig_core.links.threads import start_thread
from sig_core.log import log

if TYPE_CHECKING:
    from sig_core.compat.client import ClientRouter

# The seed's programs import all of this module, and then say `carrier.CarrierTCPClient()`.
__all__ = ["CarrierTCPClient", "carrier"]

STOP = 2.0  # seconds that the end of a thread is waited for


class CarrierTCPClient(Carrier):
    """Connects to a server on TCP, again and again if it has to.

    What was registered is not there again when the link is: `on_connected` is the place to do that.

    Attributes:
        auto_reconnect: when a link did not come about, or is lost, another is tried until it does.
        reconnect_delay: seconds between two tries.
        on_connected: called without arguments when there is a link: in the thread of `connect`, or else in the one
            that connected again. It may add senders and listeners, and ask.
        on_disconnected: called without arguments when the link is gone, also by `disconnect`; everything remote has
            been forgotten then. It may run beside `on_connected`.
        server_address: host and port of the last `connect`.
    """

    auto_reconnect = True
    reconnect_delay = 5.0
    on_connected: Callable[[], object] | None = None
    on_disconnected: Callable[[], object] | None = None
    server_address: tuple[str, int] | None = None

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._client: sig_core.ClientRouter | None = None
        self._over = threading.Event()  # set when the last `connect` does not count any more
        self._returning: threading.Thread | None = None

    def join_client(self, router: ClientRouter) -> Remote:
        """See `Carrier`."""
        self.take_router()
        self.callback_client_disconnected = lambda clientid: router.forget_remote()
        return NativeRemote(self._connected_client)

    def _connected_client(self) -> sig_core.ClientRouter:
        client = self._client
        if client is None:
            where = "call connect() first" if self.server_address is None else tcp_url(*self.server_address)
            raise LinkClosed(f"not connected to a server: {where}")
        return client

    # -- from any thread

    def connect(self, host: str, port: int) -> bool:
        """Connect to a server; true when it has taken this client in.

        False: it could not be reached, which is logged, and is tried again while `auto_reconnect` says so; or there is
        a link already.

        Raises:
            ConfigError: host or port can't be meant.
        """
        if self.isConnected():
            return False
        self._stop_returning()
        self.server_address = (host, port)
        over = self._over = threading.Event()
        if self._dial(over):
            return True
        self._return_later(over)
        return False

    def disconnect(self) -> bool:
        """End the link, and connect no more by itself until the next `connect`; always true."""
        self._stop_returning()
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.stop()
            self.handle_client_disconnected(None)
        return True

    def isConnected(self) -> bool:  # noqa: N802 - the seed's name
        """Return whether there is a link."""
        client = self._client
        return client is not None and client.is_connected

    def handle_client_connected(self, clientid: Any) -> None:
        """Tell the user."""
        super().handle_client_connected(clientid)
        _tell(self.on_connected)

    def handle_client_disconnected(self, clientid: Any) -> None:
        """Let the router forget, and tell the user."""
        super().handle_client_disconnected(clientid)
        _tell(self.on_disconnected)

    # -- links

    def _dial(self, over: threading.Event) -> bool:
        """Connect, once."""
        assert self.server_address is not None
        client = sig_core.ClientRouter(tcp_url(*self.server_address), "json", reconnect=None)
        client.on("disconnected", lambda state, error: self._lost(client, over))
        try:
            client.start()
        except ConfigError:
            raise
        except SigError as error:
            log.warning(f"no link to {client.url}: {error}")
            return False
        with self._lock:
            came = client.is_connected and not over.is_set()
            if came:
                self._client = client
        if not came:
            client.stop()
            return False
        self.handle_client_connected(None)
        return True

    def _lost(self, client: sig_core.ClientRouter, over: threading.Event) -> None:
        """Let go of a link that broke."""
        with self._lock:
            if self._client is not client:
                return
            self._client = None
        client.stop()
        self.handle_client_disconnected(None)
        self._return_later(over)

    def _return_later(self, over: threading.Event) -> None:
        with self._lock:
            where = self.server_address
            if not self.auto_reconnect or where is None or over.is_set():
                return
            name = f"sig-return {tcp_url(*where)}"
            returning = threading.Thread(target=self._return, args=(over,), name=name, daemon=True)
            try:
                start_thread(returning)
            except LimitError as error:
                problem, self._returning = error, threading.current_thread()
            else:
                self._returning = returning
                return
        log.warning(f"{problem}; {threading.current_thread().name!r} connects instead")
        self._return(over)

    def _return(self, over: threading.Event) -> None:
        while not over.wait(self.reconnect_delay) and self.auto_reconnect and not self._dial(over):
            pass

    def _stop_returning(self) -> None:
        self._over.set()
        thread = self._returning
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP)


def _tell(callback: Callable[[], object] | None) -> None:
    if callback is None:
        return
    try:
        callback()
    except (Exception, SystemExit):
        log.error(f"the callback {described(callback)} raised\n{traceback.format_exc()}")
