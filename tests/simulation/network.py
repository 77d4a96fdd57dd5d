"""All that is there in one history: the server, the others, and what is known of everything that happened."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sig_core.events import Name
from sig_core.protocol.limits import Limits
from tests.simulation.board_node import BoardNode
from tests.simulation.client_node import ClientNode
from tests.simulation.disk import Disk
from tests.simulation.durable_life import Attached, DurableLife
from tests.simulation.medium import Cable, End
from tests.simulation.packet_end import Air
from tests.simulation.permissions import ANYONE, RuleBook
from tests.simulation.plain_node import PlainNode
from tests.simulation.serial_line import SerialLine
from tests.simulation.server_node import ServerNode
from tests.simulation.world import Breach, World

__all__ = ["Network"]


class Network:
    """Who is there, and what happened.

    Args:
        world: that it is in.
        limits: of everybody.
        delay: seconds that bytes take, about.
        capacity: bytes that a link holds in one direction.

    Attributes:
        resume: seconds for which the sessions of clients should outlive their links; None: they end with these.
        clients, plains, boards: those that run.
        lines, airs: serial lines to the server, and packet media.
        cables: that were laid.
        routed: what a server took, in order: ((life, event), number).
        owners: the clients that have senders which are counted, by life.
        fired: how often each event was fired, by (life, event).
        uncounted: lives of senders whose events are not counted over several links.
        rules: what is allowed; None: everything.
        users: of the clients that there were, by their ids.
        disk: what the server keeps for durable listeners; None: it keeps nothing.
        attached: the listeners that hear durables, by client and their id there.
        due: the durables that were to hear what is to be confirmed, by (life, event), number.
        is_calm: nothing goes wrong any more.
    """

    def __init__(
        self,
        world: World,
        limits: Limits,
        delay: float,
        capacity: int,
        rules: RuleBook | None = None,
        resume: float | None = None,
        is_stored: bool = False,
    ) -> None:
        self.world = world
        self.limits = limits
        self.delay = delay
        self.capacity = capacity
        self.resume = resume
        self.clients: list[ClientNode] = []
        self.plains: list[PlainNode] = []
        self.boards: list[BoardNode] = []
        self.lines: list[SerialLine] = []
        self.airs: list[Air] = []
        self.cables: list[Cable] = []
        self.routed: list[tuple[tuple[int, Name], int]] = []
        self.fired: dict[tuple[int, Name], int] = {}
        self.uncounted: set[int] = set()
        self.rules = rules
        self.users: dict[str, str] = {}
        self.owners: dict[int, ClientNode] = {}
        self.disk = Disk() if is_stored else None
        self.attached: dict[tuple[str, int], Attached] = {}
        self.due: dict[tuple[tuple[int, Name], int], list[DurableLife]] = {}
        self.is_calm = False
        self._attachments = 0
        self._handled: Counter[int] = Counter()
        self._ids = 0
        self._requests = self._clients = 0
        self.server = ServerNode(self)

    def attach(self, life: DurableLife, client: str, ident: int, begins: int) -> None:
        """Note that a listener of a client hears a durable from now on."""
        self._attachments += 1
        self.attached[client, ident] = Attached(life, self._attachments, begins)

    def check_confirmed(self, routed: tuple[tuple[int, Name], int]) -> None:
        """Check that what is confirmed is on disk, where durables were to hear it."""
        (life, event), number = routed
        for durable in self.due.get(routed, ()):
            if not durable.is_dropped and (life, event, number) not in durable.numbers:
                raise Breach("confirm", f"number {number} of {event!r}, life {life}, is not on disk for {durable}")

    def new_id(self, size: int) -> str:
        """Return so many bytes, as hex digits, that nothing else has."""
        self._ids += 1
        return f"{self._ids:0{2 * size}x}"

    def forget_gone(self) -> None:
        """Forget who has gone."""
        self.clients = [client for client in self.clients if not client.is_gone]
        self.plains = [plain for plain in self.plains if not plain.is_gone]

    def dial(self, *, watched: bool = True) -> End | None:
        """Return an end of a new link to the server; None: nobody is there."""
        if not self.server.is_up:
            return None
        cable = Cable(self.world, self.delay, self.capacity)
        self.cables = [each for each in self.cables if not each.is_over]
        self.cables.append(cable)
        cable.near.watched = cable.far.watched = watched
        self.server.accept(cable.far)
        return cable.near

    def lay_line(self, noise: float) -> SerialLine:
        """Lay a line to the server."""
        line = SerialLine(self.world, noise)
        self.lines.append(line)
        self.server.open_line(line)
        return line

    def plug_in(self, line: SerialLine) -> None:
        """Plug a line in that was pulled out."""
        line.is_plugged = True
        self.server.open_line(line)

    @property
    def peers(self) -> list[PlainNode | BoardNode]:
        """Those that have senders and keep no counts."""
        return [*self.plains, *self.boards]

    def has_dropped(self, life: int, sender: Name, event: Name) -> bool:
        """Return whether the owner of an event has dropped some of it, which its server may not know yet."""
        owner = self.owners.get(life)
        return owner is not None and owner.state.offline.dropped[sender, event] > 0

    def new_life(self) -> int:
        """Return the number of a new life of a sender that keeps no counts."""
        life = int(self.new_id(8), 16)
        self.uncounted.add(life)
        return life

    def new_request(self, user: str, sender: Name) -> int:
        """Return the number of a new request."""
        self._requests += 1
        if self.rules is not None:
            self.rules.note_asked(self._requests, user, sender)
        return self._requests

    def number_of_user(self) -> int:
        """Return the number of a new client among those with users."""
        self._clients += 1
        return self._clients - 1

    def user_of(self, port: Any) -> str:
        """Return whose a port at the server is."""
        return self.users.get(getattr(port, "client", ""), ANYONE)

    def hears(self, user: str, sender: Name, event: Name) -> bool:
        """Return whether somebody may hear an event now."""
        return self.rules is None or self.rules.now.hears(user, sender, event)

    def check_heard(self, who: str, user: str, sender: Name, event: Name, value: tuple[int, int]) -> None:
        """Check that somebody may hear what it does; see `RuleBook`."""
        if self.rules is not None:
            self.rules.check_heard(who, user, sender, event, value)

    def note_handled(self, number: Any) -> None:
        """Note that a handler ran."""
        self._handled[number] += 1
        if self._handled[number] > 1:
            raise Breach("request", f"request {number} ran twice")
        if self.rules is not None:
            self.rules.check_handled(number)
