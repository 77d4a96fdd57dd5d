"""What a client may call (docs/protocol.md, section 5): one method for each, every param validated."""

from __future__ import annotations

from collections.abc import Callable, KeysView
from typing import Any, Protocol

from sig_core.errors import Busy, ConfigError, ProtocolError, RemoteProtocolError, Status
from sig_core.events import Name, Pattern
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Call, Notice
from sig_core.routing.exchange import Exchange, SenderEntry
from sig_core.routing.ports import Port

__all__ = ["Calls", "Client", "request_names"]

VERSION_OF_SERVER = "1.01"  # what 0.7.3 answered, and clients of old compare with

_event_names = checks.list_of(checks.name, 0, 10**7)
request_names = checks.list_of(checks.optional(checks.text(1, 255)), 0, 1000)
_u32 = checks.count(0, 2**32 - 1)
_listener_id = checks.count(0, 2**53)
_life = checks.text(1, 64)
_counts = checks.list_of(checks.pair_of(checks.name, checks.count(0, 2**53)), 0, 10**7)
_topics = checks.list_of(checks.pair_of(checks.name, checks.name), 0, 10_000)


class UnknownCall(ProtocolError):
    """A call that is not of the protocol."""

    status = Status.UNKNOWN_PROTOCOL_METHOD


class Client(Port, Protocol):
    """The session that calls are made on."""

    def knows(self, route: int, sender: Name) -> None:
        """Note that the client learns the number of a sender from an answer."""

    def bind(self, route: int, sender: Name, event: Name | None) -> None:
        """Tell the client what a number stands for."""

    def forgets(self, pattern: Pattern) -> None:
        """Note that what matches is not heard for a while."""


class Calls:
    """The calls of one client, and the subscriptions that it made by them.

    Attributes:
        methods: that may be called; method `name` is answered by `_name`.
        unknown_notices: notices that this version does not know.
        senders: how many the client has.
    """

    methods: tuple[str, ...] = (
        "add_listener",
        "add_sender",
        "get_version",
        "list_senders",
        "recall",
        "remove_listener",
        "remove_sender",
        "resolve",
        "stats",
        "sync",
    )

    __slots__ = ("_client", "_counts", "_exchange", "_last_id", "_limits", "_listeners", "senders", "unknown_notices")

    def __init__(self, client: Client, exchange: Exchange, limits: Limits) -> None:
        self.unknown_notices = 0
        self._client = client
        self._exchange = exchange
        self._limits = limits
        self._listeners: dict[int, Pattern] = {}
        self._counts: dict[Pattern, int] = {}
        self._last_id = 0
        self.senders = 0

    @property
    def patterns(self) -> KeysView[Pattern]:
        """What the client listens to, each pattern once."""
        return self._counts.keys()

    def run(self, call: Call) -> Any:
        """Do what a call asks and give its response.

        Raises:
            SigError: it can't be done; its status says why.
        """
        if call.method not in self.methods:
            raise UnknownCall(f"unknown method {call.method!r}; known are: {', '.join(self.methods)}")
        return getattr(self, f"_{call.method}")(call.params)

    def note(self, notice: Notice) -> None:
        """Take a notice."""
        if notice.method != "cancel":
            self.unknown_notices += 1
            return
        try:
            self._exchange.requests.cancel(self._client, notice.params.get("id", _u32))
        except RemoteProtocolError:
            self.unknown_notices += 1

    # -- senders

    def _add_sender(self, params: Fields) -> dict[str, Any] | None:
        name = params.get("sender", checks.name)
        events = params.get("events", _event_names)
        requests = params.find("requests", request_names, None)
        life = params.find("life", _life, "")
        fired: dict[Name, int] = dict(params.find("fired", _counts, list[tuple[Name, int]]()))
        before = self._exchange.routed(name, life)
        entry = self._enter(name, events, requests, life, fired)
        self._client.knows(entry.route, name)
        response: dict[str, Any] = {"route": entry.route}
        response["events"] = [[event, entry.events[event]] for event in dict.fromkeys(events)]
        if before is not None:
            response["routed"] = [[event, before.get(event, 0)] for event in fired]
        return response

    def _enter(
        self, name: Name, events: list[Name], requests: list[str | None] | None, life: str, fired: dict[Name, int]
    ) -> SenderEntry:
        if self.senders >= self._limits.max_senders:
            raise Busy(f"sender {name!r}: {self._limits.max_senders} senders on one link is the limit")
        if len(events) > self._limits.max_events:
            raise Busy(f"sender {name!r}: {len(events)} events, {self._limits.max_events} are taken")
        entry = self._exchange.add_sender(self._client, name, events, requests, life=life, fired=fired)
        self.senders += 1
        return entry

    def _remove_sender(self, params: Fields) -> None:
        self._exchange.remove_sender(self._client, params.get("sender", checks.name))
        self.senders -= 1

    def _resolve(self, params: Fields) -> dict[str, int]:
        entry = self._exchange.sender(params.get("sender", checks.name))
        self._client.knows(entry.route, entry.name)
        return {"route": entry.route}

    def _recall(self, params: Fields) -> None:
        for sender, event in params.get("topics", _topics):
            entry = self._exchange.senders.get(sender)
            if entry is not None and event in entry.events:
                self._client.bind(entry.events[event], sender, event)

    def _get_version(self, params: Fields) -> str:
        return VERSION_OF_SERVER

    def _sync(self, params: Fields) -> None:
        """Say that all that came before was routed."""

    def _stats(self, params: Fields) -> dict[str, Any]:
        return self._exchange.stats(peers=params.find("peers", checks.boolean, False))

    def _list_senders(self, params: Fields) -> list[dict[str, Any]]:
        with_events = params.find("list_events", checks.boolean, False)
        return [self._describe(name, with_events) for name in self._exchange.senders]

    def _describe(self, name: Name, with_events: bool) -> dict[str, Any]:
        described: dict[str, Any] = {"sender": name, "connected": True}
        if with_events:
            described["events"] = [{"event": event} for event in self._exchange.senders[name].events]
        return described

    # -- listeners

    def _add_listener(self, params: Fields) -> dict[str, int]:
        pattern = self._pattern(params)
        if len(self._listeners) >= self._limits.max_listeners:
            raise Busy(f"listener: {self._limits.max_listeners} listeners on one link is the limit")
        self._last_id += 1
        self._listeners[self._last_id] = pattern
        count = self._counts[pattern] = self._counts.get(pattern, 0) + 1
        if count == 1:
            self._exchange.listen(self._client, pattern)
        return {"listener_id": self._last_id}

    def _pattern(self, params: Fields) -> Pattern:
        check: Callable[[Any], Name | None] = checks.optional(checks.name)
        return params.get("sender", check), params.get("event", check)

    def _remove_listener(self, params: Fields) -> None:
        ident = params.get("listener_id", _listener_id)
        pattern = self._listeners.pop(ident, None)
        if pattern is None:
            raise ConfigError(f"listener {ident} not found")
        self._counts[pattern] -= 1
        if not self._counts[pattern]:
            del self._counts[pattern]
            self._exchange.unlisten(self._client, pattern)
            self._client.forgets(pattern)
