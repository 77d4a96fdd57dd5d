"""Open requests: who asked whom, and the way back."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from sig_core.errors import CodecError, OutcomeUnknown, SigError
from sig_core.protocol.wire import request_tail
from sig_core.routing.holds import Holds
from sig_core.routing.ports import Port, Request
from sig_core.routing.traffic import latencies
from sig_core.routing.transcode import Transcoder

__all__ = ["Requests"]

TOKENS = 2**32
REMEMBERED = 1000  # latencies
NOTHING: Mapping[Any, int] = {}


_Open: TypeAlias = tuple[Port, Any, Port, int, float]  # asker, its own id, owner, route, since (seconds, by the clock)


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
        self._tokens: defaultdict[Port, dict[Any, int]] = defaultdict(dict)  # of each asker: its ident -> token
        self._last = 0

    def __len__(self) -> int:
        return len(self._open)

    def open(self, asker: Port, ident: Any, owner: Port, request: Request) -> None:
        """Pass a request on, or fail it at once."""
        token = (self._last + 1) % TOKENS
        while token in self._open:
            token = (token + 1) % TOKENS
        self._last = token
        self._open[token] = asker, ident, owner, request.route, self._clock()
        self._tokens[asker][ident] = token
        same = request.codec == owner.codec or owner.takes(request.codec)
        error = owner.request(token, request) if same else self._transcode(token, owner, request)
        if error is not None:
            self.fail(owner, token, error)

    def describe(self) -> dict[str, Any]:
        """Give the counts as `stats` tells them; p50 and p99 are of the last 1,000 answers, in seconds."""
        counts = {"open": len(self._open), "answered": self._answered, "failed": self._failed}
        return counts | latencies(list(self._latencies))

    def _transcode(self, token: int, owner: Port, request: Request) -> SigError | None:
        try:
            params = self._transcoder.payload(request.params, request.codec, owner.codec)
        except CodecError as error:
            return error
        tail = request_tail(request.method, params)
        return owner.request(token, replace(request, codec=owner.codec, tail=tail))

    def complete(self, owner: Port, token: int, codec: str, value: bytes) -> bool:
        """Take the value that answers a request; false if `owner` has no such request open."""
        opened = self._close(owner, token)
        if opened is None:
            return False
        asker, ident, _, route, since = opened
        now = self._clock()
        self._answered += 1
        self._latencies.append(now - since)
        if codec != asker.codec and not asker.takes(codec):
            try:
                value, codec = self._transcoder.payload(value, codec, asker.codec), asker.codec
            except CodecError as error:
                asker.fail_to(ident, route, error)
                return True
        asker.reply(ident, route, codec, value)
        if asker.is_slow(now):
            self._holds.add(asker, owner)
        return True

    def fail(self, owner: Port, token: int, error: SigError) -> bool:
        """Take the failure of a request; false if `owner` has no such request open."""
        opened = self._close(owner, token)
        if opened is None:
            return False
        self._tell_failure(opened, error)
        return True

    def _tell_failure(self, opened: _Open, error: SigError) -> None:
        asker, ident, _, route, _ = opened
        self._failed += 1
        asker.fail_to(ident, route, error)

    def cancel(self, asker: Port, ident: Any) -> bool:
        """Forget a request whose answer is no longer wanted; false if it is not open."""
        token = self.of(asker).get(ident)
        if token is None:
            return False
        self._close(self._open[token][2], token)
        return True

    def of(self, asker: Port) -> Mapping[Any, int]:
        """Give the ids under which the asker waits, each with its token."""
        return self._tokens.get(asker, NOTHING)

    def is_open(self, owner: Port, token: int) -> bool:
        """Tell whether somebody still waits for what `owner` was asked."""
        opened = self._open.get(token)
        return opened is not None and opened[2] is owner

    def forget(self, port: Port) -> None:
        """Forget what a port that is gone asked."""
        for token in self._tokens.pop(port, NOTHING).values():
            del self._open[token]

    def abandon(self, port: Port) -> None:
        """Fail what a port that is gone was asked."""
        lost = [token for token, (_, _, owner, _, _) in self._open.items() if owner is port]
        for token in lost:
            self.fail(port, token, OutcomeUnknown(f"the link of {port.peer} was lost while the request was open"))

    def _close(self, owner: Port, token: int) -> _Open | None:
        opened = self._open.get(token)
        if opened is None or opened[2] is not owner:
            return None
        del self._open[token]
        self._tokens[opened[0]].pop(opened[1], None)
        return opened
