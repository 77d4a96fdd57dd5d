"""A history that is run, from the beginning to the end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sig_core.session.client_state.reconnect import Reconnect
from tests.simulation import durables, invariants
from tests.simulation.choices import NAMES, PATTERNS
from tests.simulation.client_node import ClientNode
from tests.simulation.disk import Disk
from tests.simulation.history import History
from tests.simulation.network import Network
from tests.simulation.observer import WATCHED
from tests.simulation.packet_end import Air
from tests.simulation.permissions import RuleBook, draw_permissions
from tests.simulation.plain_node import PlainNode
from tests.simulation.serial_line import SerialLine
from tests.simulation.steps import STEPS
from tests.simulation.world import Breach, Trace, World

__all__ = ["Outcome", "Running", "run"]

PATIENCE = 60.0  # seconds after the last fault until all has come to rest, at most
AFTER = 0.6  # seconds in which what steps have begun is done
LOOK = 0.5  # seconds between looks whether it has
LEAVING = 4.0  # seconds until everybody has gone ...
BOARD_LEAVING = 8.0  # ... and who was on a line, and is waited for


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a history.

    Attributes:
        breach: what does not hold; None: all does.
        seconds: of virtual time that it took.
        jobs: that were run.
    """

    breach: Breach | None
    seconds: float
    jobs: int


def run(history: History, trace: Trace | None = None) -> Outcome:
    """Run a history.

    Args:
        trace: called with (seconds, who, text) for what happens.
    """
    world = World(history.seed, trace)
    breach: Breach | None = None
    try:
        Running(history, world).run_all()
    except Breach as found:
        breach = found
    except Exception as error:
        breach = Breach(type(error).__name__, str(error))
        breach.__cause__ = error
    return Outcome(breach, world.now, world.jobs)


class Running:
    """A history that is run.

    Attributes:
        network: all that there is.
    """

    def __init__(self, history: History, world: World) -> None:
        self.history = history
        self.world = world
        rules = None if history.rules is None else RuleBook(draw_permissions(history.rules))
        self.network = Network(
            world, history.limits, history.delay, history.capacity, rules, history.resume, history.is_stored
        )
        self._policy = Reconnect(first=0.05, most=1.0, attempts=history.attempts, keep=history.keep)

    def run_all(self) -> None:
        """Run it from the beginning to the end."""
        self._begin()
        for step in self.history.steps:
            if step.pause:
                self.world.run(self.world.now + step.pause)
            if self.world.trace is not None:
                self.world.note("step", str(step))
            STEPS[step.kind](self, step.lots)
        self._calm_down()
        invariants.counts_are_known(self.network)
        invariants.last_values_are_known(self.network)
        invariants.fire_last(self.network)
        self.world.run(self.world.now + LOOK)
        self._rest()
        invariants.at_rest(self.network)
        if self.network.disk is not None:
            self._take_all_kept(self.network.disk)
        self._end()
        invariants.at_the_end(self.network)

    def _begin(self) -> None:
        """A few clients come, each with a sender and a listener."""
        for number, codec in enumerate(self.history.codecs):
            self.new_client(codec)
            client = self.network.clients[-1]
            pattern = PATTERNS[(self.history.seed >> number) % len(PATTERNS)]
            self.world.at(0.21, partial(client.add_senders, [NAMES[number]], all_or_none=False))
            self.world.at(0.22, partial(client.listen, pattern))
        self.world.run(0.3)

    # -- who is there

    def new_client(self, codec: str, line: SerialLine | Air | None = None) -> None:
        """A client comes; every other one follows who else is there."""
        client = ClientNode(self.network, codec, self._policy, line)
        self.network.clients.append(client)
        client.start()
        if len(self.network.clients) % 2:
            self.world.after(0.2, lambda: self._watch(client))

    def _watch(self, client: ClientNode) -> None:
        if not client.is_gone:
            for pattern in WATCHED:
                client.listen(pattern)

    def client(self, lot: int) -> ClientNode | None:
        """Return one of the clients that can do something, if there is any."""
        self.network.forget_gone()
        there = [client for client in self.network.clients if not client.is_stopped_still]
        return there[lot % len(there)] if there else None

    def plain(self, lot: int) -> PlainNode | None:
        """Return one of the plain peers, if there is any."""
        self.network.forget_gone()
        there = self.network.plains
        return there[lot % len(there)] if there else None

    # -- the end

    def _calm_down(self) -> None:
        """Let nothing go wrong any more."""
        network = self.network
        network.is_calm = True
        if network.disk is not None:
            network.disk.clean_up()
        network.server.allow_memory()
        network.server.boot()
        if network.rules is not None:
            self.world.run(self.world.now + AFTER)  # others may still be on their way
            network.server.change_rules(network.rules.now.with_all_admitted())
        for line in network.lines:
            line.noise = 0.0
        for air in network.airs:
            air.loss, air.is_deaf = 0.0, False
        self.world.run(self.world.now + AFTER)
        self._rest()
        self._rest()  # again: a short event under way looks like a sign of life

    def _rest(self) -> None:
        """Wait until all has come to rest."""
        until = self.world.now + PATIENCE
        while True:
            self.world.run(self.world.now + LOOK)
            self.network.forget_gone()
            busy = invariants.busy(self.network)
            if not busy:
                return
            if self.world.now > until:
                raise Breach("rest", f"after {PATIENCE:g} s: {', '.join(busy)}")

    def _take_all_kept(self, disk: Disk) -> None:
        """Somebody hears and acknowledges all that is kept."""
        network = self.network
        durables.ledger_adds_up(network)
        for client in network.clients:
            client.durables.acknowledge_all()
        self.new_client("msgpack")  # which carries all
        self.world.run(self.world.now + LOOK)
        for port in network.server.exchange.durables.all():
            if port.feed is None:
                network.clients[-1].durables.listen(port.record.name, port.record.pattern, explicit=False)
        self._rest()
        durables.all_was_heard(network)
        for name in disk.lives:
            network.clients[-1].durables.drop(name)
        self._rest()

    def _end(self) -> None:
        """Everybody leaves."""
        network = self.network
        for client in network.clients:
            client.stop()
        for plain in network.plains:
            plain.leave()
        for line in network.lines:
            line.unplug()
        self.world.run(self.world.now + (BOARD_LEAVING if network.lines else LEAVING))
