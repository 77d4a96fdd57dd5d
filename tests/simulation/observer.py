"""What a listener's program should have heard, what it did hear, and what it was told that it lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Info, Name, Pattern
from sig_core.routing.listener_queue import SUPERSEDED
from sig_core.session.binary.reports import Bound, Gap, Last, LastTold, Report, Unbound
from tests.simulation.choices import STATEFUL
from tests.simulation.world import Breach

if TYPE_CHECKING:
    from tests.simulation.client_node import ClientNode

__all__ = ["LIFE", "PRESENCE", "WATCHED", "Observer", "Subscribed", "Track", "matches", "number_of"]

LIFE = 100_000  # values of events are numbers: LIFE times the number of the sender's life, and how often it fired
PRESENCE = (EVENT_CONNECT, EVENT_DISCONNECT)
WATCHED: list[Pattern] = [(None, EVENT_CONNECT), (None, EVENT_DISCONNECT)]  # by all that follow who is there

Key = tuple[Name, Name]


def number_of(value: Any) -> int:
    """Return the number that an event carries, alone or beside something long."""
    number = value[0] if type(value) is list else value
    if type(number) is not int:
        raise Breach("value", f"an event arrived with {value!r}")
    return number


def matches(pattern: Pattern, sender: Name, event: Name) -> bool:
    """Return whether who asks for a pattern hears an event."""
    wanted_sender, wanted_event = pattern
    if wanted_sender is None and wanted_event is not None:
        return wanted_event == event and str(event).startswith("#")
    return wanted_sender in (None, sender) and wanted_event in (None, event)


def _overlap(one: Pattern, other: Pattern) -> bool:
    return all(None in (a, b) or a == b for a, b in zip(one, other, strict=True))


class Subscribed:
    """A pattern that is listened to.

    Attributes:
        asked, answered: how much had been routed when it was asked for, first, and when that was answered, on the
            link that there is; None: it is not yet.
        came: how often counts had been told when it was let go, first; None: it waits for last values.
    """

    __slots__ = ("answered", "asked", "came", "last", "pattern", "subscription")

    def __init__(self, pattern: Pattern, asked: int) -> None:
        self.pattern = pattern
        self.asked = asked
        self.answered: int | None = None
        self.came: dict[Key, int] | None = None
        self.last: dict[tuple[Name, Name, int], int] = {}  # number of the last event of each life
        self.subscription: Any = None


class Track:
    """One event of one life of a sender, from its first `bind` on: base + heard + lost is what was fired."""

    __slots__ = ("base", "heard", "life", "lost")

    def __init__(self, life: int, base: int) -> None:
        self.life = life
        self.base = base
        self.heard = self.lost = 0

    @property
    def total(self) -> int:
        """What is known of."""
        return self.base + self.heard + self.lost

    def __repr__(self) -> str:
        return f"life {self.life}: base {self.base}, heard {self.heard}, lost {self.lost}"


class Observer:
    """Compares what one client hears with what there is to hear.

    Args:
        client: who listens.
        knows: returns whether the client counts an event: where listeners have ended, a bind may have been for these.

    Attributes:
        subscribed: what it listens to.
        tracks: of what it hears, and is counted.
        present: the senders that it knows to be there; None: it does not know.
        on_link: how many of each event of each life it heard on the link that there is.
        gaps: how many of each event it was told that it lost there.
        aside: tracks of what a sender of the same name, that keeps no counts, fires now.
    """

    def __init__(self, client: ClientNode, knows: Callable[[Name, Name], bool]) -> None:
        self.subscribed: list[Subscribed] = []
        self.tracks: dict[Key, Track] = {}
        self.present: set[Name] | None = None
        self.on_link: dict[tuple[int, Name], int] = {}
        self.gaps: dict[Key, int] = {}
        self.aside: dict[Key, Track | None] = {}
        self._client = client
        self._network = client.network
        self._who = client.who
        self._knows = knows
        self._last: dict[tuple[Name, Name, int], int] = {}
        self._early: dict[Key, int] = {}  # losses that were told before the first bind
        self._met: set[tuple[Name, Name, int]] = set()
        self._bound_life: dict[Key, int] = {}
        self._bounds: Counter[Key] = Counter()  # how often a count was told
        self._missing: set[Key] = set()  # of what something was lost since a last value was told
        self._interrupted: set[tuple[Name, Name, int]] = set()  # another of that name came between, or nobody
        self._stale = False  # what is heard may be for a listener on this link that is no more
        self._counted: set[Key] = set()  # whose last bind on this link told a count

    def wants(self, sender: Name, event: Name) -> bool:
        """Return whether anything that is listened to matches."""
        return any(matches(each.pattern, sender, event) for each in self.subscribed)

    # -- subscriptions

    def subscribes(self, comes: Subscribed, counts: Mapping[Key, tuple[str, int]]) -> None:
        """Note that something is listened to.

        Args:
            comes: what.
            counts: that the client knows already, by life: listeners that have ended may still be there at the server.
        """
        self.subscribed.append(comes)
        for key, (life, count) in counts.items():
            if key not in self.tracks and matches(comes.pattern, *key):
                self.tracks[key] = Track(int(life, 16), count)

    def unsubscribed(self, gone: Subscribed) -> None:
        """Note that something is not listened to any more."""
        self.subscribed.remove(gone)
        for each in self.subscribed:  # what both heard goes on being heard
            if _overlap(each.pattern, gone.pattern):
                each.asked = min(each.asked, gone.asked)
        self._stale = True
        for key in [key for key in self.tracks if not self.wants(*key)]:
            del self.tracks[key]
        for key in [key for key in self.aside if not self.wants(*key)]:
            del self.aside[key]
        self._early.clear()

    def link_ended(self) -> None:
        """Note that the link is gone: nothing is heard before all is asked for anew."""
        self.present = None
        self._early.clear()
        self._counted.clear()
        self.on_link.clear()
        self.gaps.clear()
        self._stale = False
        for each in self.subscribed:
            each.answered = None

    def rules_changed(self) -> None:
        """Note that other events may be heard from now on, and other senders are there."""
        self.present = None
        for each in self.subscribed:
            each.answered = None

    # -- what comes

    def expect(self, sender: Name, event: Name, count: int) -> None:
        """Note that events have come: listeners that still wait for what was there before them do not hear these."""
        hearing = [each for each in self.subscribed if matches(each.pattern, sender, event)]
        if hearing and all(each.subscription._held is not None for each in hearing):
            track = self.tracks.get((sender, event))
            if track is not None:
                track.base += count

    def hear(self, listener: Subscribed, info: Info, value: Any) -> None:
        """Take an event that one of the listeners got."""
        sender, event = info["sender"], info["event"]
        if event in PRESENCE:
            if listener.pattern in WATCHED:
                self._hear_presence(sender, event)
            return
        if listener not in self.subscribed or not matches(listener.pattern, sender, event):
            raise Breach("wanted", f"{self._who} hears {event!r} of {sender!r} as {listener.pattern}")
        life, count = divmod(number_of(value), LIFE)
        topic = (sender, event, life)
        if info.get("last"):
            self._hear_last(listener, topic, count)
            return
        before, last = listener.last.get(topic, 0), self._last.get(topic, 0)
        if count <= before or count < last:
            raise Breach("order", f"{self._heard(topic, count)}, after {before}, others had {last}")
        self._network.check_heard(self._who, self._client.user, sender, event, (life, count))
        listener.last[topic] = self._last[topic] = count
        if count > last:
            self.on_link[life, event] = self.on_link.get((life, event), 0) + 1
            if life not in self._network.uncounted:
                self._count((sender, event), life, count)

    def _hear_last(self, listener: Subscribed, topic: tuple[Name, Name, int], count: int) -> None:
        """Take a value that is told because it is the last one: it is not older than what came before, nor again."""
        sender, event, life = topic
        before, last = listener.last.get(topic, 0), self._last.get(topic, 0)
        if sender not in STATEFUL or event != "#c":
            raise Breach("last", f"{self._heard(topic, count)} as the last value, and it is no state")
        again = count == before and (
            (sender, event, life) in self._interrupted  # its count is not known any more
            or (listener.came is not None and self._bounds[sender, event] <= listener.came[sender, event] + 1)
            or (sender, event) in self._missing  # maybe nobody told it (as with the line above), or it was lost
        )
        if (count <= before and not again) or count < last:
            raise Breach("last", f"{self._heard(topic, count)} as the last value, after {before}, others had {last}")
        listener.last[topic] = self._last[topic] = count
        track = self.tracks.get((sender, event))
        if track is not None and track.life == life and listener.subscription._held is not None:
            track.base += max(0, count - track.total)  # what came before it, while the listener waited for it

    def _heard(self, topic: tuple[Name, Name, int], count: int) -> str:
        sender, event, life = topic
        return f"{self._who} hears number {count} of {event!r} of {sender!r}, life {life}"

    def _count(self, key: Key, life: int, count: int) -> None:
        track = self.tracks.get(key)
        if track is None or track.life != life:
            if self._stale:
                return
            raise Breach("bind", f"{self._heard((*key, life), count)}: {track}")
        track.heard += 1
        if count < track.base + track.heard:
            raise Breach("count", f"{self._heard((*key, life), count)}: {track}")

    def _hear_presence(self, sender: Name, event: Name) -> None:
        if self.present is None:
            return
        came = event == EVENT_CONNECT
        if came is (sender in self.present):
            raise Breach("presence", f"{self._who} hears {event!r} of {sender!r}, there were {self.present}")
        (self.present.add if came else self.present.remove)(sender)

    def told(self, report: Report, lost: int) -> None:
        """Take what the server says of counts, when `lost` has been added to the client's own."""
        world = self._network.world
        if world.trace is not None:
            what = sorted(report.topics, key=str) if isinstance(report, Unbound) else report  # from a set
            world.note(self._who, "is told {}, and counts {} as lost", what, lost)
        if isinstance(report, Bound):
            self._bounds[report.sender, report.event] += 1
            if lost:
                self._missing.add((report.sender, report.event))
            self._bound(report, lost)
        elif isinstance(report, Last):
            self._missing.discard((report.sender, report.event))
        elif isinstance(report, LastTold):
            for each in self.subscribed:
                if each.came is None and each.subscription._held is None:
                    each.came = self._bounds.copy()
        elif isinstance(report, Gap) and not report.sent:
            self._gap(report, lost)
        elif isinstance(report, Unbound):
            for key in report.topics:
                known = self.tracks.pop(key, None)
                if known is not None:  # its owner may yet have it again: it has not heard that it is removed
                    self._interrupted.add((*key, known.life))
                self.aside.pop(key, None)

    def _gap(self, gap: Gap, lost: int) -> None:
        assert gap.event is not None
        if gap.event in PRESENCE:
            self.present = None
            return
        key = (gap.sender, gap.event)
        is_mine = key not in self._counted or self._knows(*key)  # else it is for a listener that has ended
        if lost != gap.count * is_mine:
            raise Breach("gap", f"{self._who} counted {lost}, was told {gap}")
        if gap.reason != SUPERSEDED:
            self._missing.add(key)
        if not self.wants(*key) or not is_mine:
            return  # it was under way when the last listener ended
        self.gaps[key] = self.gaps.get(key, 0) + gap.count
        if key in self.aside:
            return  # of a sender that keeps no counts
        if key in self.tracks:
            self._lose(key, lost)
        else:
            self._early[key] = self._early.get(key, 0) + lost

    def _bound(self, bound: Bound, lost: int) -> None:
        key = (bound.sender, bound.event)
        (self._counted.add if bound.life else self._counted.discard)(key)
        if not bound.life:
            if bound.event not in PRESENCE:
                self.aside[key] = self.tracks.pop(key, None) or self.aside.get(key)
            return
        life, aside = int(bound.life, 16), self.aside.pop(key, None)
        before = self._bound_life.get(key, life)
        self._bound_life[key] = life
        if before != life:
            self._interrupted.add((*key, before))
        if aside is not None:
            self.tracks[key] = aside
        if not self.wants(*key):
            if lost:
                raise Breach("loss", f"{self._who} lost {lost} of what nobody listens to: {bound}")
            return
        track = None if bound.anew else self.tracks.get(key)
        if track is not None and track.life == life:
            self._check_lost(key, life, bound.count, lost)
            self._lose(key, lost)
            if track.total != bound.count:
                raise Breach("bind", f"{self._who} is told {bound}: {track}")
            return
        if lost:
            raise Breach("loss", f"{self._who} lost {lost} before it was told where the count stands: {bound}")
        if self._stale and not self._knows(*key):
            return  # it was for a listener that is no more
        self.tracks[key] = Track(life, bound.count)
        if bound.anew:
            self._early.pop(key, None)
        again = (bound.sender, bound.event, life) in self._met  # another life of that name came between
        self._met.add((bound.sender, bound.event, life))
        if not again and not self._stale:
            self._check_base(key, life, bound.count)
        self._lose(key, self._early.pop(key, 0))

    def _lose(self, key: Key, lost: int) -> None:
        track = self.tracks[key]
        track.lost += lost
        fired = self._network.fired.get((track.life, key[1]), 0)
        if track.total > fired:
            raise Breach("loss", f"{self._who} knows of more {key} than the {fired} that were fired: {track}")

    def _before(self, key: Key, life: int) -> int:
        """Return the number of the last event that was routed before its listener asked for it."""
        asked = min(each.asked for each in self.subscribed if matches(each.pattern, *key))
        return max((number for topic, number in self._network.routed[:asked] if topic == (life, key[1])), default=0)

    def _check_base(self, key: Key, life: int, base: int) -> None:
        """What was routed before the listener asked is not its own; all that was since its answer is."""
        if self._network.has_dropped(life, *key):
            return  # its owner: the server does not know yet of what number an event is
        before = self._before(key, life)
        if base < before:
            raise Breach("base", f"{self._who} begins {key} at {base}, {before} were routed before it asked")
        mine = (each.answered for each in self.subscribed if matches(each.pattern, *key))
        answered = min((each for each in mine if each is not None), default=None)
        if answered is not None:
            since = self._network.routed[answered:]
            after = next((number for topic, number in since if topic == (life, key[1])), None)
            if after is not None and base >= after:
                raise Breach("base", f"{self._who} begins {key} at {base}, {after} was routed since it listens")

    def _check_lost(self, key: Key, life: int, count: int, lost: int) -> None:
        """What was routed before the listener asked was not lost to it."""
        if lost and not self._network.has_dropped(life, *key):
            before = self._before(key, life)
            if self._last.get((*key, life), 0) <= before and lost > max(0, count - before):
                text = f"{lost} of {key} of life {life} until {count}; {before} were routed before it asked"
                raise Breach("loss", f"{self._who} is told that it lost {text}")
