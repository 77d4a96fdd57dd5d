"""Faults put into the core on purpose: the simulation has to find each of them."""

from __future__ import annotations

import importlib
import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["MUTANTS", "Mutant", "mutated"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A method of the core with another text in it.

    Attributes:
        where: module of `sig_core`, class and method.
        before, after: what stands in its source, and what takes its place.
    """

    where: str
    before: str
    after: str

    def make(self) -> tuple[Any, str, Any]:
        """Return the class, the name of the method, and the broken method."""
        module, _, path = self.where.partition(":")
        kind, name = path.split(".")
        owner: Any = getattr(importlib.import_module(f"sig_core.{module}"), kind)
        sound: Any = inspect.getattr_static(owner, name)
        function = sound.fget if isinstance(sound, property) else sound
        source = textwrap.dedent(inspect.getsource(function))
        if source.count(self.before) != 1:
            raise LookupError(f"{self.where}: {self.before!r} stands there {source.count(self.before)} times")
        source = source.replace(self.before, self.after)
        names: dict[str, Any] = {}
        body = textwrap.indent(source, "    ")  # in a function whose argument is what `super()` looks for
        whole = f"from __future__ import annotations\ndef make(__class__):\n{body}\n    return {name}"
        exec(compile(whole, f"<mutant of {self.where}>", "exec"), function.__globals__, names)
        return owner, name, names["make"](owner)


@contextmanager
def mutated(name: str) -> Iterator[None]:
    """Have one of the mutants in the core for a while."""
    owner, attribute, broken = MUTANTS[name].make()
    sound = inspect.getattr_static(owner, attribute)
    setattr(owner, attribute, broken)
    try:
        yield
    finally:
        setattr(owner, attribute, sound)


_DURABLES = "routing.durables:Durables"
_FEED = "routing.durable_feed:DurableFeed"
_EXCHANGE = "routing.exchange:Exchange"
_GUARDED = "routing.guarded_exchange:GuardedExchange"
_QUOTAS = "routing.quotas:Quotas"
_OUTBOX = "session.binary.client_outbox:ClientOutbox"
_PORT = "session.binary.client_port:ClientPort"
_REGISTRATIONS = "session.client_state.registrations:Registrations"
_OFFLINE = "session.client_state.offline_queue:OfflineQueue"

MUTANTS = {
    # counts
    "what is routed is not counted": Mutant(f"{_EXCHANGE}.arrive", "route.count += run.count", "pass"),
    "a bind is sent late": Mutant(
        f"{_PORT}.deliver",
        "self.bind(run.route, sender, event)",
        "self._bound[run.route] = (sender, event); self._outbox.put(run); self.bind(run.route, sender, event); return",
    ),
    "a gap is not told": Mutant(f"{_OUTBOX}._drop_oldest", "place.lose(run.count, SLOW)", "pass"),
    "what an outbox drops is not counted": Mutant(
        f"{_OUTBOX}._drop_oldest", "self._lost(run.route, run.count, SLOW)", "pass"
    ),
    "an outbox drops the newest, uncounted": Mutant(
        "routing.outbox:Outbox._grow",
        "self._drop_oldest(DROP_TO * self.limit)",
        "self.size -= len(self.runs.pop().data)",
    ),
    "what a codec can't carry is not told": Mutant(
        "routing.queued_port:QueuedPort.note_lost",
        "self._lose(run.route, count, reason)",
        "self.traffic.lost[reason] += count",
    ),
    "transcoding miscounts what it leaves out": Mutant(
        "routing.transcode:Transcoder.run", "len(frames), b", "run.count, b"
    ),
    "what a returning owner lost is not told": Mutant(
        f"{_EXCHANGE}._open", "target.rebind(", "(lambda *a, **k: None)("
    ),
    "a listener that is back does not ask for counts": Mutant(
        f"{_REGISTRATIONS}.restore", "topics[start : start + RECALL] for", "[] for"
    ),
    "a listener forgets what it was told of": Mutant(
        "session.client_state.inbound:Inbound._gap", "losses.add(*key, report.count)", "pass"
    ),
    "what gives way while a client comes back is not told": Mutant(
        f"{_REGISTRATIONS}._skip", "if not dropped:", "if True:"
    ),
    "a count for a listener that has ended is the next one's": Mutant(
        f"{_REGISTRATIONS}.is_meant", "not late or", "True or"
    ),
    # last values and confirmed events
    "the last value is the first": Mutant(
        "routing.last_values:LastValues.put", "kept: Run | None = run if", "kept: Run | None = found.run or run if"
    ),
    "a last value is told after what is newer": Mutant(
        "session.client_state.registrations:Registrations._expect", "subscription.hold()", "pass"
    ),
    "who has a last value is told it again": Mutant(
        "session.client_state.last_listeners:LastListeners.unasked",
        "missed is not None and missed in (-1, count)",
        "True",
    ),
    "what is confirmed goes nowhere": Mutant(
        "routing.confirmed:ConfirmedEvents.arrive", "self._forward(targets, topic, runs, port, None, now)", "pass"
    ),
    "an event that is lost with its link is confirmed": Mutant(
        "session.binary.client:ClientSession.end",
        "found.append(ReplyReceived(when, None, unknown))",
        "found.append(ReplyReceived(when, 0, None if what.startswith('event') else unknown))",
    ),
    # durable listeners
    "what is confirmed is not on disk": Mutant(
        "session.binary.server:ServerSession._take_confirmed",
        "if durables is None or not durables.when_kept(told):",
        "if True:",
    ),
    "what may have been heard is not marked": Mutant(
        f"{_FEED}._got", "record.sent = max(record.sent, events[-1].position)", "pass"
    ),
    "an acknowledgement is not written": Mutant(
        f"{_DURABLES}._mark", "store.mark(name, acknowledged=position, sent=None)", "pass"
    ),
    "what a store did not take is not counted": Mutant(
        f"{_DURABLES}._written", '"" if error is None else FAILED', '""'
    ),
    # order
    "an offline queue is turned round": Mutant(
        f"{_OFFLINE}._take_all", "for _ in range(len(self._queue))]", "for _ in range(len(self._queue))][::-1]"
    ),
    # presence, names and listeners
    "a presence event is forgotten": Mutant(
        f"{_EXCHANGE}.remove_sender",
        "self._fire_presence(entry, EVENT_DISCONNECT",
        "(lambda *a: None)(entry, EVENT_DISCONNECT",
    ),
    "a link that is gone keeps its senders": Mutant(
        f"{_EXCHANGE}._remove_senders", "self.remove_sender(port, entry.name, may_return=may_return)", "pass"
    ),
    "the link before is not ended": Mutant(
        "session.identity:Identities.admit", "self._clients[ident][2].replace()", "pass"
    ),
    "targets are not looked up again": Mutant("routing.table:Table.add", "self._outdate(pattern)", "pass"),
    "a listener is not asked for again": Mutant(
        f"{_REGISTRATIONS}._ask_anew", "heard.append(remote)", "session._calls.clear()"
    ),
    "a listener is not taken back": Mutant(
        "session.client_state.remote_subscription:RemoteSubscription._answered", "self._take_back()", "pass"
    ),
    # requests
    "an answer is told twice": Mutant(
        "session.binary.client:ClientSession._take_replies", "waiting.pop(ident, None)", "waiting.get(ident)"
    ),
    "requests to who has gone do not end": Mutant(
        "routing.requests:Requests.fail_owner", "for token in lost:", "for token in []:"
    ),
    "requests of who has gone stay open": Mutant(
        "routing.requests:Requests.forget_asker", "self._forget_turn(self._open.pop(token)[2], token)", "pass"
    ),
    "an answer to many questions is told to another": Mutant(
        "session.client_state.request_many:RequestMany._tell",
        "self._keep(place, value",
        "self._keep(len(self.results) - 1 - place, value",
    ),
    "a request is passed on twice": Mutant(
        f"{_PORT}.request", "self.send(data)\n", "self.send(data); self.send(data)\n"
    ),
    # rules
    "new rules count for new events alone": Mutant(f"{_GUARDED}.apply", "self._table.outdate_all()", "pass"),
    "a sender stays that rules forbid": Mutant(
        f"{_GUARDED}.apply", "if principal is not None and not access", "if False and not access"
    ),
    "what waits comes though rules forbid it": Mutant(
        f"{_PORT}.rules_changed", "self._outbox.drop({*denied, *self._unbound_and_denied()}, NOT_ALLOWED)", "pass"
    ),
    "who is not admitted any more stays": Mutant(f"{_GUARDED}.apply", "port.expel(", "(lambda *a: None)("),
    "who lost a sender to rules is not told": Mutant(
        f"{_GUARDED}.take_away", "owner.sender_removed(", "(lambda *a: None)("
    ),
    "a name does not go to another link of its user": Mutant(
        f"{_GUARDED}.add_sender", "_is_same(port, taken.owner)", "False"
    ),
    "a name goes to anybody": Mutant(f"{_GUARDED}.add_sender", "_is_same(port, taken.owner)", "True"),
    "a request is passed on that rules forbid": Mutant(
        f"{_GUARDED}.request", 'self._rules.may(port, "request", entry.name, method)', "True"
    ),
    "what may be heard again is not counted anew": Mutant(f"{_PORT}.rules_changed", "del self._bound[route]", "pass"),
    "a revoked token admits": Mutant("access.admission:Admission.admit", "facts.token in revoked", "False"),
    "a user has more names than its roles say": Mutant(f"{_QUOTAS}.check_names", "self._check(", "(lambda *a: None)("),
    "who said too much is not read again": Mutant("routing.flow_control:FlowControl.tick", "self._go_on(port)", "pass"),
    "a board is not told what rules took": Mutant(
        "session.board.output:BoardOutput.withhold_events",
        "self._note_dropped(run.route, run.count, reason)",
        "self._traffic.lost[reason] += run.count",
    ),
    # what is held, and left
    "who was held back is not let go": Mutant(
        "routing.flow_control:FlowControl._release", "self._go_on(feeder)", "pass"
    ),
    "who holds too much does not give way": Mutant(
        "routing.memory_budget:MemoryBudget._relieve_all", "total > enough and sums and", "False and"
    ),
    # sessions over several links
    "what was not acknowledged is not sent again": Mutant(
        "session.kept_stream:KeptStream.resume", "for end, data in self._kept)", "for end, data in ())"
    ),
    "what came in part is not forgotten": Mutant(
        "protocol.acked_frames:AckedFrameReader.cut",
        "self._parts, self._have, self._need, self.read_hint = [], 0, 4, 0",
        "pass",
    ),
    "a session ends with its link": Mutant(
        "session.binary.resumable_link:ResumableLink.fail", "isinstance(error, CarrierError)", "False"
    ),
    "a session waits for too short a time": Mutant(
        "session.binary.resumptions:Resumptions.tick", "lasting.until <= now", "lasting.until <= now + 0.2"
    ),
    "an ack drops what was not acknowledged": Mutant(
        "session.kept_stream:KeptStream.acknowledge", "self._drop(offset)", "self._drop(self.end)"
    ),
    # lines and packets
    "a line sends nothing again": Mutant("line.window:Window.go_back", "self._sent = 0", "pass"),
    "a line takes a packet twice": Mutant(
        "line.window:Expected.is_next", "seq == self.seq", "seq in (self.seq, (self.seq - 1) % 256)"
    ),
    "a packet that is lost is not sent again": Mutant(
        "datagram.sending:Sending.packets", "each.again_at <= now", "False"
    ),
    "packets are taken out of order": Mutant(
        "datagram.receiving:Receiving._put_in_order",
        "while self._expected in self._early:\n",
        "while self._early:\n        self._expected = next(iter(self._early))\n",
    ),
}
