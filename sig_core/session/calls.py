"""What a client may call, whatever its dialect: one method for each call, every param validated."""

from __future__ import annotations

from collections.abc import Callable, KeysView
from typing import Any

from sig_core.errors import Busy, ConfigError, ProtocolError, Status
from sig_core.events import Name, Pattern, key_of
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Call
from sig_core.routing.exchange import BUILT_IN, Exchange, SenderEntry
from sig_core.routing.ports import Port
from sig_core.routing.transcode import encode
from sig_core.session.splicing import EncodedList, can_splice

__all__ = ["Calls", "request_names", "state_of"]

# Bytes that what is registered counts, beside its names: half as much again as it takes. Of what is small the
# interpreter gives little back to the system, and its collector of garbage looks at each object.
SENDER = 750
EVENT = 600
METHOD = 90
PATTERN = 675
LISTENER = 200

VERSION_OF_SERVER = "1.01"  # what 0.7.3 answered, and clients of old compare with

request_names = checks.list_of(checks.optional(checks.text(1, 255)), 0, 1000)
_word = checks.text(1, 255)
_words = checks.list_of(_word, 0, 1000)
_name: Callable[[Any], Name | None] = checks.optional(checks.name)
_event_names = checks.list_of(checks.name, 0, 10**7)
_listener_id = checks.count(0, 2**53)


class UnknownCall(ProtocolError):
    """A call that is not of the protocol."""

    status = Status.UNKNOWN_PROTOCOL_METHOD


