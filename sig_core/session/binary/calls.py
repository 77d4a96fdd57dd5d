"""What a client of the binary dialect may call (docs/protocol.md, section 5): routes and counts beside the rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from sig_core.errors import RemoteProtocolError
from sig_core.events import Name, Pattern, key_of, patterns_of
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Notice
from sig_core.routing.exchange import Exchange
from sig_core.routing.ports import Port, Run
from sig_core.session.calls import Calls, request_names, state_of

__all__ = ["BinaryCalls", "BinaryClient"]

_event_names = checks.list_of(checks.name, 0, 10**7)
_u32 = checks.count(0, 2**32 - 1)
_life = checks.text(1, 64)
_counts = checks.list_of(checks.pair_of(checks.name, checks.count(0, 2**53)), 0, 10**7)
_topics = checks.list_of(checks.pair_of(checks.name, checks.name), 0, 1000)


class BinaryClient(Port, Protocol):
    """The port of the client whose calls these are."""

    def bind(self, route: int, sender: Name, event: Name | None, *, told: bool = False) -> None:
        """Tell the client what a route stands for.

        Args:
            route: of the requests of a sender, or of one of its events.
            sender: its name.
            event: its name; None: the route is that of requests.
            told: the client learns it from an answer.
        """

    def tell_last(self, run: Run, sender: Name, event: Name, ident: int = 0) -> bool:
        """Tell the client a value that it asked for; see `ClientPort`."""

    def unbind(self, routes: list[int]) -> None:
        """Tell the client that numbers stand for nothing any more."""

    def note_unheard(self, pattern: Pattern) -> None:
        """Note that the client does not hear what matches for a while."""


class BinaryCalls(Calls):
    """The calls of one client of the binary dialect.

    Args:
        client, exchange, limits: see `Calls`.
        on_wishes: called when of other events than before only the newest is wanted.

    Attributes:
        unknown_notices: notices that this version does not know.
    """

    methods = tuple(sorted({*Calls.methods, "last", "ledger", "recall", "resolve", "skip", "sync"}))

    __slots__ = ("_all", "_latest", "_on_wishes", "unknown_notices")
    _client: BinaryClient

    def __init__(
        self, client: BinaryClient, exchange: Exchange, limits: Limits, on_wishes: Callable[[], None]
    ) -> None:
        super().__init__(client, exchange, limits)
        self._on_wishes = on_wishes
        self._latest: dict[int, Pattern] = {}  # listeners that want the newest alone
        self._all: dict[Pattern, int] = {}  # of each pattern that has such, how many want all
        self.unknown_notices = 0

    def take_notice(self, notice: Notice) -> None:
        """Take a notice; one that is not known is counted."""
        if notice.method != "cancel":
            self.unknown_notices += 1
            return
        try:
            self._exchange.requests.cancel(self._client, notice.params.get("id", _u32))
        except RemoteProtocolError:
            self.unknown_notices += 1

    # -- senders

    def _add_sender(self, params: Fields) -> dict[str, Any]:
        name = params.get("sender", checks.name)
        self._check_sizes(name, params)
        events = params.get("events", _event_names)
        requests = params.find("requests", request_names, None)
        life = params.find("life", _life, "")
        fired: dict[Name, int] = dict(params.find("fired", _counts, list[tuple[Name, int]]()))
        before = self._exchange.routed(name, life)
        entry = self._enter(name, events, requests, life, fired, state_of(name, events, params))
        self._client.bind(entry.route, name, None, told=True)
        response: dict[str, Any] = {"route": entry.route}
        response["events"] = [[event, entry.events[event]] for event in dict.fromkeys(events)]
        if before is not None:
            response["routed"] = [[event, before.get(event, 0)] for event in fired]
        return response

    def _remove_sender(self, params: Fields) -> None:
        entry = self._take_away(params)
        self._client.unbind([entry.route, *entry.events.values()])

    def _skip(self, params: Fields) -> None:
        """Count what the client has dropped of what it fired."""
        name = params.get("sender", checks.name)
        self._check_lists(name, params, "events")
        self._exchange.skip(self._client, name, dict(params.get("events", _counts)))

    def _resolve(self, params: Fields) -> dict[str, int]:
        entry = self._exchange.sender(params.get("sender", checks.name), self._client)
        self._client.bind(entry.route, entry.name, None, told=True)
        return {"route": entry.route}

    def _recall(self, params: Fields) -> None:
        for sender, event in params.get("topics", _topics):
            entry = self._exchange.senders.get(key_of(sender))
            heard = entry is not None and self._exchange.guard.may_hear(self._client, sender, event)
            if heard and entry is not None and event in entry.events:
                self._client.bind(entry.events[event], sender, event)

    def _sync(self, params: Fields) -> None:
        """Answer when all that came before was routed."""

    def _ledger(self, params: Fields) -> dict[str, Any]:
        """Tell what became of an event, for who may know who listens."""
        sender, event = params.get("sender", checks.name), params.get("event", checks.name)
        self._exchange.guard.check_operator(self._client, "peers")
        return self._exchange.ledger.of(sender, event)

    # -- listeners

    def _last(self, params: Fields) -> dict[str, int]:
        """Tell the last values of what matches."""
        pattern, ident = self._pattern(params), params.find("id", _u32, 0)
        self._exchange.guard.check_listener(self._client, pattern)
        return self._tell_last(pattern, ident)

    def _tell_last(self, pattern: Pattern, ident: int) -> dict[str, int]:
        values = self._exchange.last_values
        tell = partial(self._client.tell_last, ident=ident)
        told = [values.tell(self._client, value, tell) for value in values.of(self._client, pattern)]
        return {"told": sum(told), "lost": len(told) - sum(told)}

    def _add_listener(self, params: Fields) -> dict[str, int]:
        latest, last = params.find("latest", checks.boolean, False), params.find("last", _u32, None)
        response = super()._add_listener(params)
        ident = response["listener_id"]
        pattern = self._listeners[ident]
        if latest:
            self._latest[ident] = pattern
            self._all.setdefault(pattern, self._counts[pattern] - 1)
        elif pattern in self._all:
            self._all[pattern] += 1
        if self._latest:
            self._on_wishes()
        return response if last is None else response | self._tell_last(pattern, last)

    def _remove_listener(self, params: Fields) -> None:
        ident = params.find("listener_id", checks.anything, None)
        pattern = self._listeners.get(ident) if isinstance(ident, int) else None
        super()._remove_listener(params)
        if pattern is None or pattern not in self._all:
            return
        if self._latest.pop(ident, None) is None:
            self._all[pattern] -= 1
        if self._counts.get(pattern, 0) == self._all[pattern]:  # none of them wants the newest alone
            del self._all[pattern]
        self._on_wishes()

    def wants_newest(self, sender: Name, event: Name) -> bool:
        """Return whether of an event only the newest is wanted, by all that hear it."""
        heard = [pattern for pattern in patterns_of(sender, event) if pattern in self._counts]
        return bool(heard) and all(self._all.get(pattern, 1) == 0 for pattern in heard)

    def _unlisten(self, pattern: Pattern) -> None:
        super()._unlisten(pattern)
        self._client.note_unheard(pattern)
