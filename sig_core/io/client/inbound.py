"""What arrives at a client, on its reading thread: events, requests, news of the link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from sig_core.errors import SigError, UnknownSender
from sig_core.events import Info, Name
from sig_core.io.client.link import ClientLink
from sig_core.io.client.registrations import Registrations
from sig_core.log import log
from sig_core.routing.traffic import Traffic
from sig_core.session.binary.fan_out import fan_out
from sig_core.session.binary.reports import Bound, Closed, Events, Gap, Report, RequestsReceived
from sig_core.session.errors import error_of_handler

__all__ = ["Inbound"]


class Inbound:
    """Runs listeners and handlers, and counts what did not come.

    Args:
        members: the senders and listeners that are meant.
        lost: counts events that did not reach this program, by (sender, event).
        traffic: counts what passed.
        failed: called when a listener raised, with (callback, info, error).
        departed: called with a link that has ended, and why.
    """

    def __init__(
        self,
        members: Registrations,
        lost: Counter[tuple[Name, Name | None]],
        traffic: Traffic,
        failed: Callable[[Any, Info, BaseException], None],
        departed: Callable[[ClientLink, SigError], None],
    ) -> None:
        self._members = members
        self._lost = lost
        self._traffic = traffic
        self._failed = failed
        self._departed = departed

    def events(self, link: ClientLink, report: Events) -> None:
        """Run the listeners of a run of events."""
        sender, event, codec = report.sender, report.event, link.codec
        self._members.ledger.add(sender, event, report.count)
        self._traffic.delivered += report.count

        def bad(error: Exception) -> None:
            self._lost[sender, event] += 1
            self._traffic.delivered -= 1
            log.error(f"event {event!r} of sender {sender!r} did not reach this program: not {codec.name}: {error}")

        fan_out(report, self._members.table.topic(sender, event), codec, self._failed, bad)

    def incoming(self, link: ClientLink, report: RequestsReceived, ident: int, method: str, params: bytes) -> None:
        """Run the handler of a request, and answer."""
        session = link.session
        try:
            member = self._members.senders.get(report.sender)
            if member is None:
                raise UnknownSender(f"sender {report.sender!r} is not connected")
            value = member.sender.handler.call(method, session.decode(params))
        except (Exception, SystemExit) as error:
            session.fail_to(ident, report.route, error_of_handler(error))
        else:
            session.reply(ident, report.route, value)

    def other(self, link: ClientLink, report: Report) -> None:
        """Count gaps, and note the end of the link."""
        if isinstance(report, Bound):
            missing = self._members.ledger.begin(report.sender, report.event, report.life, report.count)
            self._lose(report.sender, report.event, missing, "a link was lost")
        elif isinstance(report, Gap) and report.sent:
            log.error(f"events {report.event!r} of sender {report.sender!r} were refused: {report.reason}")
        elif isinstance(report, Gap):
            if report.event is not None:
                self._members.ledger.add(report.sender, report.event, report.count)
            self._lose(report.sender, report.event, report.count, report.reason)
        elif isinstance(report, Closed):
            self._departed(link, report.error)

    def _lose(self, sender: Name, event: Name | None, count: int, reason: str) -> None:
        if count:
            self._lost[sender, event] += count
            log.warning(f"{count} events {event!r} of sender {sender!r} did not reach this program: {reason}")
