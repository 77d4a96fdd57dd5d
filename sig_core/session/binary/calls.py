"""What a client of the binary dialect may call (docs/protocol.md, section 5): routes and counts beside the rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from sig_core.errors import Busy, ConfigError, NotOwner, RemoteProtocolError, SigError
from sig_core.events import Name, Pattern, key_of, patterns_of
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields
from sig_core.protocol.limits import Limits
from sig_core.protocol.messages import Notice
from sig_core.routing.deferred import Deferred
from sig_core.routing.durable_feed import DurableFeed
from sig_core.routing.durable_port import DurablePort
from sig_core.routing.durables import Durables
from sig_core.routing.exchange import Exchange
from sig_core.routing.ports import Port, Run
from sig_core.session.binary.kept_output import KeptOutput
from sig_core.session.calls import Calls, request_names, state_of

__all__ = ["BinaryCalls", "BinaryClient"]

_event_names = checks.list_of(checks.name, 0, 10**7)
_u32 = checks.count(0, 2**32 - 1)
_life = checks.text(1, 64)
_counts = checks.list_of(checks.pair_of(checks.name, checks.count(0, 2**53)), 0, 10**7)
_durable = checks.text(1, 255)
_position = checks.count(0, 2**64 - 1)
OF_DURABLES = ("acknowledge", "drop_durable", "durables")
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
        make_output: returns what the durable listener of an id gets its events by.

    Attributes:
        unknown_notices: notices that this version does not know.
    """

    methods = tuple(sorted({*Calls.methods, *OF_DURABLES, "last", "ledger", "recall", "resolve", "skip", "sync"}))

    __slots__ = ("_all", "_ended", "_feeds", "_latest", "_make_output", "_on_wishes", "unknown_notices")
    _client: BinaryClient

    def __init__(
        self,
        client: BinaryClient,
        exchange: Exchange,
        limits: Limits,
        on_wishes: Callable[[], None],
        make_output: Callable[[int], KeptOutput],
    ) -> None:
        super().__init__(client, exchange, limits)
        self._on_wishes = on_wishes
        self._make_output = make_output
        self._latest: dict[int, Pattern] = {}  # listeners that want the newest alone
        self._ended = False
        self._feeds: dict[int, tuple[DurablePort, DurableFeed]] = {}  # listeners that are durable
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

    def _ledger(self, params: Fields) -> Any:
        """Tell what became of an event, for who may know who listens."""
        sender, event = params.get("sender", checks.name), params.get("event", checks.name)
        self._exchange.guard.check_operator(self._client, "peers")
        told, durables = self._exchange.ledger.of(sender, event), self._exchange.durables
        return told if durables is None else durables.complete(told)

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

    def _add_listener(self, params: Fields) -> Any:
        durable = params.find("durable", _durable, "")
        return self._add_durable(durable, params) if durable else self._add_usual(params)

    def _add_usual(self, params: Fields) -> dict[str, int]:
        latest, last = params.find("latest", checks.boolean, False), params.find("last", _u32, None)
        response: dict[str, int] = super()._add_listener(params)
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
        if isinstance(ident, int) and ident in self._feeds:
            self._feeds.pop(ident)[1].end()
            return
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

    # -- durable listeners

    @property
    def _store(self) -> Durables:
        durables = self._exchange.durables
        if durables is None:
            remedy = "start it with sig serve --store FILE, or ServerRouter(store=FILE)"
            raise ConfigError(f"this server keeps nothing for durable listeners: {remedy}")
        return durables

    @property
    def _owner(self) -> str:
        principal = self._client.principal
        return principal.user if principal is not None and principal.is_somebody else ""

    def _add_durable(self, name: str, params: Fields) -> Deferred:
        pattern, durables = self._pattern(params), self._store
        most = self._limits.max_listeners
        if len(self._listeners) + len(self._feeds) >= most:
            raise Busy(f"durable {name!r}: {most} listeners on one link is the limit")
        self._exchange.guard.check_listener(self._client, pattern)
        self._exchange.guard.check_listeners(self._client, 1)
        self._exchange.guard.ask(self._client, "listen", *pattern)
        self._last_id += 1
        ident, answer = self._last_id, Deferred()
        output = self._make_output(ident)

        def attached(feed: DurableFeed | None, error: SigError | None) -> None:
            if feed is None:
                answer.settle(None, error)
            elif self._ended:
                feed.end()
            else:
                self._feeds[ident] = durables.find(name), feed
                answer.settle({"listener_id": ident, **feed.described()})
                feed.pump()

        durables.attach(name, pattern, self._owner, output).when_settled(attached)
        return answer

    @property
    def listeners(self) -> int:
        """How many the client has."""
        return super().listeners + len(self._feeds)

    def end_durables(self) -> None:
        """Note that the client is gone, and with it its durable listeners."""
        self._ended = True
        for _, feed in self._feeds.values():
            feed.end()
        self._feeds.clear()

    def _acknowledge(self, params: Fields) -> Deferred:
        ident, position = params.get("listener_id", _u32), params.get("position", _position)
        found = self._feeds.get(ident)
        if found is None:
            raise ConfigError(f"listener {ident}: there is no durable one of that id")
        return found[1].acknowledge(position)

    def _durables(self, params: Fields) -> Deferred:
        return self._store.described(port for port in self._store.all() if self._may_manage(port))

    def _drop_durable(self, params: Fields) -> Deferred:
        name = params.get("durable", _durable)
        port = self._store.find(name)
        if not self._may_manage(port):
            raise NotOwner(f"durable {name!r}: it belongs to another user")
        return self._store.drop(name)

    def _may_manage(self, port: DurablePort) -> bool:
        if self._client.principal is None or (port.record.owner and port.record.owner == self._owner):
            return True
        try:
            self._exchange.guard.check_operator(self._client, "durable")
        except SigError:
            return False
        return True
