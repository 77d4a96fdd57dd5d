"""The rules of locks, checked while tests run: one order of all of them, and no code of a user under any.

Every lock that the packages make is watched. What a thread waits for while it holds another one is an edge from that to
this, by the places where they are made; edges that lead in a circle may hang two threads, though they have not yet.
Codecs count as code of a user where they are called for this program alone: a server transcodes under its lock.
"""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import linecache
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, ClassVar

import pytest

from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.log import log
from sig_core.routing.entities import Subscription
from sig_core.routing.handlers import Handler
from sig_core.session.client_state.state_callbacks import StateCallbacks

__all__ = ["PACKAGES", "WATCH", "Watch", "locks_in_order", "watching"]

PACKAGES = ("sig_core.", "sig_carriers.", "sig_codecs.")
SYNC = "sig_core.io.sync."
SIGNALS = tuple(SYNC + name for name in ("auto_reset_event", "latch", "pending_reply"))  # one takes, another gives
FOR_EVER = "self._first ="  # so are locks called that the first close takes, and nobody gives back
LOCK, RLOCK, CONDITION = threading.Lock, threading.RLock, threading.Condition


class Watch:
    """What is known of all locks.

    Attributes:
        edges: which lock was waited for under which, by where they are made, and how that came about first.
        faults: code of a user that was called under a lock.
    """

    def __init__(self) -> None:
        self.edges: dict[tuple[str, str], str] = {}
        self.faults: list[str] = []
        self._here = threading.local()

    @property
    def held(self) -> list[WatchedLock]:
        """What this thread holds."""
        found: list[WatchedLock] | None = getattr(self._here, "held", None)
        if found is None:
            found = self._here.held = []
        return found

    def waits(self, lock: WatchedLock) -> None:
        """Note that this thread waits for a lock."""
        held = self.held
        if lock in held:
            if not lock.again:
                self.faults.append(f"{lock.place} is taken twice by one thread\n{_stack()}")
            return
        for other in held:
            if (other.place, lock.place) not in self.edges:
                self.edges[other.place, lock.place] = _stack()

    def calls(self, what: object) -> None:
        """Note that this thread calls code of a user."""
        if self.held:
            places = ", ".join(lock.place for lock in self.held)
            self.faults.append(f"{what!r} is called under {places}\n{_stack()}")

    def circle(self) -> list[str]:
        """Return places whose locks are waited for in a circle; [] if there is none."""
        after: dict[str, list[str]] = {}
        for one, other in self.edges:
            after.setdefault(one, []).append(other)

        def search(path: list[str]) -> list[str]:
            for place in after.get(path[-1], ()):
                if place in path:
                    return [*path[path.index(place) :], place]
                if place not in seen and (found := search([*path, place])):
                    return found
            seen.add(path[-1])
            return []

        seen: set[str] = set()
        return next((found for place in list(after) if (found := search([place]))), [])

    def check(self) -> None:
        """Raise AssertionError if a rule was broken; once."""
        faults, self.faults = self.faults, []
        circle = self.circle()
        hows = [self.edges.pop((one, other)) for one, other in itertools.pairwise(circle)]
        assert not faults, "\n".join(faults)
        assert not circle, f"locks are waited for in a circle: {' -> '.join(circle)}\n" + "\n".join(hows)


def _stack() -> str:
    return "".join(traceback.format_stack(sys._getframe(3), 12))


class WatchedLock:
    """A lock that tells who takes it.

    Args:
        watch: is told.
        lock: it is this one.
        place: where it is made.
        again: one thread may take it more than once.
    """

    def __init__(self, watch: Watch, lock: Any, place: str, again: bool) -> None:
        self.place = place
        self.again = again
        self._watch = watch
        self._lock = lock
        self._held: list[WatchedLock] = []  # of the thread that has it

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if blocking and timeout < 0:
            self._watch.waits(self)
        taken: bool = self._lock.acquire(blocking, timeout)
        if taken:
            self._held = self._watch.held
            self._held.append(self)
        return taken

    def release(self) -> None:
        held = self._held
        self._lock.release()
        if self in held:
            held.remove(self)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *exc: object) -> None:
        self.release()

    def locked(self) -> bool:
        return bool(self._lock.locked())


