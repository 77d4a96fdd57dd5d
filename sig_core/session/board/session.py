"""A board at the server: a port of the exchange that speaks the board dialect (docs/board-protocol.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sig_core.access.authorizer import Undecided
from sig_core.contract import Codec
from sig_core.errors import (
    Busy,
    CodecError,
    MessageTooBig,
    RemoteProtocolError,
    SigError,
    Status,
    UnknownSender,
    error_for,
)
from sig_core.events import Name, Pattern
from sig_core.line.handshake import SynAck
from sig_core.protocol.board import (
    LAST,
    BoardAnswer,
    BoardRequest,
    Fire,
    Item,
    Register,
    answered,
    asked,
    heard,
    read_from_board,
    registered,
)
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame, request_tail
from sig_core.routing.exchange import Exchange
from sig_core.routing.ports import RequestBatch, Run, request_each
from sig_core.routing.queued_port import NOT_ALLOWED, QueuedPort
from sig_core.routing.traffic import Traffic
from sig_core.routing.transcode import decode, encode
from sig_core.session.base import SessionState, State
from sig_core.session.board.output import BoardOutput
from sig_core.session.board.registration import Match, Registration
from sig_core.session.board.renaming import Renaming

__all__ = ["BOARD_CODEC", "BoardSession"]

BOARD_CODEC: Final = "cbor-board"
SPARE_NAMES: Final = 1000  # what numbers stood for, of senders that left, may be kept for so many
MAX_REQUESTS: Final = 256  # requests that a board can have open
IDLE: Final = 3600.0  # seconds
RETRY_INTERVAL: Final = 1.0  # seconds between attempts to register under a name that is taken


class BoardSession(QueuedPort, SessionState):
    """One board, from its registration to the end of its session. It is fed with whole messages.

    Args:
        exchange: that it is a port of.
        codec: `cbor-board`.
        limits: what it may cost.
        rename: how it is called here.
        peer: printable, for messages and logs.
        terms: what it said of itself.
        line_counts: returns the counts of its line, for `stats`.

    Attributes:
        ignored: messages that broke a rule.
        finished: never: only the line ends the session of a board.
    """

    client = ""
    finished = False

    def __init__(
        self,
        exchange: Exchange,
        codec: Codec,
        limits: Limits,
        rename: Renaming,
        *,
        peer: str,
        terms: SynAck,
        line_counts: Callable[[], dict[str, int]],
    ) -> None:
        traffic, limit = Traffic(), min(limits.max_outbox, limits.max_board_outbox)
        self._out = BoardOutput(limit, max(terms.mtu, terms.message), traffic, lambda: self.on_change())
        super().__init__(peer, BOARD_CODEC, limits, self._out.outbox, traffic)
        self._move(State.OPEN)
        self.ignored = 0
        self._exchange = exchange
        self._codec = codec
        self._rename = rename
        self._line_counts = line_counts
        self._registration: Registration | None = None
        self._senders = 0  # 1 while its sender is connected
        self._gathered: list[bytes] = []  # events of one route, as frames, that are to be passed on
        self._gathered_route, self._gathered_at = 0, 0.0
        self._routes: list[int] = []  # of its events, by number; [] while it is not connected
        self._patterns: list[Pattern] = []
        self._retry_at: float | None = None
        self._names: dict[int, tuple[Name, Name]] = {}
        self._most_names = SPARE_NAMES
        self._tokens: dict[int, int] = {}  # id of the board's -> token of the exchange
        exchange.join(self)

    @property
    def port(self) -> BoardSession:
        """What of it the exchange knows."""
        return self

    def _count_listeners(self) -> int:
        return len(self._patterns)

    # -- in

    def message(self, data: bytes, now: float) -> None:
        """Take a message; one that breaks a rule is counted. Call `flush_events` after all that came at once.

        Args:
            data: the message.
            now: monotonic seconds.
        """
        try:
            message = read_from_board(data)
            if isinstance(message, Fire):
                self._take_event(message, now)
                return
            self.flush_events(now)
            self._take(message, now)
        except (RemoteProtocolError, CodecError):
            self.ignored += 1

    def flush_events(self, now: float) -> None:
        """Pass on the events that were gathered: neighbours of one route as one run."""
        if self._gathered:
            gathered, self._gathered = self._gathered, []
            run = Run(self._gathered_route, BOARD_CODEC, len(gathered), b"".join(gathered))
            self._exchange.arrive(self, run, now)

    def _take(self, message: Register | Item | BoardRequest | BoardAnswer, now: float) -> None:
        if isinstance(message, BoardAnswer):
            self._take_answer(message)
        elif isinstance(message, BoardRequest | Register) and not self._out.has_room(0):
            raise RemoteProtocolError("it asks for more and more answers, and takes none")
        elif isinstance(message, BoardRequest):
            self._take_request(message)
        elif isinstance(message, Register):
            self._unregister()
            self._out.drop_events()
            if self.reading_paused:  # the ports that it fed do not know it any more
                self.set_reading_paused(False)
            self._registration = Registration(message)
            self._register_if_complete(now)
        elif self._registration is None:
            raise RemoteProtocolError("an item comes before its registration")
        else:
            self._registration.add(message)
            self._register_if_complete(now)

    def _take_event(self, event: Fire, now: float) -> None:
        decode(self._codec, event.value)
        if event.event >= len(self._routes):
            self.traffic.refused += 1  # it is not connected, or has no such event
            return
        route = self._routes[event.event]
        if route != self._gathered_route:
            self.flush_events(now)
            self._gathered_route = route
        self._gathered_at = now
        self._gathered.append(event_frame(route, event.value))

    def _take_answer(self, answer: BoardAnswer) -> None:
        token = self._tokens.pop(answer.id, None)
        if token is None:
            raise RemoteProtocolError(f"answer {answer.id} is to nothing")
        requests = self._exchange.requests
        try:
            value = decode(self._codec, answer.value)
        except CodecError as error:
            requests.fail(self, token, error)
            raise
        if answer.status == Status.OK:
            requests.complete(self, BOARD_CODEC, [(token, answer.value)])
        else:
            text = value if isinstance(value, str) else ""
            what = text or f"{self.peer} answered with status {answer.status}, and no text"
            requests.fail(self, token, error_for(answer.status, what, "BoardError"))

    def _take_request(self, request: BoardRequest) -> None:
        decode(self._codec, request.value)
        if request.id in self._exchange.requests.tokens_of(self):
            raise RemoteProtocolError(f"request {request.id} is open already")
        try:
            entry = self._exchange.sender(request.sender, self)
        except UnknownSender as error:
            self.fail_to(request.id, 0, error)
            return
        tail = request_tail(request.method, request.value)
        self._exchange.request(self, entry.route, BOARD_CODEC, request.method, {request.id: tail})

    # -- registration

    def _register_if_complete(self, now: float) -> None:
        """Connect what was registered, once all of it is there; a failure is reported once, and tried again."""
        registration = self._registration
        if registration is None or not registration.complete:
            return
        try:
            error = self._listen(registration)
            if error is None and registration.name is not None:
                error = self._add_sender(registration)
        except Undecided as pending:
            pending.when_known(self._register_on)
            return
        if error is None:
            self._retry_at = None
            self._out.put(registered(Status.OK))
            self._greet()
        else:
            if self._retry_at is None:  # reported once
                self._out.put(self._out.shorten(lambda text: registered(error.status, text), str(error)))
            self._retry_at = now + RETRY_INTERVAL

    def _register_on(self) -> None:
        """Go on with what was registered, now that it is decided whether it may be."""
        if self.state is State.OPEN:
            self._register_if_complete(self._exchange.clock())

    def _listen(self, registration: Registration) -> SigError | None:
        """Listen to what was registered, if all of it may be heard."""
        guard, patterns = self._exchange.guard, list(dict.fromkeys(registration.listened))
        try:
            for pattern in patterns:
                guard.check_listener(self, pattern)
            guard.check_listeners(self, len(patterns) - len(self._patterns))
            for pattern in patterns:
                guard.ask(self, "listen", *pattern)
        except SigError as error:
            return error
        if not self._patterns:
            self._patterns = patterns
            for pattern in patterns:
                self._exchange.listen(self, pattern)
        return None

    def _add_sender(self, registration: Registration) -> SigError | None:
        assert registration.name is not None
        requests = registration.methods or None
        try:
            name = self._rename(registration.name)
            entry = self._exchange.add_sender(self, name, registration.events, requests, state=registration.kept)
        except SigError as error:
            return error
        self._senders = 1
        self._routes = [entry.events[event] for event in registration.events]
        return None

    def _unregister(self) -> None:
        """Remove what was registered."""
        self._exchange.close(self, self._patterns)
        self._registration, self._retry_at = None, None
        self._patterns, self._routes, self._senders = [], [], 0
        self._names.clear()

    def tick(self, now: float) -> float:
        """Do what is due; return the seconds until the next call is needed."""
        if self._retry_at is not None and now >= self._retry_at:
            self._register_if_complete(now)
        return IDLE if self._retry_at is None else self._retry_at - now

    # -- the port

    def accepts_codec(self, codec: str) -> bool:
        """Only its own: all else is transcoded for a board."""
        return codec == BOARD_CODEC

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        """Queue events, a message for each item that hears them."""
        self.traffic.fired += run.count
        self._learn(run.route, sender, event)
        matches = self._matches(run.route)
        for _, data in split_events(run.data):
            count = 1  # of the first of its messages; the others are the same event
            for number, names in matches:
                message = heard(number, data, names)
                if len(message) > self._out.longest:
                    reason = f"longer than the {self._out.longest} bytes that the board takes"
                    self._out.lose((number,), 1, reason, count)
                elif self._wants_newest(number):
                    self._out.put_newest(message, number, count, run.route)
                else:
                    self._out.put(message, number, count)
                count = 0

    def tell_last(self, run: Run, sender: Name, event: Name) -> bool:
        """Queue a value that is told because it is the last one, for each item that hears it; see `Port`."""
        self._learn(run.route, sender, event)
        ((_, data),) = split_events(run.data)
        messages = {number: heard(number, data, names, LAST) for number, names in self._matches(run.route)}
        self._out.settle()
        fitting = {number: each for number, each in messages.items() if len(each) <= self._out.longest}
        for number, message in fitting.items():
            self._out.put(message, number)
        return len(fitting) == len(messages)

    def _greet(self) -> None:
        """Tell the board, which is in just now, the last values of what it hears."""
        values, told = self._exchange.last_values, set[tuple[Name, Name]]()
        for pattern in self._patterns if len(values) else ():
            for value in values.of(self, pattern):
                if (value.sender, value.event) not in told:
                    told.add((value.sender, value.event))
                    values.tell(self, value, self.tell_last)

    def _wants_newest(self, number: int) -> bool:
        return self._registration is not None and number in self._registration.latest

    def _matches(self, route: int) -> tuple[Match, ...]:
        return () if self._registration is None else self._registration.matches(*self._names[route])

    def _learn(self, route: int, sender: Name, event: Name) -> None:
        self._names[route] = sender, event
        if len(self._names) >= self._most_names:
            needed, names = self._exchange.is_needed, self._names.items()
            self._names = {known: name for known, name in names if known == route or needed(known, *name)}
            self._most_names = 2 * len(self._names) + SPARE_NAMES

    def _lose(self, route: int, count: int, reason: str) -> None:
        self._out.lose([number for number, _ in self._matches(route)], count, reason, count)

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        """Boards keep no counts over several links of a sender: what its owner lost is reported as a gap."""
        if missing and route in self._names:
            self.traffic.fired += missing
            self._lose(route, missing, "lost by who fired it")

    def sender_removed(self, name: Name, routes: int, error: SigError) -> None:
        """Note that the board's sender was removed without its doing; what rules denied is tried again."""
        self._senders, self._routes = 0, []
        self._out.put(self._out.shorten(lambda text: registered(error.status, text), str(error)))
        self._retry_at = 0.0 if error.status == Status.DENIED else None

    def expel(self, error: SigError) -> None:
        """The board is not admitted any more: it may do nothing, and newer rules may admit it again."""
        for pattern in self._patterns:
            self._exchange.unlisten(self, pattern)
        self._patterns = []
        self._out.withhold_events(NOT_ALLOWED)
        self._retry_at = 0.0

    def rules_changed(self) -> None:
        """Drop what waits if there is anything among it that may not be heard any more."""
        may_hear = self._exchange.guard.may_hear
        if not all(may_hear(self, *names) for names in self._names.values()):
            self._names.clear()
            self._out.withhold_events(NOT_ALLOWED)

    def request(self, batch: RequestBatch) -> list[tuple[int, SigError]]:
        """Queue requests for the board's sender."""
        return request_each(batch, self._ask)

    def _ask(self, token: int, batch: RequestBatch, params: bytes) -> SigError | None:
        assert self._registration is not None
        ident = next((free for free in range(MAX_REQUESTS) if free not in self._tokens), None)
        if ident is None:
            return Busy(f"sender {batch.sender!r}: {MAX_REQUESTS} requests are open, more a board does not take")
        message = asked(ident, self._registration.number_of(batch.method), params)
        if len(message) > self._out.longest:
            return self._too_big(f"request {batch.method!r} of sender {batch.sender!r}", len(message))
        if not self._out.has_room(len(message)):
            return Busy(f"sender {batch.sender!r}: too much waits for {self.peer} already")
        self._tokens[ident] = token
        self._out.put(message)
        return None

    def reply(self, route: int, codec: str, values: list[tuple[Any, bytes]]) -> None:
        """Queue the answers to requests that the board made."""
        for ident, value in values:
            message = answered(ident, Status.OK, value)
            if len(message) > self._out.longest:
                self.fail_to(ident, route, self._too_big("the answer", len(message)))
            else:
                self._out.put(message)

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        """Queue the failure of a request that the board made."""
        self._out.put(
            self._out.shorten(lambda text: answered(ident, error.status, encode(self._codec, text)), str(error))
        )

    def is_slow(self, now: float) -> bool:
        """A board never pauses those who feed it."""
        return False

    def _too_big(self, what: str, size: int) -> MessageTooBig:
        limit = self._out.longest
        return MessageTooBig(f"{what}: {size} bytes, {self.peer} takes {limit}", size, limit)

    # -- out

    @property
    def has_message(self) -> bool:
        """Whether `next_message` would return one."""
        return self._out.has_message

    def next_message(self, room: int) -> bytes | None:
        """Take the next message for the board; its length does not depend on `room`."""
        return self._out.next_message()

    # -- end

    def end(self, error: SigError, doubtful: int) -> None:
        """End: the session of the line is over.

        Args:
            error: why.
            doubtful: messages that were taken last and may not have arrived.
        """
        if self.state is State.CLOSED:
            return
        self.flush_events(self._gathered_at)
        self._move(State.CLOSED, error)
        self._out.lose_in_doubt(doubtful)
        self._unregister()
        self._exchange.leave(self)

    def _own_figures(self) -> dict[str, Any]:
        line = self._line_counts()
        return {
            "client": "",
            "codec": BOARD_CODEC,
            "senders": self._senders,
            "subscriptions": len(self._patterns),
            "line": {**line, "ignored": line["ignored"] + self.ignored},
        }
