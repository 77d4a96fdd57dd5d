"""Requests of a server's own program to senders of its clients: how they are made and given up, on any face."""

from __future__ import annotations

from typing import Any

from sig_core.errors import RequestTimeout
from sig_core.events import Name
from sig_core.io.server.local_port import LocalPort
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.plugins import Plugins
from sig_core.protocol.wire import request_tail
from sig_core.routing.exchange import Exchange
from sig_core.routing.request_names import check_method
from sig_core.routing.transcode import REQUEST_TO, encode
from sig_core.session.binary.reports import ReplyCallback

__all__ = ["ServerRequests"]


class ServerRequests:
    """Makes requests through the exchange. How their answers are waited for is for the subclass.

    Args:
        exchange, port: of the server; calls of them are made under `lock`.
        plugins: that know the codecs.
    """

    def __init__(self, exchange: Exchange, port: LocalPort, lock: OwnedLock, plugins: Plugins) -> None:
        self._exchange = exchange
        self._port = port
        self._lock = lock
        self._plugins = plugins

    def _send(self, sender: Name, method: str, params: Any, when: ReplyCallback) -> None:
        check_method(method)
        with self._lock:
            codec = self._exchange.sender(sender, self._port).owner.codec
        payload = encode(self._plugins.codecs.get(codec), params, REQUEST_TO, method, sender)
        tail = request_tail(method, payload)
        with self._lock:
            entry = self._exchange.sender(sender, self._port)
            try:
                self._exchange.request(self._port, entry.route, codec, method, {when: tail})
            except BaseException:  # an interrupt: nobody waits for this answer
                self._exchange.mend_owner(sender)
                self._exchange.requests.cancel(self._port, when)
                raise

    def _cancel(self, when: ReplyCallback) -> bool:
        with self._lock:
            return self._exchange.requests.cancel(self._port, when)

    def _late(self, sender: Name, method: str, seconds: float) -> RequestTimeout:
        return RequestTimeout(f"request {method!r} to sender {sender!r}: no answer within {seconds:g} s")
