"""What a plain peer may call (docs/plain.md, section 2): the calls of a client, as pysig 0.7 wrote them."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from sig_core.errors import Busy, NotOwner, UnknownEvent
from sig_core.events import Name, Pattern, patterns_of
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields
from sig_core.protocol.limits import Limits
from sig_core.routing.exchange import Exchange
from sig_core.routing.ports import Port, Run
from sig_core.session.calls import Calls, request_names, state_of
from sig_core.session.plain.output import PlainOutput
from sig_core.session.splicing import EncodedList

__all__ = ["PlainCalls"]

_name_or_any = checks.optional(checks.name)
_event_names = checks.choice_of(checks.optional(checks.name), checks.list_of(checks.name, 0, 10**7))
MAX_CACHED = 1000  # events whose listeners are remembered
MOST_ALIKE = 10  # listeners of one pattern: each of them gets a message of its own for each event

_flag = checks.optional(checks.boolean)


class PlainClient(Port, Protocol):
    """The port that these calls are made on.

    Attributes:
        output: what the peer gets.
    """

    output: PlainOutput

    def tell_last(self, run: Run, sender: Name, event: Name, listener: int = 0) -> bool:
        """Tell the peer a last value; see `PlainPort`."""

    def fire(self, route: int, additions: dict[str, Any], data: Any) -> None:
        """Route an event of one of the peer's senders.

        Args:
            route: of the event.
            additions: what its info has beside sender and event.
            data: its value.
        """


class PlainCalls(Calls):
    """The calls of one plain peer, beside `request`, which is answered later."""

    methods = tuple(sorted({*Calls.methods, "plain", "request", "signal"}))
    _client: PlainClient

    def __init__(self, client: PlainClient, exchange: Exchange, limits: Limits) -> None:
        super().__init__(client, exchange, limits)
        self._hearing: dict[tuple[Name, Name], list[int]] = {}
        self._at: dict[Pattern, dict[int, None]] = {}  # the listeners of each pattern

    # -- senders

    def _add_sender(self, params: Fields) -> None:
        name = params.get("sender", checks.name)
        self._check_sizes(name, params)
        events = params.find("events", _event_names, None)
        if not isinstance(events, list):
            events = [] if events is None else [events]
        self._enter(name, events, params.find("requests", request_names, None), "", {}, state_of(name, events, params))

    def _list_senders(self, params: Fields) -> list[dict[str, Any]] | EncodedList:
        broadcast: dict[str, Any] = {"sender": None, "connected": True}
        with_events = params.find("list_events", checks.boolean, False)
        return self._listing(with_events, [broadcast | ({"events": []} if with_events else {})])

    def _signal(self, params: Fields) -> None:
        info = params.get("info", checks.anything)
        fields = Fields(info, "info")
        sender, event = fields.get("sender", checks.name), fields.get("event", checks.name)
        entry = self._exchange.sender(sender, self._client)
        if entry.owner is not self._client:
            whose = self._exchange.guard.owner_words(self._client, entry)
            raise NotOwner(f"sender {sender!r} belongs to {whose}; only who added it may trigger for it")
        if event not in entry.events:
            raise UnknownEvent(f"sender {sender!r} has not declared the event {event!r}")
        additions = {name: value for name, value in info.items() if name not in ("sender", "event")}
        self._client.fire(entry.events[event], additions, params.find("data", checks.anything, None))

    # -- listeners

    def listeners_of(self, sender: Name, event: Name) -> list[int]:
        """Return the ids of the listeners that hear an event, in order of dispatch."""
        found = self._hearing.get((sender, event))
        if found is None:
            if len(self._hearing) >= MAX_CACHED:
                self._hearing.clear()
            found = self._hearing[sender, event] = [
                ident for pattern in patterns_of(sender, event) for ident in self._at.get(pattern, ())
            ]
        return found

    def greet(self, listener: int) -> None:
        """Tell a listener that came just now the last values of what it hears."""
        values, client = self._exchange.last_values, self._client
        for value in values.of(client, self._listeners[listener]) if len(values) else ():
            values.tell(client, value, partial(client.tell_last, listener=listener))

    def _add_listener(self, params: Fields) -> Any:
        if len(self._listeners) >= self._limits.max_plain_listeners:
            raise Busy(f"listener: {self._limits.max_plain_listeners} listeners of one plain peer is the limit")
        pattern = self._pattern(params)
        if len(self._at.get(pattern, ())) >= MOST_ALIKE:
            raise Busy(f"listener: {MOST_ALIKE} of this peer hear the same already, which is the limit")
        self._hearing.clear()
        answer: dict[str, int] = super()._add_listener(params)
        self._at.setdefault(pattern, {})[answer["listener_id"]] = None
        return answer

    def _remove_listener(self, params: Fields) -> None:
        self._hearing.clear()
        pattern = self._listeners.get(params.get("listener_id", checks.count(0, 2**53)))
        super()._remove_listener(params)
        if pattern is not None:
            del self._at[pattern][params.get("listener_id", checks.count(0, 2**53))]
            if not self._at[pattern]:
                del self._at[pattern]

    def _pattern(self, params: Fields) -> Pattern:
        return params.find("sender", _name_or_any, None), params.find("event", _name_or_any, None)

    # -- the peer itself

    def _plain(self, params: Fields) -> None:
        lines, answering = params.find("lines", _flag, None), params.find("answers", _flag, None)
        self._client.output.declare(lines=lines, answering=answering)
