"""What arrives at a client on one link: events for its listeners, requests for its senders, losses to be counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from sig_core.errors import AccessDenied, CodecError, SigError, UnknownSender
from sig_core.events import Info, Name
from sig_core.routing.counting import give_back
from sig_core.routing.listener_queue import SUPERSEDED
from sig_core.routing.traffic import Traffic
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.fan_out import fan_out, fan_out_pieces
from sig_core.session.binary.reports import (
    Bound,
    Due,
    Events,
    Gap,
    Kept,
    KeptLost,
    Last,
    LastTold,
    Refused,
    Report,
    RequestsReceived,
    Unbound,
)
from sig_core.session.client_state.asks import Log
from sig_core.session.client_state.last_listeners import last_of
from sig_core.session.client_state.registrations import Registrations
from sig_core.session.errors import error_of_handler

__all__ = ["Inbound"]

NOT_TOLD = "too long, not to be carried in its codec, or dropped since it was slow"


class Inbound:
    """Runs listeners and handlers, and counts what did not come.

    Args:
        session: of the link.
        registrations: the senders and listeners that are meant.
        lost: counts events that did not reach this program, by (sender, event).
        traffic: counts what passed.
        failed: called when a listener raised, with (callback, info, error).
        log: where losses are told.
        refused: called with what the rules of the server took away.
    """

    __slots__ = ("_counted", "_failed", "_log", "_lost", "_refused", "_registrations", "_session", "_traffic")

    def __init__(
        self,
        session: ClientSession,
        registrations: Registrations,
        lost: Counter[tuple[Name, Name | None]],
        traffic: Traffic,
        failed: Callable[[Any, Info, BaseException], None],
        log: Log,
        refused: Callable[[SigError], None],
    ) -> None:
        self._refused = refused
        self._counted: set[tuple[Name, Name]] = set()  # whose last bind on this link told a count
        self._session = session
        self._registrations = registrations
        self._lost = lost
        self._traffic = traffic
        self._failed = failed
        self._log = log

    def events(self, report: Events, most: int = 0) -> Iterable[int]:
        """Run the listeners of a run of events.

        Args:
            most: events of the first piece; 0: all, now.

        Returns:
            What runs them piece by piece; see `fan_out_pieces`. Nothing, if all ran.
        """
        sender, event, codec, registrations = report.sender, report.event, self._session.encoding, self._registrations
        assert codec is not None
        registrations.losses.add(sender, event, report.count)
        self._traffic.delivered += report.count

        def bad(error: BaseException) -> None:
            self._lost[sender, event] += 1
            self._traffic.delivered -= 1
            self._tell_queues(sender, event, 1, f"not {codec.name}")
            text = f"event {event!r} of sender {sender!r} did not reach this program: not {codec.name}: {error}"
            self._log.error(text)

        topic = registrations.table.topic(sender, event)
        if most:
            return fan_out_pieces(report, topic, codec, self._failed, bad, most)
        fan_out(report, topic, codec, self._failed, bad)
        return ()

    def drop(self, report: Events, count: int) -> None:
        """Count the last events of a run as lost: the client stops before its listeners got to them.

        Args:
            count: so many of them, 0 .. `report.count`; all: the run was not begun.
        """
        if count < report.count:
            self._traffic.delivered -= count
        self._lose(report.sender, report.event, count, "the client stopped")

    def call(self, report: RequestsReceived, method: str, params: bytes) -> Any:
        """Call the handler of a request, and return what it returns.

        Raises:
            UnknownSender, UnknownMethod, CodecError: there is nothing to call, or nothing to call it with.
            Exception: whatever the handler raises.
        """
        remote = self._registrations.senders.get(report.sender)
        if remote is None:
            raise UnknownSender(f"sender {report.sender!r} is not connected")
        return remote.sender.handler.call(method, self._session.decode(params))

    def incoming(self, report: RequestsReceived, ident: int, method: str, params: bytes) -> None:
        """Run the handler of a request, and answer."""
        try:
            value = self.call(report, method, params)
        except BaseException as error:
            self.answer(report, ident, None, error)
        else:
            self._session.reply(ident, report.route, value)  # what `answer` does, without a call more

    def answer(self, report: RequestsReceived, ident: int, value: Any, error: BaseException | None) -> None:
        """Answer a request whose handler has ended.

        Args:
            value, error: what the handler returned, or raised; else None.
        """
        if error is None:
            self._session.reply(ident, report.route, value)
        else:
            self._session.fail_to(ident, report.route, error_of_handler(error))

    def other(self, report: Report) -> None:
        """Count what was lost, by what the server says of it; and forget what it has forgotten."""
        registrations = self._registrations
        if isinstance(report, Unbound):
            registrations.forget_topics(report.topics)
            self._counted.difference_update(report.topics)
            give_back(self._lost, report.topics)
            registrations.lasts.unbound(report.topics)
        elif isinstance(report, Kept | KeptLost | Due):
            self._durable(report)
        elif isinstance(report, Bound):
            self._bound(report)
        elif isinstance(report, Last):
            self._tell_last(report)
        elif isinstance(report, LastTold):
            registrations.lasts.joined(report.ident)
            if report.lost:
                self._log.warning(f"{report.lost} last values did not reach this program: {NOT_TOLD}")
        elif isinstance(report, Refused):
            self._refused(AccessDenied(_words_of(report)))
        elif isinstance(report, Gap) and report.sent:
            self._log.error(f"events {report.event!r} of sender {report.sender!r} were refused: {report.reason}")
        elif isinstance(report, Gap):
            self._gap(report)

    def _bound(self, report: Bound) -> None:
        registrations, sender, event = self._registrations, report.sender, report.event
        losses, missing = registrations.losses, 0
        (self._counted.add if report.life else self._counted.discard)((sender, event))
        stands = losses.stands_at(sender, event, report.life)
        known = stands >= 0 and (not report.anew or stands == report.count)  # what was not to arrive was nothing
        if not report.life:
            losses.pause(sender, event)
        elif registrations.is_meant(sender, event, report.number):
            missing = losses.begin(sender, event, report.life, report.count, anew=report.anew)
            if not registrations.table.match(sender, event):  # it is for one that is leaving
                missing = 0
            self._lose(sender, event, missing, "a link was lost")
        if report.is_state:
            registrations.lasts.bound(report, missing, known=known)

    def _durable(self, report: Kept | KeptLost | Due) -> None:
        listener = self._registrations.durable_at(self._session, report.ident)
        if listener is None:  # it was removed just now: what is not acknowledged comes again
            return
        if isinstance(report, Kept):
            self._traffic.delivered += 1
            listener.take(report)
        elif isinstance(report, Due):
            listener.again()
        else:
            listener.lost[report.reason] = listener.lost.get(report.reason, 0) + report.count
            self._log.warning(f"{report.count} events do not come to durable {listener.name!r}: {report.reason}")

    def _gap(self, report: Gap) -> None:
        losses, event = self._registrations.losses, report.event
        if event is not None:
            key = report.sender, event
            if key in self._counted and not losses.knows(*key):  # it was under way to a listener that has ended
                return
            losses.add(*key, report.count)
            if report.reason != SUPERSEDED:  # else what is newer is under way
                self._registrations.lasts.lost(key, losses.stands_at(*key))
        self._lose(report.sender, event, report.count, report.reason)

    def _tell_last(self, report: Last) -> None:
        """Tell a value to those whom it is for."""
        key = sender, event = report.sender, report.event
        registrations = self._registrations
        if report.ident:
            targets = registrations.lasts.asked(key, report.ident)
        else:
            count, topic = registrations.losses.stands_at(*key), registrations.table.topic(*key)
            targets = registrations.lasts.unasked(key, count, topic.targets or topic.refresh())
        if not targets:
            return
        try:
            info, value = last_of(report, self._session)
        except CodecError as error:
            self._lose(sender, event, 1, f"its last value: {error}")
            return
        for target in targets:
            try:
                target.tell(info, value)
            except BaseException as error:  # see `fan_out`
                self._failed(target.callback, info, error)

    def _lose(self, sender: Name, event: Name | None, count: int, reason: str) -> None:
        if count:
            self._lost[sender, event] += count
            self._tell_queues(sender, event, count, reason)
            if reason != SUPERSEDED:  # which is what all that hear it asked for
                self._log.warning(f"{count} events {event!r} of sender {sender!r} did not reach this program: {reason}")


    def _tell_queues(self, sender: Name, event: Name | None, count: int, reason: str) -> None:
        """Let the listeners that count know what did not come to them either."""
        if event is not None:
            for target in self._registrations.table.match(sender, event):
                if target.queue is not None:
                    target.queue.lose(count, reason, {"sender": sender, "event": event})


def _words_of(refused: Refused) -> str:
    what = f"sender {refused.sender!r}" if refused.pattern is None else f"listener for {refused.pattern!r}"
    return f"{what}: {refused.reason}"
