"""A lock that knows whether the thread that asks has it: for calls that come in the midst of another call.

The garbage collector runs destructors (`__del__`, `weakref.finalize`) on whichever thread allocates something, and a
signal handler runs wherever the main thread stands: in the midst of any statement of ours, under any lock of ours. What
they call must not wait for a lock that the interrupted call has: that could never give it back. It must not wait for
another one either, while its own thread has one: two threads could wait for each other so. And it must not change what
the interrupted call is just changing.

So a call that can be made in such a place asks first whether its thread has a lock of ours (`is_inside`): any, since
what it waits for may need that of another router in this program. If so, what has no result is done by another thread,
soon (`Deferred`); what has one is refused, with an error that says where to call it from. The same holds for threads of
ours that everybody waits for, such as a server's I/O thread (`NEVER_WAIT`): a destructor that runs there must not wait
for an answer.

The lock is the `RLock` of C, for two reasons: it knows its owner, at no cost for who takes it; and `with` takes it and
gives it back in one step each, so that no interrupt leaves it taken (`sig_core/interrupts.py` says why). A class in
Python around a lock would have a moment at which the lock is taken, and its `with` not begun. That it can be taken
twice is not made use of.
"""

from __future__ import annotations

import _thread
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Final

from sig_core.errors import LocalProtocolError
from sig_core.log import log

__all__ = ["INSIDE", "NEVER_WAIT", "Deferred", "OwnedLock", "UnlistedLock", "check_outside", "is_inside"]

INSIDE: Final = (
    "called by a destructor, or a signal handler, in the midst of another call of a router;"
    " call it from the program itself, or from another thread"
)
NEVER_WAIT: set[int] = set()  # idents of threads of ours that run no user code, but that of destructors


class UnlistedLock(_thread.RLock):  # type: ignore[misc] # final for mypy alone
    """A lock for `with`; `is_mine()` returns whether this thread has it. `is_inside` does not look at it.

    For what there are thousands of, and whose calls are made under an `OwnedLock`, or on a thread that must not wait.
    """

    __slots__ = ()

    is_mine: ClassVar[Callable[[UnlistedLock], bool]] = _thread.RLock._is_owned  # type: ignore[attr-defined]


class OwnedLock(UnlistedLock):  # type: ignore[misc] # as above
    """The same, at which `is_inside` looks."""

    def __init__(self) -> None:
        _living[id(self)] = weakref.ref(self, partial(_living.pop, id(self)))

    __slots__ = ()


_living: dict[int, weakref.ref[OwnedLock]] = {}


def is_inside() -> bool:
    """Return whether this thread is in the midst of a call of ours, or is one that must not wait at all."""
    while True:
        try:
            locks = list(_living.values())
            break
        except RuntimeError:
            continue  # the collector took one away meanwhile
    for each in locks:
        lock = each()
        if lock is not None and lock.is_mine():
            return True
    return threading.get_ident() in NEVER_WAIT


def check_outside(what: str) -> None:
    """Raise LocalProtocolError in the midst of a call of ours.

    Args:
        what: is called.
    """
    if is_inside():
        raise LocalProtocolError(f"{what}: {INSIDE}")


class Deferred:
    """Runs jobs in order, on a thread that is there only meanwhile. Takes no lock, so it can be called anywhere."""

    def __init__(self) -> None:
        self._jobs: deque[Callable[[], object]] = deque()
        self._idle = [None]  # who takes it out runs the thread

    def __call__(self, job: Callable[[], object]) -> None:
        """Have a job run soon, after those that were deferred before."""
        self._jobs.append(job)
        self._ensure_thread()

    def _ensure_thread(self) -> None:
        try:
            self._idle.pop()
        except IndexError:
            return  # it runs, and will look again
        try:
            _thread.start_new_thread(self._run, ())  # one of `threading` takes locks, under which we may be
        except RuntimeError:
            self._idle.append(None)  # the system starts no more threads: the next call tries again

    def _run(self) -> None:
        jobs = self._jobs
        while jobs:
            try:
                jobs.popleft()()
            except BaseException:
                log.error(f"a call of a destructor, or of a signal handler, failed\n{traceback.format_exc()}")
        self._idle.append(None)
        if jobs:  # one came after the last look
            self._ensure_thread()
