"""The exchange: senders, routes and requests between ports. The core of a server, without I/O.

Nothing here blocks or runs user code. An exchange is not thread-safe: all calls are made under one lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from sig_core.contract import Codec
from sig_core.errors import (
    Busy,
    CodecError,
    NotOwner,
    RoutingError,
    SenderExists,
    SigError,
    UnknownMethod,
    UnknownSender,
)
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Key, Name, Pattern, key_of
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame
from sig_core.routing.confirmed import ConfirmedEvents
from sig_core.routing.departed import Departed, DepartedSenders
from sig_core.routing.durables import Durables
from sig_core.routing.flow_control import FlowControl
from sig_core.routing.guard import Guard
from sig_core.routing.last_values import LastValues
from sig_core.routing.leaving import Leaving
from sig_core.routing.ledger import Ledger
from sig_core.routing.memory_budget import MemoryBudget
from sig_core.routing.numbers import RouteNumbers
from sig_core.routing.ports import Port, RequestBatch, Run
from sig_core.routing.requests import Requests
from sig_core.routing.run_length import RunLength
from sig_core.routing.shared_work import SharedWork
from sig_core.routing.state_port import StatePort
from sig_core.routing.table import Table, Topic
from sig_core.routing.traffic import Traffic
from sig_core.routing.transcode import Transcoder, encode

__all__ = ["BUILT_IN", "Exchange", "SenderEntry", "no_target"]

OPEN = Guard()
NEVER_SEEN = Departed(0, {}, "", {})
BUILT_IN = (EVENT_CONNECT, EVENT_DISCONNECT)


class SenderEntry:
    """A connected sender.

    Attributes:
        name: of the sender.
        owner: the port that added it.
        route: of its requests.
        events: route of each event, in the order declared, the built-in ones last.
        requests: method names; None among them: a default handler; None instead of a list: it takes no requests.
        life: text that its owner keeps over all its links while the sender lives there; "": its events are not counted.
        state: those of its events whose last value is kept.
        lines: what `list_senders` says of it, encoded, by codec and whether with its events; added when asked for.
    """

    __slots__ = ("events", "life", "lines", "name", "owner", "requests", "route", "state")

    def __init__(self, name: Name, owner: Port, requests: list[str | None] | None, life: str) -> None:
        self.name = name
        self.owner = owner
        self.requests = requests
        self.life = life
        self.route = 0
        self.events: dict[Name, int] = {}
        self.state: tuple[Name, ...] = ()
        self.lines: dict[tuple[str, bool], bytes] = {}

    def presence(self) -> dict[str, Any]:
        """Return the data of `#connect` and `#disconnect`."""
        told: dict[str, Any] = {"events": list(self.events), "requests": self.requests}
        if self.state:
            told["state"] = list(self.state)
        return told

    def state_routes(self) -> list[int]:
        """Return the routes of its state events."""
        return [self.events[event] for event in self.state]


class _Route:
    """The event that a route stands for, while its sender is connected."""

    __slots__ = ("count", "event", "life", "open_to", "sender", "topic")

    def __init__(self, sender: Name, event: Name, open_to: Port | None, life: str, count: int) -> None:
        self.sender = sender
        self.event = event
        self.topic: Topic[Port] | None = None  # until it is needed: many are declared and never fired
        self.open_to = open_to  # the port that may send on it; None: the exchange alone (presence)
        self.life = life
        self.count = count  # events that were fired in this life so far


class Exchange:
    """Routes events and requests between ports.

    Args:
        codec: returns the codec of a name (for presence and transcoding).
        limits: those of names, input and transcoding are for the exchange; the others are for the ports.
        clock: returns monotonic seconds, for the latencies of requests, and for how long a turn takes.
        guard: what ports may.

    Attributes:
        clock, codec: see above.
        senders: those that are connected, by `key_of` their names.
        flow_control: pauses the ports that feed slow ones.
        memory: what all links hold.
        last_values: those of state events.
        state_port: hears these for it.
        confirmed: routes events whose owners want to know where they went.
        leaving: ports that have left, whose senders are removed in turns.
        ledger: tells what became of an event.
        requests: that are open.
        objects: what plain peers get of a run: made once for all of them.
        run_length: of events that are routed in one piece.
        transcoder: puts payloads into another codec.
        durables: keeps events for listeners that are away; None: there is no store.
        told_beside: returns what `stats` tells of the server beside this.
    """

    def __init__(
        self, codec: Callable[[str], Codec], limits: Limits, clock: Callable[[], float], guard: Guard = OPEN
    ) -> None:
        self.clock = clock
        self.codec = codec
        self._limits = limits
        self.guard = guard
        self._table: Table[Port] = self._make_table()
        self.transcoder = Transcoder(codec, limits.max_transcode)
        self._routes: dict[int, _Route] = {}
        self._targets: dict[int, SenderEntry] = {}
        self._owned: dict[Port, dict[Key, SenderEntry]] = {}  # of each port that has senders
        self._numbers = RouteNumbers(self._is_taken)
        self._departed = DepartedSenders(limits.max_departed)
        self.senders: dict[Key, SenderEntry] = {}
        self.last_values = LastValues(limits, self.transcoder, guard.may_hear, self._state_routes)
        self.state_port = StatePort(limits, self.last_values)
        self.flow_control = FlowControl()
        self.memory = MemoryBudget(limits.max_memory, limits.max_source, self._linked)
        self.requests = Requests(self.transcoder, self.flow_control, clock, limits.max_outbox)
        self.requests.on_wait = self._note_waiting
        self.leaving = Leaving(self._remove_senders, self.requests.fail_owner, clock)
        self._ports: dict[Port, bool] = {}  # False: a link
        self.confirmed = ConfirmedEvents(
            *(self._routes.get, self._table.topic, self._targets_of, self._forward, self._ports, self._breach)
        )
        self.run_length = RunLength(self._routes.get, self._topic_of, self._targets_of)
        self.ledger = Ledger(self._routes.get, self.route_of, self._table.match)
        self._links = 0  # ever
        self._past = Traffic()  # of all ports that left
        self.objects: SharedWork[list[bytes | None]] = SharedWork()
        self.durables: Durables | None = None
        self.told_beside: Callable[[], dict[str, Any]] = dict

    def _make_table(self) -> Table[Port]:
        return Table()

    # -- senders

    def add_sender(
        self,
        port: Port,
        name: Name,
        events: list[Name],
        requests: list[str | None] | None,
        *,
        life: str = "",
        fired: Mapping[Name, int] | None = None,
        state: Iterable[Name] = (),
        tell_owner: bool = True,
    ) -> SenderEntry:
        """Connect a sender and fire its `#connect`.

        Args:
            port: its owner.
            name: of the sender.
            events, requests, life: see `SenderEntry`.
            fired: events that it fired in this life so far, by event, as its owner counts.
            state: those of its events whose last value is to be kept; of others nothing is.
            tell_owner: the owner hears `#connect` as well; else it tells its own listeners.

        Raises:
            SenderExists: the name is taken.
            Busy: the routes are used up.
        """
        key = key_of(name)
        taken = self.senders.get(key)
        if taken is not None and taken.owner in self.leaving.ports:  # its turn has not come yet
            self.remove_sender(taken.owner, name, may_return=self.leaving.ports[taken.owner])
        elif taken is not None:
            raise SenderExists(f"sender {name!r} is already connected, by {self.guard.owner_words(port, taken)}")
        entry = SenderEntry(name, port, requests, life)
        keys = dict.fromkeys([*events, *BUILT_IN])
        before = self._make_room(name, keys)
        entry.route = before.route or self._numbers.next()
        self._targets[entry.route] = entry
        for event in keys:
            entry.events[event] = before.events.get(event) or self._numbers.next()
        if state:
            self._begin_state(entry, state)
        for event in keys:
            self._open(entry, event, (fired or {}).get(event, 0), before)
        owned = self._owned.setdefault(port, {})
        self.senders[key] = owned[key] = entry  # in one step, as far as interrupts go: nothing is called between
        self._fire_presence(entry, EVENT_CONNECT, None if tell_owner else port)
        return entry

    def _begin_state(self, entry: SenderEntry, state: Iterable[Name]) -> None:
        """Keep the last values of some events of a sender."""
        entry.state = tuple(event for event in dict.fromkeys(state) if event in entry.events and event not in BUILT_IN)
        self.last_values.begin((entry.events[event], entry.name, event) for event in entry.state)
        for event in entry.state:
            self._table.add((entry.name, event), self.state_port)

    def _state_routes(self, name: Name) -> list[int]:
        entry = self.senders.get(key_of(name))
        return [] if entry is None else entry.state_routes()

    def _end_state(self, entry: SenderEntry) -> None:
        self.last_values.end(entry.state_routes())
        for event in entry.state:
            self._table.remove((entry.name, event), self.state_port)

    def _make_room(self, name: Name, events: Collection[Name]) -> Departed:
        """Have routes for a sender and its events, and return what is known of it from before: others give way."""
        most, used = self._limits.max_names, len(self._routes) + len(self._targets) + 1 + len(events)
        if used > most:
            raise Busy(f"sender {name!r}: all {most} routes of this server are given")
        before = self._departed.take(name, events)
        self._departed.shrink(most - used)
        return before or NEVER_SEEN

    def _is_taken(self, route: int) -> bool:
        """Return whether a number stands for something; looks everywhere."""
        here = route in self._routes or route in self._targets or self._departed.has_route(route)
        return here or any(port.names_at(route) is not None for port in self._ports)

    def _open(self, entry: SenderEntry, event: Name, fired: int, before: Departed) -> None:
        """Let events of a route through, and tell those who hear them where the count stands."""
        number = entry.events[event]
        if event in BUILT_IN:
            self._routes[number] = _Route(entry.name, event, None, "", 0)
            return
        route = self._routes[number] = _Route(entry.name, event, entry.owner, entry.life, fired)
        if not fired and event not in before.events:  # the number is new to everybody: there is nothing to be told
            return
        back = entry.life and before.life == entry.life
        missing = max(0, fired - before.counts.get(event, 0)) if back else 0
        for target in self._targets_of(self._topic_of(route)):
            target.rebind(number, entry.name, event, missing, known_only=not fired)

    def _topic_of(self, route: _Route) -> Topic[Port]:
        if route.topic is None:
            route.topic = self._table.topic(route.sender, route.event)
        return route.topic

    def remove_sender(
        self, port: Port, name: Name, *, tell_owner: bool = True, may_return: bool = False
    ) -> SenderEntry:
        """Disconnect a sender, fire its `#disconnect`, and return it.

        Args:
            port: its owner.
            name: of the sender.
            tell_owner: see `add_sender`.
            may_return: its link was lost: it may come back in the life that it has.

        Raises:
            UnknownSender: it is not connected.
            NotOwner: another port added it.
        """
        entry = self.sender(name, port)
        if entry.owner is not port:
            whose = self.guard.owner_words(port, entry)
            raise NotOwner(f"sender {name!r} belongs to {whose}; only who added a sender may remove it")
        key = key_of(name)
        del self.senders[key]
        del self._targets[entry.route]
        del self._owned[port][key]
        if not self._owned[port]:
            del self._owned[port]
        counts = {event: self._routes.pop(number).count for event, number in entry.events.items()}
        left = Departed(entry.route, entry.events, entry.life, counts if entry.life else {}, may_return=may_return)
        self._departed.add(name, left)
        if entry.state:
            self._end_state(entry)
        self._fire_presence(entry, EVENT_DISCONNECT, None if tell_owner else port)
        self._table.drop(name)
        return entry

    def skip(self, port: Port, name: Name, counts: Mapping[Name, int]) -> None:
        """Count events that a sender has fired and its owner has dropped, and tell those who hear them.

        Args:
            port: its owner.
            name: of the sender.
            counts: of each event, how many.

        Raises:
            UnknownSender: it is not connected.
            NotOwner: another port added it.
        """
        entry = self.sender(name, port)
        if entry.owner is not port:
            whose = self.guard.owner_words(port, entry)
            raise NotOwner(f"sender {name!r} belongs to {whose}; only who added it may skip its events")
        for event, count in counts.items():
            number = entry.events.get(event, 0)
            if not count or not number or event in BUILT_IN:
                continue
            route = self._routes[number]
            targets = self._targets_of(self._topic_of(route))
            for target in targets:
                if target.names_at(number) is None:  # first where the count stood: what comes was meant for it
                    target.rebind(number, name, event, 0, known_only=False)
            route.count += count
            for target in targets:
                target.rebind(number, name, event, count, known_only=False)

    def sender(self, name: Name, port: Port) -> SenderEntry:
        """Return a connected sender that is there for a port, or raise UnknownSender."""
        entry = self.senders.get(key_of(name))
        if entry is None or not self.guard.may_see(port, entry):
            raise UnknownSender(f"sender {name!r} is not connected")
        return entry

    def routed(self, name: Name, life: str) -> dict[Name, int] | None:
        """Return what had been fired, by event, when a sender of this life left; None: that is not known.

        Args:
            name: of the sender.
            life: see `SenderEntry`.
        """
        before = self._departed.find(name) or NEVER_SEEN
        return before.counts if life and before.life == life else None

    def count_of(self, route: int) -> tuple[str, int] | None:
        """Return (life, events fired in it so far) of an event's route; None if it is not counted."""
        found = self._routes.get(route)
        return (found.life, found.count) if found is not None and found.life else None

    def route_of(self, sender: Name, event: Name | None) -> int:
        """Return the number of an event, or of a sender, that is connected or remembered; else 0."""
        for found in (self.senders.get(key_of(sender)), self._departed.find(sender)):
            number = 0 if found is None else found.route if event is None else found.events.get(event, 0)
            if number:
                return number
        return 0

    def event_at(self, route: int) -> tuple[Name, Name] | None:
        """Return (sender, event) of a route; None: its sender is not connected."""
        found = self._routes.get(route)
        return None if found is None else (found.sender, found.event)

    def is_needed(self, route: int, sender: Name, event: Name | None) -> bool:
        """Return whether a number stands for this name, and the name is connected or may come back in its life."""
        left = self._departed.find(sender)
        may_come = key_of(sender) in self.senders or (left is not None and left.may_return)
        return may_come and self.route_of(sender, event) == route

    # -- listeners

    def listen(self, port: Port, pattern: Pattern) -> None:
        """Deliver what matches a pattern to a port. Call it once for each: a port counts its own listeners.

        Args:
            port: that hears it.
            pattern: sender and event; None is any.
        """
        self._table.add(pattern, port)

    def unlisten(self, port: Port, pattern: Pattern) -> None:
        """End what `listen` began."""
        self._table.remove(pattern, port)

    # -- events

    def arrive(self, port: Port, run: Run, now: float) -> None:
        """Route events that a port sent.

        Args:
            port: where they come from.
            run: the events.
            now: monotonic seconds.
        """
        route = self._routes.get(run.route)
        if route is None or route.open_to is not port:
            port.refuse(run.route, run.count, self._breach(run.route))
            return
        port.traffic.arrived += run.count
        topic = route.topic or self._topic_of(route)
        self._forward(self._targets_of(topic), topic, {run.codec: run}, port, None, now)
        route.count += run.count

    def wanted(self, sender: Name, event: Name, port: Port) -> frozenset[str]:
        """Return the names of the codecs in which an event is to be delivered.

        Args:
            sender, event: which one.
            port: whose own listeners do not count.
        """
        targets = self._targets_of(self._table.topic(sender, event))
        return frozenset(target.codec for target in targets if target is not port)

    def publish(self, port: Port, runs: Mapping[str, Run], sender: Name, event: Name, now: float) -> None:
        """Route an event of this program, which its own listeners have heard already.

        Args:
            port: of this program.
            runs: the event, in each of the codecs that `wanted` names; empty in those that can't carry it, which come
                last: it is lost to who hears it in one of these.
            sender, event: which one it is.
            now: monotonic seconds.
        """
        port.traffic.arrived += 1
        topic = self._table.topic(sender, event)
        self._forward(self._targets_of(topic), topic, dict(runs), port, port, now)
        self._routes[next(iter(runs.values())).route].count += 1

    def publish_rest(self, port: Port, runs: Mapping[str, Run], sender: Name, event: Name, now: float) -> None:
        """Do what an interrupt has left of `publish`. Args: see there; the call is made under the same lock."""
        topic, made = self._table.topic(sender, event), dict(runs)
        for target in self._targets_of(topic):
            if target is not port:
                target.mend()
        rest = [target for target in self._targets_of(topic) if not target.has_waiting(runs.values())]
        self._forward(rest, topic, made, port, port, now)

    def mend_owner(self, sender: Name) -> None:
        """Let the owner of a sender be whole again, after an interrupt in the midst of a request to it."""
        entry = self.senders.get(key_of(sender))
        if entry is not None:
            entry.owner.mend()

    def _forward(
        self,
        targets: Iterable[Port],
        topic: Topic[Port],
        runs: dict[str, Run],
        source: Port,
        skip: Port | None,
        now: float,
    ) -> None:
        first = next(iter(runs.values()))
        for target in targets:
            if target is skip:
                continue
            run = first
            if not target.accepts_codec(first.codec):
                run = runs.get(target.codec) or self._transcode(runs, first, target.codec)
                if run.count < first.count:
                    self._note_left_out(target, topic, first, run)
            if run.count:
                target.deliver(run, topic.sender, topic.event)
            if target is not source and target.is_slow(now):
                self.flow_control.pause_feeder(target, source)
        if self.objects.is_big:
            self.objects.drop()

    def _targets_of(self, topic: Topic[Port]) -> tuple[Port, ...]:
        targets = topic.targets
        return topic.refresh() if targets is None else targets

    def _transcode(self, runs: dict[str, Run], run: Run, codec: str) -> Run:
        runs[codec] = self.transcoder.run(run, codec)
        return runs[codec]

    def _note_left_out(self, target: Port, topic: Topic[Port], run: Run, carried: Run) -> None:
        """Count the events that a port does not get in its codec: too long to be put into it, or not to be carried."""
        most = self.transcoder.most
        short = run.count if len(run.data) <= most else sum(len(data) <= most for _, data in split_events(run.data))
        for missing, why in (
            (run.count - short, f"longer than the {most} bytes that are put into another codec"),
            (short - carried.count, f"{target.codec} can't carry the value"),
        ):
            if missing > 0:
                target.note_lost(run, topic.sender, topic.event, missing, why)

    def _fire_presence(self, entry: SenderEntry, event: Name, skip: Port | None) -> None:
        topic = self._table.topic(entry.name, event)
        route, value = entry.events[event], entry.presence()
        made: dict[str, Run | None] = {}  # by codec, once for all: a sender may have many events, and many may hear it
        for target in self._targets_of(topic):
            if target is skip:
                continue
            if target.codec not in made:
                made[target.codec] = self._presence_run(target.codec, route, value)
            run = made[target.codec]
            if run is not None:
                target.deliver(run, entry.name, event)
            else:  # a name may be more than the codec of a board can carry
                lost = Run(route, target.codec, 1, b"")
                target.note_lost(lost, entry.name, event, 1, f"{target.codec} can't carry the value")

    def _presence_run(self, codec: str, route: int, value: dict[str, Any]) -> Run | None:
        """Return `#connect` or `#disconnect` in a codec; None: it can't carry that."""
        try:
            return Run(route, codec, 1, event_frame(route, encode(self.codec(codec), value)))
        except CodecError:
            return None

    def _breach(self, route: int) -> RoutingError:
        return NotOwner(f"route {route} is not yours to send on: add its sender first")

    # -- requests

    def request(self, port: Port, route: int, codec: str, method: str, tails: dict[Any, bytes]) -> None:
        """Pass requests for one method on to its sender's owner; `port` gets the answers, now or later.

        Args:
            port: who makes them.
            route: of the sender.
            codec: name of the codec of the params.
            method: that they call.
            tails: method and params as they stand in a frame, by the ids that `port` has for them.
        """
        entry = self._target_at(port, route)
        error: SigError
        if entry is None:
            error = no_target(route, method)
        elif entry.requests is None or (method not in entry.requests and None not in entry.requests):
            error = UnknownMethod(f"sender {entry.name!r} answers no request {method!r}")
        else:
            self.requests.open(port, entry.owner, RequestBatch(entry.route, entry.name, method, codec, tails))
            return
        for ident in tails:
            port.fail_to(ident, route, error)

    def _target_at(self, port: Port, route: int) -> SenderEntry | None:
        """Return the sender that a port means by a number; None: it is not connected."""
        entry = self._targets.get(route)
        if entry is None:  # it may have been away, and have another number by now
            sender, event = port.names_at(route) or ("", "")
            entry = self.senders.get(key_of(sender)) if event is None else None
        return entry

    # -- ports

    def join(self, port: Port, *, own: bool = False) -> None:
        """Count a port in `stats`, until it leaves.

        Args:
            port: that joins.
            own: it is this program's, and no link.
        """
        self._ports[port] = own
        self._links += not own

    def leave(self, port: Port) -> None:
        """Count a port no more: nothing is taken from it any more, and what waits in it is lost."""
        if port in self._ports:
            waited = port.stats()["events"]["waiting"]
            if waited:
                port.traffic.lost["link ended"] += waited
            self._past.add(port.traffic)
            del self._ports[port]
        self.memory.forget(port)

    def _note_waiting(self, port: Port, size: int) -> None:
        if self._ports.get(port) is False:
            port.asked += size  # roughly: `_linked` finds out what really waits
            self.memory.note(port)

    def _linked(self) -> list[Port]:
        """Return the ports that are links, each with what its requests take now."""
        waiting = self.requests.waiting()
        linked = [port for port, own in self._ports.items() if not own]
        for port in linked:
            port.asked = waiting[port] + self.requests.footprint(port)
        return linked

    def stats(self, *, peers: bool) -> dict[str, Any]:
        """Return all figures: docs/statistics.md.

        Args:
            peers: with those of each port.
        """
        total, waiting, each = Traffic(), 0, []
        total.add(self._past)
        for port in self._ports:
            figures = port.stats()  # first: it brings the port's traffic up to date
            total.add(port.traffic)
            waiting += figures["events"]["waiting"]
            each.append(figures)
        counts = {
            "links": {"open": list(self._ports.values()).count(False), "ever": self._links},
            "senders": len(self.senders),
            "subscriptions": self._table.size - len(self.last_values),
            "requests": self.requests.describe(),
            "state": self.last_values.stats(),
            "memory": {"held": self.memory.size, "gave_way": self.memory.gave_way},
        }
        return counts | total.describe(waiting) | self.told_beside() | ({"peers": each} if peers else {})

    def withdraw(self, port: Port, patterns: Iterable[Pattern], *, may_return: bool = False) -> None:
        """Remove the listeners and senders of a port; requests that these have open fail.

        Args:
            port: whose they are.
            patterns: that it listens to, each once.
            may_return: see `remove_sender`.
        """
        for pattern in list(patterns):
            self.unlisten(port, pattern)
        routes = sum(len(entry.events) + 1 for entry in self._owned.get(port, {}).values())
        if not self.leaving.add(port, routes, may_return=may_return):
            self._remove_senders(port, may_return)
        self.requests.fail_owner(port)

    def _remove_senders(self, port: Port, may_return: bool, most: int | None = None) -> bool:
        """Remove so many senders of a port, or all; return whether it has more."""
        owned = self._owned.get(port, {})
        for entry in list(islice(owned.values(), most)):
            self.remove_sender(port, entry.name, may_return=may_return)
        return bool(owned)

    def close(self, port: Port, patterns: Iterable[Pattern], *, may_return: bool = False) -> None:
        """Remove all that a port has, and the requests that it made.

        Args:
            port, patterns, may_return: see `withdraw`.
        """
        self.requests.forget_asker(port)
        self.withdraw(port, patterns, may_return=may_return)
        self.flow_control.forget(port)


def no_target(route: int, method: str) -> UnknownSender:
    """Return the error of a request on a number behind which nobody is, or is for who asks."""
    return UnknownSender(f"request {method!r}: the sender of route {route} is not connected")
