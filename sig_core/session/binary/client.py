"""The client's end of a link: calls, requests and events over the binary dialect."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from sig_core.contract import Codec
from sig_core.errors import (
    CodecError,
    HandshakeError,
    LinkLost,
    LocalProtocolError,
    MessageTooBig,
    OutcomeUnknown,
    RemoteProtocolError,
    RequestTimeout,
    SigError,
    Status,
    error_for,
)
from sig_core.events import Name, Pattern, check_name
from sig_core.interrupts import pass_interrupt_on
from sig_core.protocol.frames import Frame
from sig_core.protocol.hello import (
    CONFIRMS,
    DURABLES,
    FEATURES,
    KEEPS_STATE,
    RESUME,
    Auth,
    Hello,
    Welcome,
    hello_frame,
    read_welcome,
)
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Answer, Call, Notice, call, failure, notice
from sig_core.protocol.runs import split_numbered, split_requests
from sig_core.protocol.wire import (
    CONFIRM,
    CONTROL,
    DURABLE,
    ERROR,
    EVENT,
    LAST,
    REPLY,
    cut_ident,
    flagged_frame,
    params_of,
    reply_frame,
    request_frame,
    split_error,
)
from sig_core.routing.request_names import check_method, request_head
from sig_core.routing.transcode import OFFERS, decode, encode
from sig_core.session.base import Session, State
from sig_core.session.binary.gate import ClosedGate, Gate
from sig_core.session.binary.kept_input import KeptInput
from sig_core.session.binary.reports import (
    Bound,
    Closed,
    Events,
    Last,
    LastTold,
    Opened,
    ReplyCallback,
    ReplyReceived,
    Report,
    RequestsReceived,
    Unbound,
)
from sig_core.session.binary.route_resolver import RouteResolver
from sig_core.session.binary.server_messages import Joined, read_joined, read_notice, read_told, read_unbind
from sig_core.session.bounded_frames import bounded_control, bounded_error
from sig_core.session.errors import error_from
from sig_core.session.kept_stream import KeptStream

__all__ = ["ClientSession", "NotResumed"]

OPEN = State.OPEN  # looking a member up on an Enum class costs more than the whole comparison


Read: TypeAlias = Callable[[Any], Any]  # what to make of a response, before the next frame is looked at
_Pending: TypeAlias = tuple[str, ReplyCallback, float, Read | None]  # what was asked, who waits, until when (s)


class NotResumed(LinkLost):
    """A server answers, and the session does not go on there."""


class ClientSession(Session):
    """One link to a server. Feed it with `receive_data`, send what is in `out`, call `tick` now and then.

    Calls may come from several threads while one thread at a time feeds it: all that they share is changed in single
    steps.

    Args:
        codecs: to offer, by name, the preferred one first.
        limits: what the server may cost.
        client: 32 hex digits that identify this client for its lifetime.
        token: that a server gave this client before.
        packets: the link moves packets.
        now: monotonic seconds.
        requests: that this client wants to have at one time; None: as many as come.
        auth: what proves who this client is; None: nothing does, or its link.
        stream: keeps what is sent, so that the session may outlive this link, if the server agrees; None: it may not.

    Attributes:
        out: frames to be sent, in order. The list is never replaced: `batch = out[:]; del out[:len(batch)]` loses none.
        gate: sends what is in `out`; of the link, set by who made it.
        kept: what is for durable listeners.
        welcome: of the server; None while opening.
        stream: as given; see `KeptStream`.
        unknown_notices: notices that this version does not know, or whose params are bad.
        binds: of events, that have come.
    """

    def __init__(
        self,
        codecs: Mapping[str, Codec],
        limits: Limits,
        *,
        client: str,
        token: str | None,
        packets: bool,
        now: float,
        requests: int | None = None,
        auth: Auth | None = None,
        stream: KeptStream | None = None,
    ) -> None:
        super().__init__(limits, packets=packets, now=now)
        self.out: list[bytes] = []
        self.gate: Gate = ClosedGate()
        self.kept = KeptInput(self.call)
        self.welcome: Welcome | None = None
        self.unknown_notices = 0
        self.binds = 0
        self._codecs = codecs
        self._names: dict[int, tuple[Name, Name | None]] = {}
        self._resolving = RouteResolver(self._ask_route, self._names)
        self._routes = self._resolving.routes  # of senders: where requests go
        self._calls: dict[int, _Pending] = {}
        self._requests: dict[int, _Pending] = {}
        self._idents = itertools.count(1)
        self._lasts: dict[int, tuple[list[Last], bool]] = {}  # the last values that have come, by id of who asked
        self._end_told = False
        self._fed: bytes | None = None  # what is worked on, or what an interrupt left
        self._frames: list[Frame] = []  # of that, which are not reported yet
        self._found: list[Report] = []  # of those that are
        self.stream = stream
        hello = Hello(
            codecs=tuple(codecs),
            client=client,
            max_frame=limits.max_frame,
            keepalive=self.patience,
            token=token,
            requests=requests,
            features=FEATURES,
            software="pysig",
            auth=auth,
        )
        self._send(hello_frame(hello if stream is None else self._asking(hello, stream)))

    def _asking(self, hello: Hello, stream: KeptStream) -> Hello:
        """Read by way of the stream; return the hello that asks for a session over several links."""
        self._reader = stream.reader
        stream.hello = replace(hello, features=(*FEATURES, RESUME), resume=stream.terms())
        return stream.hello

    # -- in

    def receive_data(self, data: bytes, now: float) -> list[Report]:
        """Take bytes as they came and return what they mean, in order. `ReplyReceived`s may be told before the rest.

        Called again with the same object after an interrupt (`sig_core/interrupts.py`) it goes on where that came. So a
        frame stays until it is reported; a report is added in the step that ends the work on its frame, but those of
        answers, which may be told twice; and who waits is remembered until that is reported.
        """
        lived = self.state is not State.CLOSED
        if self._fed is not data:
            self._found = []
            self._frames = self._receive(data, now)[::-1]  # the next one is the last: it is taken off at once
            self._fed = data
        found, frames = self._found, self._frames
        try:
            while frames:
                if self.state is OPEN:
                    self._take(frames[-1], found)
                elif self.state is State.OPENING:
                    found += (self._open(read_welcome(frames[-1])),)
                    frames[:0] = self._raise_limit()[::-1]
                del frames[-1]
            if self._reader.fault is not None:
                raise self._reader.fault
        except RemoteProtocolError as error:
            self.fail(error)
        if lived and self.error is not None:
            found += self.end()
        self._fed = None
        return found

    def _open(self, welcome: Welcome) -> Opened:
        if welcome.codec not in self._codecs:
            raise HandshakeError(f"the server chose codec {welcome.codec!r}, which was not offered")
        self.welcome = welcome
        self.features = frozenset(welcome.features)
        self.kept.agreed = DURABLES in self.features
        self._reader.flags = LAST * (KEEPS_STATE in self.features) | DURABLE * self.kept.agreed
        self.encoding = self._codecs[welcome.codec]
        self._decode_most = OFFERS[self.encoding].decode_most
        self._peer_max_frame, self._peer_keepalive = welcome.max_frame, welcome.keepalive
        self._peer_max_control = min(welcome.max_frame, welcome.max_control or welcome.max_frame)
        if self.stream is not None:
            self._agree(self.stream, welcome)
        self._move(State.OPEN)
        return Opened(welcome)

    def _agree(self, stream: KeptStream, welcome: Welcome) -> None:
        if welcome.resume is not None and RESUME in welcome.features:
            stream.agree(welcome.resume)
        else:
            stream.give_up()

    def _take(self, frame: Frame, found: list[Report]) -> None:
        kind, route, count, body = frame
        if kind == EVENT:
            sender, event = self._named(route)
            if event is None:
                raise RemoteProtocolError(f"event on route {route}, which is that of a sender")
            found += (Events(sender, event, count, body),)
        elif kind == REPLY:
            self._take_replies(split_numbered(body, count), found)
        elif kind == ERROR:
            self._take_error(body, found)
        elif kind == CONTROL:
            self._take_control(body, found)
        elif kind & DURABLE:
            found += (self.kept.take(kind, route, body),)
        elif kind & LAST:
            self._take_last(kind, route, body, found)
        else:
            self._take_requests(route, split_requests(body, count), found)

    def _take_last(self, head: int, route: int, body: bytes, found: list[Report]) -> None:
        sender, event = self._named(route)
        if event is None:
            raise RemoteProtocolError(f"event on route {route}, which is that of a sender")
        ident, data = cut_ident(head, route, body)
        values, collected = self._lasts.get(ident) or ([], False)
        report = Last(sender, event, ident, data)
        values.append(report)
        if not collected:
            found += (report,)

    def _take_replies(self, replies: Iterable[tuple[int, bytes]], found: list[Report]) -> None:
        waiting, decode_most = self._requests, self._decode_most
        for ident, data in replies:
            asked = waiting.get(ident)
            if asked is None:
                self.unmatched_replies += 1
                continue
            try:
                found.append(ReplyReceived(asked[1], decode_most(data), None))
            except BaseException as error:
                pass_interrupt_on(error)
                found.append(self._done_otherwise(asked[1], data))
            waiting.pop(ident, None)

    def _done_otherwise(self, when: ReplyCallback, data: bytes) -> ReplyReceived:
        try:
            return ReplyReceived(when, self.decode(data), None)
        except CodecError as error:
            return ReplyReceived(when, None, error)

    def _take_error(self, body: bytes, found: list[Report]) -> None:
        assert self.encoding is not None
        ident, status, detail = split_error(body)
        asked = self._requests.get(ident)
        if asked is None:
            self.unmatched_replies += 1
        else:
            found.append(ReplyReceived(asked[1], None, error_from(self.encoding, status, detail)))
            self._requests.pop(ident, None)

    def _take_requests(self, route: int, requests: Iterable[tuple[int, str, bytes]], found: list[Report]) -> None:
        sender, _ = self._named(route)
        incoming, breach = RequestsReceived(route, sender, deque()), None
        try:
            for ident, method, tail in requests:
                incoming.requests.append((ident, method, params_of(tail)))
        except RemoteProtocolError as error:
            breach = error
        if incoming.requests:  # those before a breach as well
            found += (incoming,)
        if breach is not None:
            raise breach

    def _named(self, route: int) -> tuple[Name, Name | None]:
        name = self._names.get(route)
        if name is None:
            raise RemoteProtocolError(f"a frame of route {route}, which was never bound")
        return name

    def decode(self, data: bytes) -> Any:
        """Decode a payload that came; CodecError: it is none."""
        try:
            return self._decode_most(data)
        except BaseException as error:
            pass_interrupt_on(error)
            assert self.encoding is not None
            return decode(self.encoding, data)

    def _take_control(self, body: bytes, found: list[Report]) -> None:
        message = self._read_control(body)
        if isinstance(message, Answer):
            self._take_answer(message, found)
        elif isinstance(message, Call):
            text = f"a client answers no calls ({message.method!r})"
            self._control(failure(message.id, text, Status.UNKNOWN_PROTOCOL_METHOD))
        elif message is not None:
            try:
                self._take_notice(message, found)
            except RemoteProtocolError:
                self.unknown_notices += 1

    def _take_answer(self, message: Answer, found: list[Report]) -> None:
        ident = message.id
        pending = self._calls.get(ident) if isinstance(ident, int) else None
        if pending is None or not isinstance(ident, int):
            self.unmatched_replies += 1
            return
        _, when, _, read = pending
        error = error_for(message.status, message.text) if message.status else None
        response = message.response
        if error is None and read is not None:
            try:
                response = read(response)
            except RemoteProtocolError as problem:
                response, error = None, problem
        if isinstance(response, LastTold):
            found += (response,)
            response = response.response
        found.append(ReplyReceived(when, response, error))
        self._calls.pop(ident, None)

    def _take_notice(self, message: Notice, found: list[Report]) -> None:
        if message.method == "goodbye":
            self._read_goodbye(message)
            return
        if message.method == "unbind":
            self._take_unbind(message, found)
            return
        if message.method == "kept_name":
            self.kept.learn(message)
            return
        report = read_notice(message, self._names)
        if isinstance(report, Bound):
            self.binds += 1
            report.number = self.binds
        if report is not None:
            found += (report,)

    def _take_unbind(self, message: Notice, found: list[Report]) -> None:
        """Report the events that no number stands for any more, and forget the numbers; twice does no harm."""
        gone = {route: self._names[route] for route in read_unbind(message) if route in self._names}
        unbound = {(sender, event) for sender, event in gone.values() if event is not None}
        if unbound:
            unbound.difference_update(names for route, names in self._names.items() if route not in gone)
        found += (Unbound(list(unbound)),)
        for route, (sender, event) in gone.items():
            self._names.pop(route, None)
            if event is None and self._routes.get(sender) == route:
                del self._routes[sender]

    # -- calls

    def call(
        self,
        method: str,
        params: dict[str, Any],
        when: ReplyCallback,
        deadline: float = math.inf,
        read: Callable[[Any], Any] | None = None,
    ) -> int:
        """Queue a call and return its id; `when` is told the answer, as `read` makes it of the response."""
        self.check_open()
        ident = next(self._idents)
        assert self.encoding is not None
        frame = bounded_control(self.encoding, call(ident, method, params), self._peer_max_control)
        self._calls[ident] = method, when, deadline, read
        self.out.append(frame)  # in one step with the line above, as far as interrupts go: they come behind a call
        self._check_not_late(self._calls, ident)
        return ident

    def _check_not_late(self, waiting: dict[int, _Pending], ident: int) -> None:
        # Another thread may have ended the session since the check: then nobody would ever tell this one.
        if self.state is State.CLOSED and waiting.pop(ident, None) is not None:
            self.check_open()

    def add_sender(
        self,
        name: Name,
        events: list[Name],
        requests: list[str | None] | None,
        when: ReplyCallback,
        deadline: float = math.inf,
        *,
        life: str = "",
        fired: Mapping[Name, int] | None = None,
        state: Iterable[Name] = (),
    ) -> int:
        """Queue the registration of a sender; `when` is told what came of it, a `Joined`.

        Args:
            life: text of 1 to 64 characters that stays the same as long as the sender is counted on; "": it is not.
            fired: what it has fired in this life before, by event.
            state: those of its events whose last value the server is to keep.

        Raises:
            LocalProtocolError: it is to keep some, and it can't.
        """
        kept = list(state)
        if kept:
            self.check_open()
            check_keeps_state(self.features, f"state events of sender {name!r}")
        params: dict[str, Any] = {"sender": name, "events": events, "requests": requests}
        if life:
            params |= {"life": life, "fired": [list(pair) for pair in (fired or {}).items()]}
        if kept:
            params["state"] = kept
        return self.call("add_sender", params, when, deadline, lambda response: self._learn_joined(name, response))

    def ask_last(
        self, pattern: Pattern, when: ReplyCallback, *, anew: bool = False, collect: bool = False
    ) -> tuple[int, int, Callable[[], object]]:
        """Ask for the last values of what matches a pattern; they come as reports, and behind them a `LastTold`.

        Args:
            pattern: that is listened to.
            when: told the end of it.
            anew: the values are for those who have missed some: they come as those that nobody asked for.
            collect: the values come to `when` instead, as a list of `Last`.

        Returns:
            The id that the values have, that of the call, and what forgets them if nobody waits for them any more.

        Raises:
            LocalProtocolError: the server keeps none.
        """
        self.check_open()
        check_keeps_state(self.features, f"last values of {pattern}")
        ident = 0 if anew else next(self._idents) & 0xFFFFFFFF
        params = {"sender": pattern[0], "event": pattern[1], "id": ident}
        call = self._call_for_last("last", params, ident, when, collect=collect)
        return ident, call, partial(self._lasts.pop, ident, None)

    def add_listener(
        self, pattern: Pattern, when: ReplyCallback, *, latest: bool = False, anew: bool = False
    ) -> int:
        """Ask to hear what matches a pattern, and, if the server keeps any, for its last values at the same moment.

        Args:
            pattern: sender and event.
            when: told the response.
            latest: of each event only the newest is wanted; a server that is older sends all.
            anew: see `ask_last`.

        Returns:
            The id that the values have; 0: `anew`, or there are none.
        """
        params: dict[str, Any] = {"sender": pattern[0], "event": pattern[1]}
        if latest:
            params["latest"] = True
        if KEEPS_STATE not in self.features:
            self.call("add_listener", params, when)
            return 0
        params["last"] = ident = 0 if anew else next(self._idents) & 0xFFFFFFFF
        self._call_for_last("add_listener", params, ident, when)
        return ident

    def _call_for_last(
        self, method: str, params: dict[str, Any], ident: int, when: ReplyCallback, *, collect: bool = False
    ) -> int:
        values: list[Last] = []

        def told(response: Any) -> LastTold:
            said, lost = read_told(response)
            self._lasts.pop(ident, None)
            dropped = max(0, said - len(values)) if ident else 0  # with 0 there may be others under way
            return LastTold(ident, lost + dropped, values if collect else response)

        self._lasts[ident] = values, collect
        try:
            return self.call(method, params, when, read=told)
        except BaseException:  # an interrupt, too
            self._lasts.pop(ident, None)
            raise

    def _ask_route(self, sender: Name, when: ReplyCallback) -> None:
        self.call("resolve", {"sender": sender}, when)

    def _learn_joined(self, name: Name, response: Any) -> Joined:
        joined = read_joined(response)
        self._routes[name] = joined.route
        self._names[joined.route] = (name, None)
        self._names.update((route, (name, event)) for event, route in joined.routes.items())
        return joined

    # -- requests

    def request(self, sender: Name, method: str, params: bytes, when: ReplyCallback, deadline: float = math.inf) -> int:
        """Queue a request with encoded params and return its id; `when` is told the decoded value.

        Raises:
            ConfigError: there can be no such sender or method.
            MessageTooBig: the server does not take so long a request.
        """
        if self.state is not OPEN:
            self.check_open()
        ident = next(self._idents) & 0xFFFFFFFF
        while ident in self._requests:
            ident = next(self._idents) & 0xFFFFFFFF
        try:
            route, tail = self._routes.get(sender), request_head(method) + params
        except TypeError:  # one of them can't even be looked up
            check_name(sender, "sender")
            check_method(method)
            raise
        size = 9 + len(tail)
        if size > self._peer_max_frame:
            limit = self._peer_max_frame
            raise MessageTooBig(f"request {method!r} of {sender!r}: {size} bytes, {limit} are taken", size, limit)
        name = check_name(sender, "sender") if route is None else sender
        if route is not None:
            frame = request_frame(route, ident, tail)
            self._requests[ident] = method, when, deadline, None
            self.out.append(frame)  # in one step with the line above, see `call`
        else:
            self._requests[ident] = method, when, deadline, None
            try:
                self._resolving.resolve(name, lambda error: self._resolved(name, ident, tail, error))
            except BaseException:  # an interrupt too: nobody waits for this answer
                self._requests.pop(ident, None)
                raise
        if self.state is not OPEN:
            self._check_not_late(self._requests, ident)
        return ident

    def confirm(self, event: bytes, what: str, when: ReplyCallback, deadline: float = math.inf) -> int:
        """Queue an event that is to be confirmed and return the id under which that is; `when` is told the links.

        Args:
            event: as `frame_for` gives it, with its route.
            what: it is, for errors.

        Raises:
            LocalProtocolError: the server confirms nothing.
            MessageTooBig: the server does not take so long an event.
        """
        self.check_open()
        if CONFIRMS not in self.features:
            raise LocalProtocolError(f"{what}: this server confirms none: leave `confirm` out, or bring it up to date")
        ident = next(self._idents) & 0xFFFFFFFF
        while ident in self._requests:
            ident = next(self._idents) & 0xFFFFFFFF
        frame = flagged_frame(event, CONFIRM, ident)
        if len(frame) - 4 > self._peer_max_frame:
            size, limit = len(frame) - 4, self._peer_max_frame
            raise MessageTooBig(f"{what}: {size} bytes, {limit} are taken", size, limit)
        self._requests[ident] = what, when, deadline, None
        self.out.append(frame)  # in one step with the line above, see `call`
        self._check_not_late(self._requests, ident)
        return ident

    def _resolved(self, sender: Name, ident: int, tail: bytes, error: SigError | None) -> None:
        pending = self._requests.get(ident)
        if pending is None:
            return  # it timed out, or was cancelled, meanwhile
        if error is None:
            self._send(request_frame(self._routes[sender], ident, tail))
        else:
            del self._requests[ident]
            pending[1](None, error)

    def cancel(self, ident: int) -> bool:
        """Stop waiting for a request or a call, whose answer will be counted and dropped; return whether it waited."""
        if self._requests.pop(ident, None) is None:
            return self._calls.pop(ident, None) is not None
        if self.state is State.OPEN:
            self._control(notice("cancel", {"id": ident}))
        return True

    def reply(self, ident: int, route: int, value: Any) -> None:
        """Queue the answer to an incoming request; one that can't be carried becomes a failure."""
        if self.state is not OPEN:
            return
        assert self.encoding is not None
        try:
            frame = reply_frame(route, ident, encode(self.encoding, value))
        except SigError as error:
            self.fail_to(ident, route, error)
            return
        size, limit = len(frame) - 4, self._peer_max_frame
        if size > limit:
            self.fail_to(ident, route, MessageTooBig(f"the answer: {size} bytes, {limit} are taken", size, limit))
        else:
            self.out.append(frame)

    def fail_to(self, ident: int, route: int, error: SigError) -> None:
        """Queue the failure of an incoming request."""
        if self.state is State.OPEN:
            assert self.encoding is not None
            self._send(bounded_error(self.encoding, route, ident, error, self._peer_max_frame))

    # -- over several links

    @property
    def suspended(self) -> SigError | None:
        """Why there is no link, while the session waits for another one; None: there is one."""
        return None if self.stream is None else self.stream.cut_by

    def lose(self, error: SigError) -> None:
        """End, because its link has ended or broke; or wait for another one, if the peers have agreed on that."""
        if not self._waits_for_link(error):
            self.fail(error)

    def receive_eof(self) -> None:
        """See `Session.receive_eof`, and `lose`."""
        if not self._waits_for_link(LinkLost("the link ended without a goodbye")):
            super().receive_eof()

    def _waits_for_link(self, error: SigError) -> bool:
        if self.stream is None or not self.stream.agreed or self.state is not OPEN:
            return False
        if self.stream.cut_by is None:
            self.stream.cut_by = error
            self.stream.on_cut()
        return True

    def hello_again(self, auth: Auth | None) -> bytes:
        """Return what opens a further link, once nobody feeds what came on the one before."""
        stream, welcome = self.stream, self.welcome
        assert stream is not None and stream.hello is not None and welcome is not None
        stream.cut()
        return hello_frame(replace(stream.hello, token=welcome.token, auth=auth, resume=stream.terms(again=True)))

    def welcome_again(self, welcome: Welcome) -> int:
        """Return the bytes of this session that the server has, as it says on a further link.

        Raises:
            NotResumed: the session does not go on there.
        """
        received = None if welcome.resume is None else welcome.resume.received
        stream, encoding = self.stream, self.encoding
        assert stream is not None and encoding is not None
        if received is None:
            raise NotResumed("the server does not know this session any more")
        if welcome.codec != encoding.name or not stream.can_resume(received):
            raise NotResumed(f"the server took up another session: of {received} bytes, in {welcome.codec}")
        return received

    def go_on(self, received: int, now: float) -> None:
        """Go on over another link, with a server that has so many bytes; nobody sends or feeds meanwhile."""
        assert self.stream is not None
        self.stream.resume(received)
        self._heard = self._sent = now
        self.stream.cut_by = None

    def silence(self, now: float) -> float:
        """See `Session.silence`: without a link nothing can be heard."""
        return 0.0 if self.suspended is not None else now - self._heard

    # -- the rest

    @property
    def max_out(self) -> int:
        """Greatest frame length that the server takes, bytes."""
        return self._peer_max_frame

    def check_open(self) -> None:
        """Raise what ended the session, or what is missing, unless it is open."""
        if self.state is not State.OPEN:
            raise self.error or HandshakeError("the link is not open yet")

    def tick(self, now: float) -> tuple[list[Report], float]:
        """Expire what is overdue, keep the link alive; return what ended, and the seconds until the next call."""
        found: list[Report] = []
        wait = self.limits.keepalive
        if self.state is State.OPEN and self.suspended is None:
            wait = self._keep_alive(now)
            if self.stream is not None:
                self.stream.tick()
        if self.kept.waits:
            wait = min(wait, self.kept.tick(now, found))
        for waiting in (self._requests, self._calls):
            for ident, (what, when, deadline, _) in waiting.copy().items():
                if deadline > now:
                    wait = min(wait, deadline - now)
                elif self.cancel(ident):
                    found.append(ReplyReceived(when, None, RequestTimeout(f"{what!r}: no answer in time")))
        return found, wait

    def _send(self, frame: bytes) -> None:
        self.out.append(frame)

    def end(self) -> list[Report]:
        """Return what ends with the session, once it is closed: whoever still waits is told; `Closed` comes once."""
        assert self.error is not None
        found: list[Report] = []
        told: list[tuple[dict[int, _Pending], int]] = []
        for waiting in (self._requests, self._calls):
            for ident, (what, when, _, _) in waiting.copy().items():
                unknown = OutcomeUnknown(f"{what!r}: the link ended before the answer: {self.error}")
                unknown.__cause__ = self.error
                found.append(ReplyReceived(when, None, unknown))
                told.append((waiting, ident))
        closed = Closed(self.error)
        for waiting, ident in told:
            waiting.pop(ident, None)
        if not self._end_told:
            self._end_told = True
            found += (closed,)
        return found


def check_keeps_state(features: Container[str], what: str) -> None:
    """Raise LocalProtocolError unless last values are among the features that a server has agreed to."""
    if KEEPS_STATE not in features:
        raise LocalProtocolError(f"{what}: this server keeps no last values; bring it up to date")
