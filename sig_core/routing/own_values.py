"""The last values of state events within one program: of its own senders, for its own listeners, without a codec."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sig_core.events import Info, Name, Pattern, is_channel
from sig_core.routing.entities import Sender, Subscription
from sig_core.routing.info import LAST
from sig_core.routing.table import Publisher, Table

__all__ = ["OwnValues"]


class OwnValues:
    """Keeps them: the publisher of a state event notes what passes, so others cost nothing more. Used under a lock."""

    def __init__(self) -> None:
        self._values: dict[Name, dict[Name, tuple[Info, Any]]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def watch(self, sender: Sender, table: Table[Subscription]) -> None:
        """Note what is fired of the state events of a sender, from now until `drop`."""
        assert sender.name is not None
        if sender.state:
            values = self._values[sender.name] = {}
            for event in sender.state:
                topic = table.topic(sender.name, event)
                topic.publisher = self._noting(values, event, topic.publisher)

    @staticmethod
    def _noting(values: dict[Name, tuple[Info, Any]], event: Name, publisher: Publisher | None) -> Publisher:
        """Return what publishes as before, and notes what it published."""
        publish: Callable[..., None] | None = publisher

        def note(info: Info, data: Any, *more: Any) -> None:
            if publish is not None:
                publish(info, data, *more)
            values[event] = info.copy(), data

        return note

    def drop(self, sender: Name) -> None:
        """Forget the values of a sender."""
        self._values.pop(sender, None)

    def of(self, pattern: Pattern) -> list[tuple[Info, Any]]:
        """Return (info, data) of each value that there is of what a pattern hears; info says that it is the last."""
        sender, event = pattern
        found: Iterable[dict[Name, tuple[Info, Any]]] = self._values.values()
        if sender is not None:
            found = [self._values[sender]] if sender in self._values else []
        return [
            ({**info, LAST: True}, data)
            for values in found
            for name, (info, data) in values.copy().items()
            if event is None or (name == event and (sender is not None or is_channel(event)))
        ]