class WatchedRLock(WatchedLock):
    """One that a condition stands on."""

    def _is_owned(self) -> bool:
        return bool(self._lock._is_owned())

    def _release_save(self) -> Any:
        held, times = self._held, self._held.count(self)
        for _ in range(times):
            held.remove(self)
        return self._lock._release_save(), times

    def _acquire_restore(self, saved: Any) -> None:
        self._lock._acquire_restore(saved[0])
        self._held = self._watch.held
        self._held += [self] * saved[1]


class WatchedOwnedLock(OwnedLock):
    """One that knows its owner; it is an RLock, but nobody takes it twice.

    Attributes:
        watch: is told.
    """

    watch: ClassVar[Watch]

    def __init__(self) -> None:
        super().__init__()
        self.place = _place(2) or "?"
        self._watched = WatchedRLock(self.watch, super(), self.place, again=False)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return self._watched.acquire(blocking, timeout)

    __enter__ = acquire

    def release(self) -> None:
        self._watched.release()

    def __exit__(self, *exc: object) -> None:
        self._watched.release()

    def _release_save(self) -> Any:
        return self._watched._release_save()

    def _acquire_restore(self, saved: Any) -> None:
        self._watched._acquire_restore(saved)


def _place(depth: int) -> str | None:
    """Return where a lock is made; None: not by what is watched."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and _module(frame).startswith(SYNC) and _module(frame) not in SIGNALS:
        frame = frame.f_back  # what is made of locks has the place of who makes it
    if frame is None or not _module(frame).startswith(PACKAGES) or _module(frame) in SIGNALS:
        return None
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return None if FOR_EVER in line else f"{_module(frame)}:{frame.f_lineno}"


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _watch_locks(watch: Watch, patch: pytest.MonkeyPatch) -> None:
    def lock() -> Any:
        place = _place(2)
        return LOCK() if place is None else WatchedLock(watch, LOCK(), place, again=False)

    def rlock() -> Any:
        place = _place(2)
        return RLOCK() if place is None else WatchedRLock(watch, RLOCK(), place, again=True)

    def condition(lock: Any = None) -> Any:
        place = _place(2)
        if lock is None and place is not None:
            lock = WatchedRLock(watch, RLOCK(), place, again=True)
        return CONDITION(lock)

    patch.setattr(threading, "Lock", lock)
    patch.setattr(threading, "RLock", rlock)
    patch.setattr(threading, "Condition", condition)
    owned = type("OwnedLock", (WatchedOwnedLock,), {"watch": watch})
    for module in list(sys.modules.values()):
        if vars(module).get("OwnedLock") is OwnedLock and module.__name__.startswith(PACKAGES):
            patch.setattr(module, "OwnedLock", owned)


def _watch_calls(watch: Watch, patch: pytest.MonkeyPatch) -> None:
    """Let every way to code of a user be watched."""

    def before(owner: Any, name: str, what: Callable[..., object]) -> None:
        real = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            watch.calls(what(*args))
            return real(*args, **kwargs)

        patch.setattr(owner, name, watched)

    before(Handler, "call", lambda handler, method, params: f"handler of {method}")
    before(log, "_say", lambda level, text: f"logger, with {text[:60]}")
    before(concurrent.futures.Future, "_invoke_callbacks", lambda future: "callbacks of a future")

    def checking(callback: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(callback)
        def checked(*args: Any) -> object:
            watch.calls(callback)
            return callback(*args)

        return checked

    subscribe, take = Subscription.__init__, StateCallbacks.take

    def made(self: Subscription, callback: Any, *rest: Any) -> None:
        subscribe(self, callback, *rest)
        self.call = checking(callback)

    def taken(self: StateCallbacks) -> Any:
        news = take(self)
        return None if news is None else (checking(news[0]), *news[1:])

    patch.setattr(Subscription, "__init__", made)
    patch.setattr(StateCallbacks, "take", taken)


WATCH = Watch()  # of all tests of this process: one alone seldom takes both ways


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Let a watch see the locks that are made meanwhile, and the calls of code of a user."""
    with pytest.MonkeyPatch.context() as patch:
        _watch_locks(watch, patch)
        _watch_calls(watch, patch)
        yield


@pytest.fixture(autouse=True)
def locks_in_order() -> Iterator[None]:
    """Every test keeps the order of locks, and calls nobody under one."""
    with watching(WATCH):
        yield
    WATCH.check()
