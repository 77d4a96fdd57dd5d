"""Open requests: who asked whom, and the way back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from sig_core.errors import CodecError, OutcomeUnknown, SigError
from sig_core.protocol.wire import request_tail
from sig_core.routing.holds import Holds
from sig_core.routing.ports import Port, Request
from sig_core.routing.traffic import latencies
from sig_core.routing.transcode import Transcoder

__all__ = ["Requests"]

TOKENS = 2**32
REMEMBERED = 1000  # latencies


@dataclass(slots=True, eq=False)
class _Open:
    asker: Port
    ident: Any  # the asker's own
    owner: Port
    route: int
    since: float  # seconds, by the clock


class Requests:
    """Requests on their way. Payloads are transcoded where the two sides' codecs differ.

    Args:
        holds: of the exchange: who answers faster than the asker takes it is held back.
        clock: gives seconds, for latencies and holds.
    """

    def __init__(self, transcoder: Transcoder, holds: Holds, clock: Callable[[], float]) -> None:
        self._transcoder = transcoder
        self._holds = holds
        self._clock = clock
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._answered = 0
        self._failed = 0
        self._open: dict[int, _Open] = {}
        self._tokens: dict[Port, dict[Any, int]] = {}  # of each asker: its ident -> token
        self._last = 0

    def __len__(self) -> int:
        return len(self._open)

    def open(self, asker: Port, ident: Any, owner: Port, request: Request) -> None:
        """Pass a request on, or fail it at once."""
        token = self._token()
        self._open[token] = _Open(asker, ident, owner, request.route, self._clock())
        self._tokens.setdefault(asker, {})[ident] = token
        error = self._pass_on(token, owner, request)
        if error is not None:
            self._fail(token, error)

    def describe(self) -> dict[str, Any]:
        """Give the counts as `stats` tells them; p50 and p99 are of the last 1,000 answers, in seconds."""
        counts = {"open": len(self._open), "answered": self._answered, "failed": self._failed}
        return counts | latencies(list(self._latencies))

    def _pass_on(self, token: int, owner: Port, request: Request) -> SigError | None:
        if not owner.takes(request.codec):
            try:
                params = self._transcoder.payload(request.params, request.codec, owner.codec)
            except CodecError as error:
                return error
            tail = request_tail(request.method.encode(), params)
            request = replace(request, codec=owner.codec, params=params, tail=tail)
        return owner.request(token, request)

    def complete(self, owner: Port, token: int, codec: str, value: bytes) -> bool:
        """Take the value that answers a request; false if `owner` has no such request open."""
        opened = self._close(owner, token)
        if opened is None:
            return False
        asker, now = opened.asker, self._clock()
        self._answered += 1
        self._latencies.append(now - opened.since)
        if not asker.takes(codec):
            try:
                value, codec = self._transcoder.payload(value, codec, asker.codec), asker.codec
            except CodecError as error:
                asker.fail_to(opened.ident, opened.route, error)
                return True
        asker.reply(opened.ident, opened.route, codec, value)
        if asker.is_slow(now):
            self._holds.add(asker, owner)
        return True

    def fail(self, owner: Port, token: int, error: SigError) -> bool:
        """Take the failure of a request; false if `owner` has no such request open."""
        opened = self._close(owner, token)
        if opened is None:
            return False
        self._failed += 1
        opened.asker.fail_to(opened.ident, opened.route, error)
        return True

    def cancel(self, asker: Port, ident: Any) -> bool:
        """Forget a request whose answer is no longer wanted; false if it is not open."""
        token = self._tokens.get(asker, {}).get(ident)
        if token is None:
            return False
        self._forget(token, self._open[token])
        return True

    def of(self, asker: Port) -> Collection[Any]:
        """Give the ids under which the asker waits."""
        return self._tokens.get(asker, ())

    def is_open(self, owner: Port, token: int) -> bool:
        """Tell whether somebody still waits for what `owner` was asked."""
        opened = self._open.get(token)
        return opened is not None and opened.owner is owner

    def forget(self, port: Port) -> None:
        """Forget what a port that is gone asked."""
        for token in list(self._tokens.pop(port, {}).values()):
            del self._open[token]

    def abandon(self, port: Port) -> None:
        """Fail what a port that is gone was asked."""
        lost = [token for token, opened in self._open.items() if opened.owner is port]
        for token in lost:
            self._fail(token, OutcomeUnknown(f"the link of {port.peer} was lost while the request was open"))

    def _fail(self, token: int, error: SigError) -> None:
        opened = self._open.get(token)
        if opened is not None:
            self._forget(token, opened)
            self._failed += 1
            opened.asker.fail_to(opened.ident, opened.route, error)

    def _close(self, owner: Port, token: int) -> _Open | None:
        opened = self._open.get(token)
        if opened is None or opened.owner is not owner:
            return None
        self._forget(token, opened)
        return opened

    def _forget(self, token: int, opened: _Open) -> None:
        del self._open[token]
        tokens = self._tokens.get(opened.asker)
        if tokens is not None:
            tokens.pop(opened.ident, None)
            if not tokens:
                del self._tokens[opened.asker]

    def _token(self) -> int:
        token = (self._last + 1) % TOKENS
        while token in self._open:
            token = (token + 1) % TOKENS
        self._last = token
        return token
