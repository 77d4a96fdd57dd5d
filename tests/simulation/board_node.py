"""A board on a line, by docs/board-protocol.md: it shares no code with its host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sig_core.clock import NEVER
from sig_core.events import Name, Pattern
from tests.simulation.observer import LIFE, PRESENCE, matches, number_of
from tests.simulation.permissions import ANYONE
from tests.simulation.serial_line import SerialLine
from tests.simulation.world import Breach, World
from tests.support.sessions import PLUGINS
from tests.support.strict_board import StrictBoard

if TYPE_CHECKING:
    from tests.simulation.network import Network

__all__ = ["BoardNode"]

CODEC = PLUGINS.codecs.get("cbor-board")
EVENTS: list[Any] = ["e", "#c"]
METHODS = ["answer", "refuse"]
AGAIN = "a second time"  # a session that was begun: by a call from before a reset it may be


class BoardNode(StrictBoard):
    """A board that has a sender and listens to one pattern.

    Attributes:
        name: of its sender.
        pattern: what it listens to.
        life: of its sender, anew with each session; 0: it is not in.
        heard, missed: events that it got in this session, and that it was told that it did not.
    """

    def __init__(self, network: Network, line: SerialLine, name: Name, pattern: Pattern) -> None:
        self.network = network
        self.world: World = network.world
        self.number = self.world.number()
        self.who = f"board {self.number}"
        self.line = line
        self.name = name
        self.pattern = pattern
        self.life = self.heard = self.missed = 0
        self.last: dict[tuple[Name, Name, int], int] = {}
        self._done = 0
        self._asked: dict[int, int] = {}
        self._due = NEVER
        self._port = line.open_near(self)
        super().__init__(mtu=64, window=3, message=512, long_crc=True)
        self._pump()

    def _trace(self, text: str, *values: object) -> None:
        if self.world.trace is not None:
            self.world.note(self.who, text, *values)

    @property
    def claims(self) -> dict[Name, int]:
        """Its sender and the life of that, if it is in."""
        return {self.name: self.life} if self.life else {}

    @property
    def is_busy(self) -> bool:
        """Whether anything waits."""
        return not self.connected or bool(self._open or self._cut or self.out or self._asked)

    # -- the port

    def receive(self, data: bytes, now: float = 0.0) -> None:
        """See `Holder`."""
        super().receive(data, self.world.now)
        self._check_host()
        while self._done < len(self.got):
            message = self.got[self._done]
            self._done += 1
            self._understand(CODEC.decode(message))
        self._pump()

    def _check_host(self) -> None:
        breaches = [text for text in self.breaches if not text.endswith(AGAIN)]
        if breaches:
            raise Breach("board", f"{self.who}: {breaches}")

    def at_end(self) -> None:
        """See `Holder`: it is the server's port that is gone."""

    def writable(self) -> None:
        """See `Holder`."""

    def _pump(self) -> None:
        now = self.world.now
        self.tick(now)
        while data := self.take(4096, now):
            self._port.send(data)
        due = max(now + 0.001, self.tick(now))
        if due != self._due and due < NEVER:
            self._due = due
            self.world.at(due, lambda: self._tick_at(due))

    def _tick_at(self, due: float) -> None:
        if due == self._due:
            self._due = NEVER
            self._pump()

    # -- sessions

    def _syn(self, credit: int, ack: int, payload: bytes, now: float) -> None:
        before = self.sid
        super()._syn(credit, ack, payload, now)
        if self.connected and self.sid != before:
            self._trace("begins a session")
            self._begin()
            self._next_life = self.network.new_life()
            self._say([0, 0, self.name, len(EVENTS) + len(METHODS) + 1])
            for event in EVENTS:
                self._say([0, 1, event])
            for method in METHODS:
                self._say([0, 2, method])
            self._say([0, 3, *self.pattern])

    def _begin(self) -> None:
        self.out.clear()
        self.last.clear()
        self._asked.clear()
        self._done = self.heard = self.missed = self.life = 0

    def press_reset(self) -> None:
        """What a reset button does."""
        self._trace("is reset")
        self.reset(self.world.now)
        self._begin()
        self._pump()

    def _say(self, message: list[Any]) -> None:
        self.out.append(CODEC.encode(message))

    # -- messages

    def _understand(self, message: Any) -> None:
        kind, *rest = message
        if kind == 0:
            self._trace("is answered {}", rest)
            self.life = self._next_life if rest[0] == 0 else 0
        elif kind in (1, 5):
            self._hear(*rest[1:], is_last=kind == 5)
        elif kind == 2:
            self._answer(*rest)
        elif kind == 3:
            self._take_answer(*rest)
        elif kind == 4:
            self.missed += rest[1]

    def _hear(self, value: Any, *names: Name, is_last: bool) -> None:
        left_open, open_names = list(self.pattern), list(names)
        sender, event = (open_names.pop(0) if each is None else each for each in left_open)
        if not matches(self.pattern, sender, event):
            raise Breach("wanted", f"{self.who} hears {event!r} of {sender!r}")
        self.heard += not is_last
        if event in PRESENCE:
            return
        life, count = divmod(number_of(value), LIFE)
        before = self.last.get((sender, event, life), 0)
        if count < before or (count == before and not is_last):  # whose sender is back, is told again where it stands
            raise Breach("order", f"{self.who} hears number {count} of {event!r} of {sender!r} after {before}")
        if not is_last:
            self.network.check_heard(self.who, ANYONE, sender, event, (life, count))
        self.last[sender, event, life] = count

    def _answer(self, ident: int, method: int, number: Any) -> None:
        self.network.note_handled(number)
        refused = METHODS[method] == "refuse"
        self._say([3, ident, -2, f"refused {number}"] if refused else [3, ident, 0, ["answer", number]])

    def _take_answer(self, ident: int, status: int, value: Any) -> None:
        number = self._asked.pop(ident, None)
        if number is None or (status == 0 and value != ["answer", number]):
            raise Breach("answer", f"{self.who}: request {number} got {status} {value!r}")

    # -- what it does

    def fire(self, event: int, times: int, size: int) -> None:
        """Fire an event."""
        if self.life and self.connected:
            fired, topic = self.network.fired, (self.life, EVENTS[event])
            self._trace("fires {!r} {} times, life {}, after {}", EVENTS[event], times, self.life, fired.get(topic, 0))
            for _ in range(times):
                fired[topic] = fired.get(topic, 0) + 1
                value = self.life * LIFE + fired[topic]
                self._say([1, event, [value, "x" * min(size, 200)] if size else value])
            self._pump()

    def ask(self, sender: Name, method: str) -> None:
        """Make a request."""
        if self.connected and len(self._asked) < 5:
            number = self.network.new_request(ANYONE, sender)
            ident = next(free for free in range(256) if free not in self._asked)
            self._asked[ident] = number
            self._say([2, ident, sender, method, number])
            self._pump()
