"""A client of a carrier of 0.7, as a link of the contract; the plain dialect is spoken on it (docs/plain.md)."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sig_core.compat.replies import Reply, failure_of, value_of
from sig_core.contract import Codec, LinkTraits
from sig_core.errors import EncodeError, LinkClosed, MessageTooBig, RequestTimeout
from sig_core.links.threads import start_thread
from sig_core.protocol.limits import Limits

__all__ = ["CarriedLink"]

FIRST = b'{"method": "plain", "params": {"lines": true, "answers": true}}\n'  # one call at a time, each answered
GRACE = 1.0  # seconds that an answer is waited for beyond the time within which the server gives up a request


class CarriedLink:
    """Takes the messages of one client to the server, and the server's to the client.

    Args:
        peer: printable.
        json: in which the server is spoken to.
        limits: `max_frame` and `request_timeout` are kept.
        transmit: brings a message to the client and gives its reply, whatever happens; called on a thread of the link.

    Attributes:
        closed: set when the server has let go of it.
    """

    traits = LinkTraits(packets=True, reliable=True)

    def __init__(self, peer: str, json: Codec, limits: Limits, transmit: Callable[[dict[str, Any]], Reply]) -> None:
        self.peer = peer
        self.closed = threading.Event()
        self._json = json
        self._limits = limits
        self._transmit = transmit
        self._changed = threading.Condition()
        self._inbox: deque[bytes] = deque([FIRST])
        self._asked: dict[int, Future[Reply]] = {}
        self._numbers = itertools.count(1)
        self._calls: deque[dict[str, Any]] = deque()  # of the server
        self._sender: threading.Thread | None = None
        self._ended = False

    # -- what the carrier brings

    def ask(self, method: str, params: Any) -> Any:
        """Do a call of the client and return its response.

        Raises:
            EncodeError, MessageTooBig: it can't be brought to the server.
            LinkClosed: the link has ended.
            RequestTimeout: the server did not answer in time.
            SigError: what it answered.
        """
        number, answer = next(self._numbers), Future[Reply]()
        data = self._encode({"id": number, "method": method, "params": params})
        with self._changed:
            if self._ended:
                raise LinkClosed(f"{self.peer}: {method}: not connected to the server any more")
            self._asked[number] = answer
            self._inbox.append(data)
            self._changed.notify_all()
        patience = self._limits.request_timeout + GRACE
        try:
            reply = answer.result(patience)
        except TimeoutError as error:
            raise RequestTimeout(f"{self.peer}: {method}: no answer within {patience:g} s") from error
        finally:
            self._asked.pop(number, None)
        return value_of(reply, method)

    def end(self) -> None:
        """Note that the client has gone: its senders and listeners leave."""
        with self._changed:
            self._ended = True
            asked, self._asked = self._asked, {}
            self._calls.clear()
            self._changed.notify_all()
        for answer in asked.values():
            answer.set_exception(LinkClosed(f"{self.peer}: disconnected meanwhile; it may have been done"))

    def _encode(self, message: dict[str, Any]) -> bytes:
        data = self._json.encode(message) + b"\n"
        limit = self._limits.max_frame
        if len(data) > limit:
            raise MessageTooBig(f"{self.peer}: a message of {len(data)} bytes, {limit} are taken", len(data), limit)
        return data

    # -- the link

    def send(self, data: bytes, /) -> None:
        """Take messages of the server: an answer ends an `ask`, a call waits for the client."""
        for text in data.splitlines():
            message = self._json.decode(text)
            if message.get("status") is None:
                self._queue(message)
            else:
                self._answered(message)

    def _answered(self, message: Reply) -> None:
        with self._changed:
            answer = self._asked.pop(message["id"], None)
        if answer is not None:  # nobody waits for that of `FIRST`, nor for what was given up
            answer.set_result(message)

    def _queue(self, message: dict[str, Any]) -> None:
        with self._changed:
            if self._ended:
                return
            self._calls.append(message)
            self._changed.notify_all()
            if self._sender is None:
                sender = threading.Thread(target=self._send_calls, name=f"sig-sender {self.peer}", daemon=True)
                start_thread(sender)
                self._sender = sender

    def receive(self, timeout: float, /) -> bytes | None:
        """Return a message of the client. ConnectionResetError: it has gone."""
        with self._changed:
            self._changed.wait_for(lambda: self._inbox or self._ended, timeout)
            if self._ended:
                raise ConnectionResetError("the carrier says that the client is disconnected")
            return self._inbox.popleft() if self._inbox else None

    def close(self) -> None:
        """End it, from the server's side."""
        self.end()
        self.closed.set()

    # -- on the sender's thread

    def _send_calls(self) -> None:
        while (message := self._next_call()) is not None:
            ident = message.pop("id")
            reply = self._reply_of(ident, message)
            with self._changed:
                self._inbox.append(reply)
                self._changed.notify_all()

    def _next_call(self) -> dict[str, Any] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._calls or self._ended)
            return None if self._ended else self._calls.popleft()

    def _reply_of(self, ident: int, message: dict[str, Any]) -> bytes:
        reply = self._transmit(message)
        try:
            return self._encode({**reply, "id": ident})
        except (EncodeError, MessageTooBig) as error:
            return self._encode(failure_of(ident, error))
