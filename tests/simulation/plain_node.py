"""A program that speaks JSON by itself, as a script with netcat does: docs/plain.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sig_core.events import Name, Pattern
from tests.simulation.medium import End
from tests.simulation.observer import LIFE, PRESENCE, matches, number_of
from tests.simulation.permissions import ANYONE
from tests.simulation.world import Breach, World

if TYPE_CHECKING:
    from tests.simulation.network import Network

__all__ = ["PlainNode"]

LATE = 0.1  # of requests that it answers when nobody may wait any more ...
VERY_LATE = 3.0  # ... after so many seconds


class PlainNode:
    """A plain peer on one link: when that is gone, so is it.

    Attributes:
        pattern: what it listens to, from the beginning.
        claims: senders that it has, and their lives.
        heard: events that it got.
        is_gone: it has ended.
    """

    def __init__(self, network: Network, end: End, pattern: Pattern, *, answers: bool) -> None:
        self.network = network
        self.world: World = network.world
        self.number = self.world.number()
        self.who = f"plain {self.number}"
        self.pattern = pattern
        self.claims: dict[Name, int] = {}
        self.heard = 0
        self.last: dict[tuple[Name, Name, int], int] = {}
        self.listening = False
        self.is_gone = False
        self.end = end
        end.holder = self
        self._answers = answers
        self._rest = b""
        self._in = b""
        self._calls: dict[int, Any] = {}
        self._last_call = 0
        self._call("plain", {"lines": True, "answers": answers}, lambda response: None)
        sender, event = pattern
        self._call("add_listener", {"sender": sender, "event": event}, self._listens)

    def _trace(self, text: str, *values: object) -> None:
        if self.world.trace is not None:
            self.world.note(self.who, text, *values)

    @property
    def is_busy(self) -> bool:
        """Whether it waits for anything."""
        return bool(self._calls or self._rest) or not self.end.reading

    # -- out

    def _call(self, method: str, params: dict[str, Any], when: Any) -> None:
        self._last_call += 1
        self._calls[self._last_call] = when
        self._say({"id": self._last_call, "method": method, "params": params})

    def _say(self, message: dict[str, Any]) -> None:
        if not self.end.closed:
            self._rest += json.dumps(message).encode() + b"\n"
            self.writable()

    def writable(self) -> None:
        """See `Holder`."""
        if self._rest:
            self._rest = self._rest[self.end.send(self._rest) :]

    # -- in

    def receive(self, data: bytes) -> None:
        """See `Holder`."""
        *lines, self._in = (self._in + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["id"] is None:
                self._trace("is told {!r}", message["exception"])  # why its link ends
            elif "status" in message:
                when = self._calls.pop(message["id"], None)
                if when is None:
                    raise Breach("answer", f"{self.who} gets {message}")
                if message["status"] == 0:
                    when(message["response"])
            elif message["method"] == "signal":
                self._hear(message["params"])
                if self._answers:
                    self._say({"id": message["id"], "status": 0, "response": None})
            elif message["method"] == "request":
                self._answer(message["id"], message["params"])
            else:  # it is asked whether it is there
                self._say({"id": message["id"], "status": 0, "response": None})

    def _listens(self, response: Any) -> None:
        self.listening = True

    def _hear(self, params: dict[str, Any]) -> None:
        info = params["info"]
        sender, event = info["sender"], info["event"]
        if not matches(self.pattern, sender, event):
            raise Breach("wanted", f"{self.who} hears {event!r} of {sender!r}")
        is_last = info.get("last", False)
        self.heard += not is_last
        if event in PRESENCE:
            return
        life, count = divmod(number_of(params["data"]), LIFE)
        before = self.last.get((sender, event, life), 0)
        if count < before or (count == before and not is_last):  # whose sender is back, is told again where it stands
            raise Breach("order", f"{self.who} hears number {count} of {event!r} of {sender!r} after {before}")
        if not is_last:
            self.network.check_heard(self.who, ANYONE, sender, event, (life, count))
        self.last[sender, event, life] = count

    def _answer(self, ident: int, params: dict[str, Any]) -> None:
        if self.world.random() < LATE:
            self.world.after(VERY_LATE, lambda: self._answer_now(ident, params))
        else:
            self._answer_now(ident, params)

    def _answer_now(self, ident: int, params: dict[str, Any]) -> None:
        if self.is_gone:
            return
        number = params["params"]
        self.network.note_handled(number)
        if params["method"] == "refuse":
            self._say({"id": ident, "status": -2, "exception": f"refused {number}"})
        else:
            self._say({"id": ident, "status": 0, "response": ["answer", number]})

    def at_end(self) -> None:
        """See `Holder`."""
        self._trace("has lost its link")
        self._go()

    # -- what it does

    def add(self, name: Name) -> None:
        """Add a sender."""
        if name in self.claims:
            return
        life = self.network.new_life()

        def added(response: Any) -> None:
            self._trace("has added {!r}, life {}", name, life)
            self.claims[name] = life

        self._trace("adds {!r}", name)
        params = {"sender": name, "events": ["e", "#c"], "requests": ["answer", "refuse"]}
        self._call("add_sender", params, added)

    def remove(self, which: int) -> None:
        """Remove one of its senders."""
        if self.claims:
            name = list(self.claims)[which % len(self.claims)]
            self._trace("removes {!r}", name)
            del self.claims[name]
            self._call("remove_sender", {"sender": name}, lambda response: None)

    def trigger(self, which: int, event: Name, times: int, size: int) -> None:
        """Fire an event of one of its senders."""
        if not self.claims:
            return
        name = list(self.claims)[which % len(self.claims)]
        life, fired = self.claims[name], self.network.fired
        before = fired.get((life, event), 0)
        self._trace("fires {!r} of {!r} {} times, life {}, after {}", event, name, times, life, before)
        for _ in range(times):
            number = fired[life, event] = fired.get((life, event), 0) + 1
            value = life * LIFE + number
            data = [value, "x" * size] if size > 0 else value
            self._call("signal", {"info": {"sender": name, "event": event}, "data": data}, lambda response: None)

    def ask(self, sender: Name, method: str) -> None:
        """Make a request."""
        number = self.network.new_request(ANYONE, sender)
        self._trace("makes request {}, {} of {!r}", number, method, sender)

        def answered(response: Any) -> None:
            if response != ["answer", number]:
                raise Breach("answer", f"request {number} of {self.who} got {response!r}")

        self._call("request", {"sender": sender, "method": method, "params": number}, answered)

    def read_slowly(self, seconds: float) -> None:
        """Read nothing for a while."""
        self._trace("reads nothing for {:.2f} s", seconds)
        self.end.set_reading(False)
        self.world.after(seconds, lambda: self.end.set_reading(True))

    def leave(self) -> None:
        """Close the link."""
        self._trace("leaves")
        self._go()

    def _go(self) -> None:
        self.is_gone = True
        self._rest = b""
        self._calls.clear()
        self.end.close()
