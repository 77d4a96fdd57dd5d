"""Open requests: who asked whom, and the way back."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from sig_core.errors import Busy, CodecError, OutcomeUnknown, SigError, UnknownSender
from sig_core.protocol.wire import params_of, request_tail
from sig_core.routing.flow_control import FlowControl
from sig_core.routing.ports import Port, RequestBatch
from sig_core.routing.request_turns import RequestTurns
from sig_core.routing.traffic import latencies
from sig_core.routing.transcode import Transcoder

__all__ = ["Requests"]

LAST_TOKEN = 2**32 - 1
REMEMBERED = 1000  # latencies
EACH = 450  # bytes that an open request counts, without its params; see `session/calls.py`
NOTHING: Mapping[Any, int] = {}


_Open: TypeAlias = tuple[Port, Any, Port, int, float]  # asker, its own id, owner, route, since (seconds, by the clock)


def _nobody(*anything: object) -> None:
    return None


class Requests:
    """Requests on their way. Payloads are transcoded where the two sides' codecs differ.

    Args:
        transcoder: of the exchange.
        flow_control: of the exchange: who answers faster than the asker takes it is paused.
        clock: returns monotonic seconds, for latencies and stalls.
        most_waiting: bytes of requests of one asker that may wait for one owner.

    Attributes:
        on_wait: called with an asker and the bytes of requests of it that wait from now on.
        passed: a request or a value has passed; who looks sets it back.
    """

    def __init__(
        self, transcoder: Transcoder, flow_control: FlowControl, clock: Callable[[], float], most_waiting: int
    ) -> None:
        self._transcoder = transcoder
        self._flow_control = flow_control
        self._clock = clock
        self._most_waiting = most_waiting
        self.on_wait: Callable[[Port, int], None] = _nobody
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)
        self._answered = 0
        self._failed = 0
        self._open: dict[int, _Open] = {}
        self._tokens: defaultdict[Port, dict[Any, int]] = defaultdict(dict)  # of each asker: its ident -> token
        self._last = 0
        self._turns: dict[Port, RequestTurns] = {}  # of the owners that work on few at one time
        self._asked: set[Port] = set()  # who was ever asked
        self.passed = False

    def __len__(self) -> int:
        return len(self._open)

    def limit(self, owner: Port, most: int) -> None:
        """Let an owner have so many requests at one time; further ones wait here: see `RequestTurns`."""
        self._turns[owner] = RequestTurns(most)

    def open(self, asker: Port, owner: Port, batch: RequestBatch) -> None:
        """Pass requests on, or fail them at once.

        Args:
            asker: who made them.
            owner: of the sender that they are for.
            batch: the requests, under the asker's ids; from now on under the tokens by which their owner answers.
        """
        self.passed = True
        now, route = self._clock(), batch.route
        opened, mine, token = self._open, self._tokens[asker], self._last
        tails: dict[int, bytes] = {}
        for ident, tail in batch.tails.items():
            token = (token + 1) & LAST_TOKEN
            while token in opened:
                token = (token + 1) & LAST_TOKEN
            opened[token] = asker, ident, owner, route, now
            mine[ident] = token
            tails[token] = tail
        self._last = token
        batch.tails = tails
        if batch.codec != owner.codec and not owner.accepts_codec(batch.codec):
            self._transcode(owner, batch)
        self._asked.add(owner)
        turns = self._turns.get(owner)
        if turns is not None and not turns.begin(len(batch.tails)):
            self._let_wait(asker, owner, batch, turns)
            return
        for token, error in owner.request(batch) if batch.tails else ():
            self._refused(owner, token, error, turns)

    def _let_wait(self, asker: Port, owner: Port, batch: RequestBatch, turns: RequestTurns) -> None:
        if turns.size_of(asker) > self._most_waiting:
            text = f"sender {batch.sender!r}: {turns.size_of(asker)} bytes of requests wait for it already"
            for token in list(batch.tails):
                self._fail(owner, token, Busy(text))
        else:
            size = sum(map(len, batch.tails.values()))
            turns.put(asker, batch, _user_of(asker))
            self._next_turns(owner, turns)
            self.on_wait(asker, size)  # last: it may end the link of the asker

    def _next_turns(self, owner: Port, turns: RequestTurns) -> None:
        while (batch := turns.take()) is not None:
            for token, error in owner.request(batch):
                self._refused(owner, token, error, turns)

    def _refused(self, owner: Port, token: int, error: SigError, turns: RequestTurns | None) -> None:
        self._fail(owner, token, error)
        if turns is not None:
            turns.end(1, self._clock())

    def _note_done(self, owner: Port, count: int) -> None:
        """Note that an owner has done so many requests, whether somebody still waits for them or not."""
        turns = self._turns.get(owner)
        if turns is not None and turns.end(count, self._clock()):
            self._next_turns(owner, turns)

    def waiting(self) -> Counter[Port]:
        """Return the bytes of requests that wait for their turn, by who made them."""
        found: Counter[Port] = Counter()
        for turns in self._turns.values():
            found.update(turns.sizes)
        return found

    def footprint(self, asker: Port) -> int:
        """Return the bytes that the open requests of a port take, without what waits."""
        return EACH * len(self.tokens_of(asker))

    def describe(self) -> dict[str, Any]:
        """Return the counts for `stats`; p50 and p99 are of the last 1,000 answers, in seconds."""
        counts = {"open": len(self._open), "answered": self._answered, "failed": self._failed}
        return counts | latencies(list(self._latencies))

    def _transcode(self, owner: Port, batch: RequestBatch) -> None:
        """Put the params into the owner's codec; requests that it can't carry are failed and removed."""
        source, batch.codec = batch.codec, owner.codec
        for token, tail in batch.tails.copy().items():
            try:
                params = self._transcoder.payload(params_of(tail), source, owner.codec)
                batch.tails[token] = request_tail(batch.method, params)
            except CodecError as error:
                del batch.tails[token]
                self._fail(owner, token, error)

    def complete(self, owner: Port, codec: str, values: Iterable[tuple[int, bytes]], count: int = 1) -> int:
        """Pass answers on to those who asked.

        Args:
            owner: who answers.
            codec: name of the codec of the values.
            values: the token of each request, and the encoded value.
            count: how many they are.

        Returns:
            How many of them answer no request that `owner` was asked.
        """
        self.passed = True
        now, opened, unknown = self._clock(), self._open, 0
        whom: Port | None = None  # asked for the values that are gathered
        of = 0  # route of what they ask
        gathered: list[tuple[Any, bytes]] = []
        for token, value in values:
            found = opened.get(token)
            if found is None or found[2] is not owner:
                unknown += 1
                continue
            asker, ident, _, route, since = found
            del opened[token]
            self._tokens[asker].pop(ident, None)
            self._latencies.append(now - since)
            if asker is not whom or route != of:
                if whom is not None:
                    self._answer(whom, of, owner, codec, gathered, now)
                whom, of, gathered = asker, route, []
            gathered.append((ident, value))
        if whom is not None:
            self._answer(whom, of, owner, codec, gathered, now)
        turns = self._turns.get(owner)
        if turns is not None and turns.end(count, now):
            self._next_turns(owner, turns)
        return unknown

    def _answer(
        self, asker: Port, route: int, owner: Port, codec: str, values: list[tuple[Any, bytes]], now: float
    ) -> None:
        self._answered += len(values)
        if codec != asker.codec and not asker.accepts_codec(codec):
            values, codec = self._transcoded(asker, route, codec, values), asker.codec
        if values:
            asker.reply(route, codec, values)
        if asker.is_slow(now):
            self._flow_control.pause_feeder(asker, owner)

    def _transcoded(
        self, asker: Port, route: int, codec: str, values: list[tuple[Any, bytes]]
    ) -> list[tuple[Any, bytes]]:
        """Return values in the asker's codec; those that it can't carry fail their requests."""
        found = []
        for ident, value in values:
            try:
                found.append((ident, self._transcoder.payload(value, codec, asker.codec)))
            except CodecError as error:
                asker.fail_to(ident, route, error)
        return found

    def fail(self, owner: Port, token: int, error: SigError) -> bool:
        """Pass the failure of a request on to who made it.

        Args:
            owner: that was asked.
            token: of the request.
            error: why.

        Returns:
            False if `owner` has no such request open.
        """
        found = self._fail(owner, token, error)
        self._note_done(owner, 1)
        return found

    def _fail(self, owner: Port, token: int, error: SigError) -> bool:
        opened = self._close(owner, token)
        if opened is not None:
            self._tell_failure(opened, error)
        return opened is not None

    def _tell_failure(self, opened: _Open, error: SigError) -> None:
        asker, ident, _, route, _ = opened
        self._failed += 1
        asker.fail_to(ident, route, error)

    def cancel(self, asker: Port, ident: Any) -> bool:
        """Drop a request whose answer is no longer wanted.

        Args:
            asker: who made it.
            ident: its own id of the request.

        Returns:
            False if it is not open.
        """
        token = self.tokens_of(asker).get(ident)
        if token is None:
            return False
        self._close(self._open[token][2], token)
        return True

    def take_back(self, owner: Port, token: int) -> tuple[Any, ...]:
        """Take a request away from an owner, as if it had not been made; returns the asker's id of it, in a tuple.

        Args:
            owner: that was asked.
            token: of the request.

        Returns:
            () if nobody waits for its answer any more.
        """
        opened = self._close(owner, token)
        return () if opened is None else (opened[1],)

    def tokens_of(self, asker: Port) -> Mapping[Any, int]:
        """Return the tokens of the requests that a port has open, by its own ids."""
        return self._tokens.get(asker, NOTHING)

    def is_open(self, owner: Port, token: int) -> bool:
        """Return whether somebody still waits for the answer to a request.

        Args:
            owner: that was asked.
            token: of the request.
        """
        opened = self._open.get(token)
        return opened is not None and opened[2] is owner

    def forget_asker(self, port: Port) -> None:
        """Drop the requests that a port made which is gone."""
        for token in self._tokens.pop(port, NOTHING).values():
            self._forget_turn(self._open.pop(token)[2], token)
        if not self._open:
            self._open.clear()  # a dictionary that had many keeps room for them: 40 MiB for 600,000

    def fail_owner(self, port: Port) -> None:
        """Fail the requests for the senders of a port that is gone."""
        turns = self._turns.pop(port, None)
        if port not in self._asked:
            return
        self._asked.discard(port)
        lost = [token for token, (_, _, owner, _, _) in self._open.items() if owner is port]
        unknown = OutcomeUnknown(f"the link of {port.peer} was lost while the request was open")
        gone = UnknownSender(f"the link of {port.peer} was lost before the request had its turn")
        for token in lost:
            self._fail(port, token, gone if turns is not None and turns.waits(token) else unknown)

    def _close(self, owner: Port, token: int) -> _Open | None:
        opened = self._open.get(token)
        if opened is None or opened[2] is not owner:
            return None
        del self._open[token]
        self._tokens[opened[0]].pop(opened[1], None)
        self._forget_turn(owner, token)
        return opened

    def _forget_turn(self, owner: Port, token: int) -> None:
        turns = self._turns.get(owner)
        if turns:
            turns.drop(token)


def _user_of(port: Port) -> str:
    """Return the user whose link that is, as the rules know it; "": there are none, or it has proved nothing."""
    principal = port.principal
    return principal.user if principal is not None and principal.is_somebody else ""
