"""What the links of one source, and all links together, may hold: incomplete messages, output, what they registered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sig_core.errors import Busy
from sig_core.protocol.source import source_of

__all__ = ["LEAST", "MemoryBudget", "MemoryHolder"]

LEAST = 4096  # bytes; who holds less is not noted
ROOM = 16  # of the limit, so a part is free again where it was too much
AT_ONCE = 32  # links that give way in one look: it takes time
STEP = 16  # of what is shared, so a part must come to it before it is looked at again how much that is


class MemoryHolder(Protocol):
    """A link, as far as it takes memory.

    Attributes:
        peer: printable, whose it is.
    """

    peer: str

    def footprint(self, *, exact: bool) -> int:
        """Return the bytes that are held for it.

        Args:
            exact: an event that waits for several counts with each of them in part; else as a whole, which is quick.
        """

    def give_way(self, error: Busy) -> bool:
        """Hold less: drop events that wait; if there are none, end, because of `error`, and return False."""


class _Sum:
    """What some links hold together.

    Args:
        most: bytes that they may hold.

    Attributes:
        size: bytes, at most: what they share is counted with each of them.
        most: bytes that they may hold.
    """

    __slots__ = ("_room", "most", "size")

    def __init__(self, most: int) -> None:
        self.size = 0
        self.most = most
        self._room = 0  # bytes by which they may hold more, before it is found out how much it really is

    def add(self, more: int) -> None:
        """Note that one of them holds so much more, or less: less may be what others hold still."""
        self.size += more
        if more > 0:
            self._room -= more

    @property
    def is_due(self) -> bool:
        """Whether they may hold too much, as far as is known: it is to be found out."""
        return self.size > self.most and self._room < 0

    def found(self, held: int) -> None:
        """Note how much they really hold now."""
        if held > self.most:  # not all had to give way yet that will: they are asked as soon as somebody holds more
            self._room = 0
        else:
            self._room = max(self.most - held, (self.size - held) // STEP)

    def doubt(self) -> None:
        """Note that what was shared may not be any more."""
        self._room = 0


class _Source(_Sum):
    """The links that come from one place.

    Attributes:
        holders: what each of them holds, bytes, without a look at what they share.
    """

    __slots__ = ("holders",)

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.holders: dict[MemoryHolder, int] = {}


class MemoryBudget:
    """Adds up what links hold. Where it is too much, the greediest link of the greediest source gives way.

    Args:
        most: bytes of all of them.
        most_of_source: bytes of those of one source.
        everybody: returns all links there are.

    Attributes:
        gave_way: how often somebody had to drop events, or to end.
        on_excess: called when somebody holds too much: `relieve` is needed soon, not in the midst of what others do.
            None: it is done at once.
        place_of: returns with whom somebody is added up, and the bytes that they may hold; None: with those of its
            source.
    """

    def __init__(self, most: int, most_of_source: int, everybody: Callable[[], Sequence[MemoryHolder]] = tuple) -> None:
        self.gave_way = 0
        self.place_of: Callable[[MemoryHolder], tuple[str, int] | None] = _of_no_user
        self.on_excess: Callable[[], None] | None = None
        self._all = _Sum(most)
        self._most_of_source = most_of_source
        self._everybody = everybody
        self._sources: dict[str, _Source] = {}
        self._of: dict[MemoryHolder, str] = {}
        self._due: dict[str, None] = {}  # sources that hold too much
        self._relieving = False  # who gives way holds less meanwhile: that is no reason to begin again

    def __len__(self) -> int:
        return len(self._of)

    @property
    def size(self) -> int:
        """Bytes that are held, at most: what several links share is counted with each of them."""
        return self._all.size

    def note(self, holder: MemoryHolder) -> None:
        """Note that somebody holds more than before, or less; if it is too much, somebody has to give way."""
        name = self._of.get(holder)
        size = holder.footprint(exact=False)
        if name is None:
            if size < LEAST:
                return
            name, most = self.place_of(holder) or (source_of(holder.peer), self._most_of_source)
            self._of[holder] = name
            if name not in self._sources:
                self._sources[name] = _Source(most)
        source = self._sources[name]
        self._put(source, holder, size)
        if not self._relieving and (source.is_due or self._all.is_due):
            self._due[name] = None
            if self.on_excess is None:
                self.relieve()
            else:
                self.on_excess()

    @property
    def is_due(self) -> bool:
        """Whether `relieve` is needed."""
        return bool(self._due)

    def relieve(self) -> None:
        """Let those give way who have to, if anybody holds too much."""
        due, self._due = self._due, {}
        self._relieving = True
        try:
            for name in due:
                source = self._sources.get(name)
                if source is not None and source.is_due:
                    self._relieve_source(name, source)
            if self._all.is_due:
                self._relieve_all()
        finally:
            self._relieving = False

    def forget(self, holder: MemoryHolder) -> None:
        """Note that somebody is gone."""
        name = self._of.pop(holder, None)
        if name is not None:
            source = self._sources[name]
            self._put(source, holder, 0)
            del source.holders[holder]
            if not source.holders:
                del self._sources[name]

    def look(self) -> None:
        """Find out what everybody holds; call it a few times a second."""
        for each in (self._all, *self._sources.values()):
            each.doubt()
        for holder in self._everybody():
            self.note(holder)

    def _put(self, source: _Source, holder: MemoryHolder, size: int) -> None:
        more = size - source.holders.get(holder, 0)
        source.holders[holder] = size
        source.add(more)
        self._all.add(more)

    def _relieve_source(self, name: str, source: _Source) -> None:
        held = self._held_by(source)
        total = sum(held.values())
        enough, asked = _enough(total, source.most), 0
        while total > enough and held and asked < AT_ONCE:
            asked += 1
            text = f"all links of {name!r} hold {total} bytes, {source.most} are allowed (max_source)"
            total -= self._let_greediest_give_way(held, text)
        source.found(total)

    def _relieve_all(self) -> None:
        held = {name: self._held_by(source) for name, source in self._sources.items()}
        sums = {name: sum(each.values()) for name, each in held.items()}
        total, most = sum(sums.values()), self._all.most
        enough, asked = _enough(total, most), 0
        while total > enough and sums and asked < AT_ONCE:
            greediest = max(sums, key=sums.__getitem__)
            if not held[greediest]:
                del sums[greediest]
                continue
            text = f"all links hold {total} bytes, {most} are allowed (max_memory), and {greediest!r} most of them"
            asked += 1
            freed = self._let_greediest_give_way(held[greediest], text)
            sums[greediest] -= freed
            total -= freed
        self._all.found(total)

    def _held_by(self, source: _Source) -> dict[MemoryHolder, int]:
        """Return what each link of a source holds now, of what it shares its part."""
        for holder in list(source.holders):
            self._put(source, holder, holder.footprint(exact=False))
        return {holder: holder.footprint(exact=True) for holder in source.holders}

    def _let_greediest_give_way(self, held: dict[MemoryHolder, int], text: str) -> int:
        """Let a link give way, and return the bytes that are not held any more."""
        holder = max(held, key=held.__getitem__)
        before = held.pop(holder)
        self.gave_way += 1
        if not holder.give_way(Busy(f"{holder.peer}: {before} bytes are held for it; {text}")):
            self.forget(holder)
            return before
        self.note(holder)
        after = holder.footprint(exact=True)
        if after < before:  # else it has done what it could
            held[holder] = after
        return before - after


def _of_no_user(holder: MemoryHolder) -> None:
    return None


def _enough(held: int, most: int) -> int:
    """Return what may be left where so much is held: with some room, so that it is not too much again at once."""
    return most - most // ROOM if held > most else most
