"""A sender of this client at its server: what tells it from others of its name, and how often each event was fired."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Name
from sig_core.routing.counting import EventCounter
from sig_core.routing.entities import Sender
from sig_core.session.binary.server_messages import Joined
from sig_core.session.client_state.asks import Ask

__all__ = ["PendingSender", "RemoteSender"]

BUILT_IN = (EVENT_CONNECT, EVENT_DISCONNECT)


class RemoteSender:
    """One of the senders that a client has, or wants to have, at its server.

    Args:
        sender: what the user holds.
        life: text that tells it from every other sender of its name, over all links.

    Attributes:
        counters: how often each of its own events was fired, over all links.
    """

    __slots__ = ("counters", "life", "name", "sender")

    def __init__(self, sender: Sender, life: str) -> None:
        assert sender.name is not None
        self.name: Name = sender.name
        self.sender = sender
        self.life = life
        self.counters = {name: EventCounter() for name in sender.events if name is not None and name not in BUILT_IN}

    def fired(self) -> int:
        """Return how many events it fired, over all links; under the lock."""
        return sum(counter.value() for counter in self.counters.values())


@dataclass(slots=True, eq=False)
class PendingSender:
    """A sender whose server has not answered yet.

    Attributes:
        remote: it.
        fired: of each event, what the server was told that had been fired.
        ask: the question.
    """

    remote: RemoteSender
    fired: dict[Name, int]
    ask: Ask

    def note_unsent(self, joined: Joined, unsent: Counter[tuple[Name, Name]]) -> None:
        """Count what was fired and never reached the server, as far as it can tell."""
        for event, routed in (joined.routed or {}).items():
            missing = self.fired.get(event, 0) - routed
            if missing > 0:
                unsent[self.remote.name, event] += missing
