"""Who at a client is told the last value of a state event: who comes, and who has missed something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sig_core.events import Info, Name
from sig_core.protocol.runs import split_events
from sig_core.routing.entities import Subscription
from sig_core.routing.info import last_info
from sig_core.routing.transcode import decode
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Bound, Last

__all__ = ["LastListeners", "last_of"]

Key = tuple[Name, Name]


def last_of(report: Last, session: ClientSession) -> tuple[Info, Any]:
    """Return what listeners get of a last value; CodecError: it is none."""
    ((additions, data),) = split_events(report.data)
    value, codec = session.decode(data), session.encoding
    assert codec is not None
    return last_info(report.sender, report.event, None if additions is None else decode(codec, additions)), value


class LastListeners:
    """Decides that, over all links of a client; used by the thread that runs callbacks, but for `expect` and `forget`.

    A listener that comes hears nothing until the values have come that were asked for it. Of a value that nobody asked
    for (the link is back, or its sender), the counts of its event tell whether something of it is missing here: then it
    is for all that listen; else for those that have come since the count was told last: maybe nobody told them.
    """

    def __init__(self) -> None:
        self._expected: dict[int, Subscription] = {}
        self._missed: dict[Key, int] = {}  # events of which something is missing, each with its count; -1: none is kept
        self._told_at: dict[Key, tuple[int, int]] = {}  # how many listeners had come when it was told, and before that
        self._came = 0

    def expect(self, ident: int, subscription: Subscription) -> None:
        """Let a listener that has come hear nothing but the values that answer a question, until `joined`."""
        self._expected[ident] = subscription

    def forget(self, subscription: Subscription) -> None:
        """Forget a listener that has ended."""
        for ident, expected in self._expected.copy().items():
            if expected is subscription:
                self._expected.pop(ident, None)

    def begin_link(self) -> None:
        """Note that another link has come: nothing is answered any more that was asked on the one before."""
        self._expected.clear()
        # A count that stood when something was missed tells as well on this link whether the value has come since.
        self._missed = {key: count for key, count in self._missed.items() if count >= 0}

    def bound(self, report: Bound, missing: int, *, known: bool) -> None:
        """Note that the count of a state event was told.

        Args:
            report: that says so.
            missing: events that were lost before.
            known: it counts on from what was known.
        """
        key = report.sender, report.event
        if not report.life:
            self._missed[key] = -1
        elif missing or not known:
            self._missed[key] = report.count
        self._told_at[key] = self._came, self._told_at.get(key, (0, 0))[0]

    def lost(self, key: Key, count: int) -> None:
        """Note that events were told to be lost: if none comes after these, all that listen have missed the last one.

        Args:
            key: sender and event.
            count: of the event, these included; -1: it is not known.
        """
        if key in self._told_at:
            self._missed[key] = count

    def unbound(self, topics: Sequence[Key]) -> None:
        """Forget events whose sender does not come back."""
        for topic in topics:
            self._missed.pop(topic, None)
            self._told_at.pop(topic, None)

    def asked(self, key: Key, ident: int) -> list[Subscription]:
        """Return who is told a value that was asked for.

        Args:
            key: sender and event.
            ident: of the question.
        """
        found = self._expected.get(ident)
        if found is None:  # it has ended
            return []
        self._missed.pop(key, None)
        if key in self._told_at:
            self._told_at[key] = self._came + 1, self._told_at[key][1]
        return [found]

    def unasked(self, key: Key, count: int, listening: Sequence[Subscription]) -> list[Subscription]:
        """Return who is told a value that nobody asked for.

        Args:
            key: sender and event.
            count: of the event, by what has arrived here; -1: it is not known.
            listening: who hears it.
        """
        missed = self._missed.pop(key, None)
        since = self._told_at.get(key, (0, 0))[1]
        self._told_at[key] = self._came, self._came  # the same value may come once more, for another pattern
        everybody = missed is not None and missed in (-1, count)
        asking = tuple(self._expected.values())  # who will be told what it asked for, and that is not older
        return [each for each in listening if (everybody or each.came > since) and each not in asking]

    def joined(self, ident: int) -> None:
        """Let who waited for the values hear all that comes from now on."""
        found = self._expected.pop(ident, None)
        if found is not None:
            self._came += 1
            found.came = self._came
            found.release()
