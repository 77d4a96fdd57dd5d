"""A sender of this client at its server: what tells it from others of its name, and how often each event was fired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sig_core.contract import Codec
from sig_core.errors import RemoteProtocolError
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Name
from sig_core.routing.counting import EventCounter
from sig_core.routing.entities import Sender
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.server_messages import Joined
from sig_core.session.client_state.asks import Ask

__all__ = ["KeptValue", "PendingSender", "RemoteSender"]

BUILT_IN = (EVENT_CONNECT, EVENT_DISCONNECT)


class KeptValue:
    """The last value of a state event that has left for a server. `sent`: the codec and the frame; None: none has."""

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.sent: tuple[Codec, bytes] | None = None

    def noting(self, codec: Codec, append: Callable[[bytes], None]) -> Callable[[bytes], None]:
        """Return what appends a frame to some output, and notes it as the last one."""

        def note(frame: bytes) -> None:
            append(frame)
            self.sent = codec, frame

        return note


class RemoteSender:
    """One of the senders that a client has, or wants to have, at its server.

    Args:
        sender: what the user holds.
        life: text that tells it from every other sender of its name, over all links.

    Attributes:
        counters: how often each of its own events was fired, over all links.
        session: on which it was asked for, as long as nobody asked there for its removal; None: there is none.
        fires_on: to which its events go now; None: to none, yet.
        routes: of its events there.
        kept: the last value of each of its state events, for a server that has lost it.
    """

    __slots__ = ("counters", "fires_on", "kept", "life", "name", "routes", "sender", "session")

    def __init__(self, sender: Sender, life: str) -> None:
        assert sender.name is not None
        self.name: Name = sender.name
        self.sender = sender
        self.life = life
        self.session: ClientSession | None = None
        self.fires_on: ClientSession | None = None
        self.routes: dict[Name, int] = {}
        self.kept = {event: KeptValue() for event in sender.state}
        self.counters = {name: EventCounter() for name in sender.events if name is not None and name not in BUILT_IN}

    def fire_on(self, session: ClientSession, routes: dict[Name, int]) -> None:
        """Note where its events go from now on; under the lock."""
        self.fires_on, self.routes = None, routes
        self.fires_on = session

    def fired(self) -> int:
        """Return how many events it fired, over all links; under the lock."""
        return sum(counter.value() for counter in self.counters.values())


@dataclass(slots=True, eq=False)
class PendingSender:
    """A sender whose server has not answered yet.

    Attributes:
        remote: it.
        fired: of each event, what the server was told that had been fired.
        dropped: of these, what was dropped while there was no link, as nobody knew yet; where there is any.
        ask: the question.
    """

    remote: RemoteSender
    fired: dict[Name, int]
    dropped: dict[Name, int]
    ask: Ask

    def check(self, joined: Joined) -> None:
        """Raise RemoteProtocolError unless the answer gives a route to each of its events."""
        if joined.routes.keys() != self.remote.counters.keys():
            raise RemoteProtocolError(f"add_sender {self.remote.name!r}: the answer is about other events than it has")

    def note_unsent(self, joined: Joined, unsent: Counter[tuple[Name, Name]]) -> None:
        """Count what was fired and never reached the server, as far as it can tell."""
        for event, routed in (joined.routed or {}).items():
            missing = self.fired.get(event, 0) - self.dropped.get(event, 0) - routed
            if missing > 0:
                unsent[self.remote.name, event] += missing