class Calls:
    """The calls of one client, and what it has registered by them.

    Args:
        client: the port whose calls these are.
        exchange: that the port belongs to.
        limits: how much a client may register.

    Attributes:
        methods: that may be called; method `name` is answered by `_name`.
        senders: how many the client has.
        weight: bytes that what it has registered takes.
    """

    methods: tuple[str, ...] = (
        "add_listener",
        "add_sender",
        "explain",
        "get_version",
        "list_senders",
        "remove_listener",
        "remove_sender",
        "stats",
        "whoami",
    )

    __slots__ = ("_client", "_counts", "_exchange", "_last_id", "_limits", "_listeners", "_routes", "senders", "weight")

    def __init__(self, client: Port, exchange: Exchange, limits: Limits) -> None:
        self._client = client
        self._exchange = exchange
        self._limits = limits
        self._listeners: dict[int, Pattern] = {}
        self._counts: dict[Pattern, int] = {}
        self._last_id = 0
        self.senders = 0
        self._routes = 0  # of all of them
        self.weight = 0

    @property
    def patterns(self) -> KeysView[Pattern]:
        """What the client listens to, each pattern once."""
        return self._counts.keys()

    @property
    def listeners(self) -> int:
        """How many the client has."""
        return len(self._listeners)

    def figures(self) -> dict[str, int]:
        """Return its part of `stats`."""
        return {"senders": self.senders, "subscriptions": len(self._counts)}

    def run(self, call: Call) -> Any:
        """Execute a call and return its response.

        Raises:
            SigError: it can't be done; its status says why.
        """
        if call.method not in self.methods:
            raise UnknownCall(f"unknown method {call.method!r}; known are: {', '.join(self.methods)}")
        return getattr(self, f"_{call.method}")(call.params)

    # -- senders

    def _check_sizes(self, name: Name, params: Fields) -> None:
        """Refuse a sender that is one too many, or has too many events, before anything is made of its lists."""
        if self.senders >= self._limits.max_senders:
            raise Busy(f"sender {name!r}: {self._limits.max_senders} senders on one link is the limit")
        self._check_weight(f"sender {name!r}")
        self._check_lists(name, params, "events", "fired", "state")
        if self._routes + 1 + params.size("events") + len(BUILT_IN) > self._limits.max_routes:
            raise Busy(f"sender {name!r}: {self._limits.max_routes} routes on one link is the limit")

    def _check_lists(self, name: Name, params: Fields, *fields: str) -> None:
        """Refuse lists that are longer than a sender may have events, before anything is made of them."""
        for field in fields:
            count, most = params.size(field), self._limits.max_events
            if count > most:
                raise Busy(f"sender {name!r}: {count} items of {field!r}, {most} are taken")

    def _check_weight(self, what: str) -> None:
        if self.weight >= self._limits.max_source:
            most = self._limits.max_source
            raise Busy(f"{what}: {self.weight} bytes are registered on this link; {most} is the limit (max_source)")

    def _enter(
        self,
        name: Name,
        events: list[Name],
        requests: list[str | None] | None,
        life: str,
        fired: dict[Name, int],
        state: list[Name],
    ) -> SenderEntry:
        entry = self._exchange.add_sender(self._client, name, events, requests, life=life, fired=fired, state=state)
        self.senders += 1
        self._routes += 1 + len(entry.events)
        self.weight += _weight_of(entry)
        return entry

    def _remove_sender(self, params: Fields) -> None:
        self._take_away(params)

    def _take_away(self, params: Fields) -> SenderEntry:
        entry = self._exchange.remove_sender(self._client, params.get("sender", checks.name))
        self.senders -= 1
        self._routes -= 1 + len(entry.events)
        self.weight -= _weight_of(entry)
        return entry

    def _whoami(self, params: Fields) -> dict[str, Any]:
        return self._exchange.guard.whoami(self._client)

    def _explain(self, params: Fields) -> dict[str, Any]:
        user, action = params.get("user", _word), params.get("action", _word)
        sender, name = params.find("sender", _name, None), params.find("name", _name, None)
        roles: list[str] | None = params.find("roles", _words, None)
        return self._exchange.guard.explain(self._client, user, roles, action, sender, name)

    def _get_version(self, params: Fields) -> str:
        return VERSION_OF_SERVER

    def note_removed(self, routes: int) -> None:
        """Note that a sender with so many routes was removed without its doing."""
        self.senders -= 1
        self._routes -= routes

    def _stats(self, params: Fields) -> dict[str, Any]:
        peers = params.find("peers", checks.boolean, False)
        self._exchange.guard.check_operator(self._client, "stats")
        if peers:
            self._exchange.guard.check_operator(self._client, "peers")
        told = self._exchange.stats(peers=peers)
        for peer in told.get("peers", ()):
            peer.pop("client", None)  # who a client is, is no other client's business
        return told

    def _list_senders(self, params: Fields) -> list[dict[str, Any]] | EncodedList:
        return self._listing(params.find("list_events", checks.boolean, False), [])

    def _listing(self, with_events: bool, first: list[dict[str, Any]]) -> list[dict[str, Any]] | EncodedList:
        """Return what is there, behind what comes first: each sender is encoded once, whoever asks how often."""
        exchange, client = self._exchange, self._client
        codec, entries = exchange.codec(client.codec), exchange.guard.listed_for(client, exchange.senders.values())
        if not can_splice(codec):
            return [*first, *(_describe(entry, with_events) for entry in entries)]
        key = codec.name, with_events
        for entry in entries:
            if key not in entry.lines:
                entry.lines[key] = encode(codec, _describe(entry, with_events))
        return EncodedList(codec, [*(encode(codec, item) for item in first), *(each.lines[key] for each in entries)])

    # -- listeners

    def _add_listener(self, params: Fields) -> Any:
        if params.find("durable", checks.anything, None) is not None:
            raise ConfigError("durable listeners are for clients of the binary dialect: a plain peer can't acknowledge")
        pattern = self._pattern(params)
        if len(self._listeners) >= self._limits.max_listeners:
            raise Busy(f"listener: {self._limits.max_listeners} listeners on one link is the limit")
        self._check_weight("listener")
        self._exchange.guard.check_listener(self._client, pattern)
        self._exchange.guard.check_listeners(self._client, 1)
        self._exchange.guard.ask(self._client, "listen", *pattern)
        self._last_id += 1
        self._listeners[self._last_id] = pattern
        count = self._counts[pattern] = self._counts.get(pattern, 0) + 1
        self.weight += LISTENER
        if count == 1:
            self.weight += PATTERN + sum(map(_size_of, pattern))
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
        self.weight -= LISTENER
        if not self._counts[pattern]:
            del self._counts[pattern]
            self.weight -= PATTERN + sum(map(_size_of, pattern))
            self._unlisten(pattern)

    def _unlisten(self, pattern: Pattern) -> None:
        """Forget the last listener of a pattern."""
        self._exchange.unlisten(self._client, pattern)


def state_of(name: Name, events: list[Name], params: Fields) -> list[Name]:
    """Return the events of a sender that are its state, as the params of `add_sender` say.

    Raises:
        ConfigError: one is none of its events.
    """
    state: list[Name] = params.find("state", _event_names, list[Name]())
    known = set(map(key_of, events)) if state else set()
    other = next((event for event in state if key_of(event) not in known), None)
    if other is not None:
        raise ConfigError(f"sender {name!r}: state event {other!r} is none of its events")
    return state


def _size_of(name: Name | None) -> int:
    return len(name) if isinstance(name, str) else 0


def _weight_of(entry: SenderEntry) -> int:
    """Return the bytes that a sender takes, roughly."""
    methods = entry.requests or ()
    names = sum(map(_size_of, (entry.name, *entry.events, *methods)))
    return SENDER + EVENT * len(entry.events) + METHOD * len(methods) + names


def _describe(entry: SenderEntry, with_events: bool) -> dict[str, Any]:
    described: dict[str, Any] = {"sender": entry.name, "connected": True}
    if with_events:
        described["events"] = [{"event": event} for event in entry.events]
        if entry.state:
            described["state"] = list(entry.state)
    return described
