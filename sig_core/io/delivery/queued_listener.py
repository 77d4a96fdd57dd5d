"""A listener with a queue and a thread of its own: a slow one delays nobody else."""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Final

from sig_core.clock import Clock
from sig_core.description import name_of_callable
from sig_core.events import Info
from sig_core.io.sync.auto_reset_event import AutoResetEvent
from sig_core.io.sync.fork import close_in_child
from sig_core.io.sync.latch import Latch
from sig_core.io.sync.owned_lock import UnlistedLock, is_inside
from sig_core.links.threads import start_thread
from sig_core.log import log
from sig_core.routing.delivery import Delivery, OnLost
from sig_core.routing.listener_queue import KEY_FAILED, REMOVED, STOPPED, Outcome, key_for, queue_for
from sig_core.routing.signals import Listener

__all__ = ["QueuedListener"]

LOOK: Final = 0.25  # seconds after which who waits for room looks again

Failed = Callable[[Any, Info, BaseException], None]


class QueuedListener:
    """Called as the listener is, by whoever delivers; the listener itself runs on the thread of its own.

    A call may come in the midst of another one on the same thread, by a destructor or a signal handler: what it brings
    is put into the queue by whoever has it next.

    Args:
        listener: a function.
        delivery: that it asked for.
        on_lost: told on its thread what did not reach it; None: the log is.
        failed: called when a function of the user raised, with (callback, info, error).
        stall: seconds for which a thread is held back while there is no room ...
        is_patient: ... unless this returns true: the thread that delivers waits for as long as it takes. What feeds it
            is held back in its turn, no longer than a server allows.
        clock: monotonic seconds.

    Raises:
        LimitError: the system starts no more threads.
    """

    def __init__(
        self,
        listener: Listener,
        delivery: Delivery,
        on_lost: OnLost | None,
        failed: Failed,
        stall: float,
        is_patient: Callable[[], bool],
        clock: Clock = time.monotonic,
    ) -> None:
        self._listener: Listener | None = listener  # None: it is called no more
        self._name = name_of_callable(listener)
        self._delivery = delivery
        self._on_lost = on_lost
        self._failed = failed
        self._stall = stall
        self._is_patient = is_patient
        self._clock = clock
        self._is_latest = delivery.overflow == "latest"
        self._lock = UnlistedLock()
        self._queue = queue_for(delivery)
        self._nested: deque[Callable[[], object]] = deque()  # what is to be done with the queue, from inside a call
        self._news = AutoResetEvent()  # for the thread
        self._room = Latch()  # for who waits for it
        self._holds = True  # who triggers; not any more in an episode in which that was in vain
        self._warned = False
        self._stopping = False  # nobody is held back any more, but events may yet come
        self._ending = False  # none come, and the thread ends when nothing waits any more
        self._closed = ""  # why, once it is
        self._ended = Latch()
        self._thread = 0  # ident
        self._needs_thread = False
        self._begin()
        close_in_child(self)

    def _begin(self) -> None:
        """Start the thread, which lives as long as somebody refers to this."""
        news = self._news
        me = weakref.ref(self, lambda gone: news.set())
        start_thread(threading.Thread(target=_serve, args=(me, news), name=f"sig-listener {self._name}", daemon=True))

    def stats(self) -> dict[str, Any]:
        """Return its counts; see `Subscription.stats`."""
        with self._lock:
            return self._queue.stats()

    # -- by who delivers

    def __call__(self, info: Info, data: Any) -> None:
        """Put an event; where there is no room, do what the listener asked for."""
        key: Hashable = None
        if self._needs_thread:  # since a fork
            self._needs_thread = False
            self._begin()
        if self._is_latest:
            try:
                key = key_for(self._delivery, info, data)
            except BaseException as error:
                self._key_failed(info, error)
                return
        if self._lock.is_mine():
            self._nested.append(partial(self._put_at_once, info, data, key))
            self._news.set()
            return
        outcome = Outcome.TAKEN
        try:
            with self._lock:
                outcome = self._put(info, data, key)
            if outcome is Outcome.NO_ROOM:
                self._wait_and_put(info, data)
        finally:
            try:
                self._news.set()
            except BaseException:  # an interrupt: nobody else would wake the thread
                self._news.set()
                raise
        if outcome is not Outcome.TAKEN:
            self._warn()

    def _put(self, info: Info, data: Any, key: Hashable) -> Outcome:
        """Put an event as far as there is room, under the lock; what comes after the end is lost."""
        if self._closed:
            self._queue.lose(1, self._closed, info)
            return Outcome.TAKEN
        outcome = self._queue.put(info, data, 0, key)
        if outcome is Outcome.NO_ROOM and self._stopping:
            self._queue.force(info, data, beyond=True)
            return Outcome.TAKEN
        if outcome is Outcome.NO_ROOM:
            self._room.clear()
        return outcome

    def _put_at_once(self, info: Info, data: Any, key: Hashable) -> None:
        """Put an event, under the lock; where there is no room, the oldest gives way."""
        if self._put(info, data, key) is Outcome.NO_ROOM:
            self._queue.force(info, data, beyond=False)

    def _wait_and_put(self, info: Info, data: Any) -> None:
        """Wait for room, as long as this thread may, and put an event."""
        patient = self._is_patient()
        may_wait = threading.get_ident() != self._thread and not is_inside()
        until = self._clock() + self._stall
        while may_wait and (patient or (self._holds and self._clock() < until)):
            self._room.wait(LOOK if patient else max(0.0, min(LOOK, until - self._clock())))
            with self._lock:
                if self._put(info, data, None) is not Outcome.NO_ROOM:
                    return
        with self._lock:
            self._holds = False
            self._put_at_once(info, data, None)

    def _key_failed(self, info: Info, error: BaseException) -> None:
        self.lose(1, KEY_FAILED, info)
        if not isinstance(error, Exception):
            raise error
        self._failed(self._delivery.key, info, error)

    def lose(self, count: int, reason: str, info: Info) -> None:
        """Note events that do not come to it; see `ListenerQueue.lose`."""
        if self._lock.is_mine():
            self._nested.append(partial(self._queue.lose, count, reason, info))
        else:
            with self._lock:
                self._queue.lose(count, reason, info)
        self._news.set()

    def _warn(self) -> None:
        """Log, once until nothing waits any more, that events give way of which nobody else is told."""
        if self._on_lost is None and not self._warned and self._queue.lost:
            self._warned = True
            log.warning(f"listener {self._name}: {self._delivery.queue} events wait for it; what is too much, it loses")

    # -- on the thread

    def serve(self) -> bool:
        """Call the listener for the event that has waited longest, tell of losses; return whether to go on at once."""
        self._thread = threading.get_ident()
        with self._lock:
            while self._nested:
                self._nested.popleft()()
            waits = len(self._queue) > 0
            info, data, _ = self._queue.popleft() if waits else ({}, None, 0)
            self._holds = self._holds or self._queue.has_drained
        self._room.set()
        listener = self._listener
        if waits and listener is not None:
            try:
                listener(info, data)
            except BaseException as error:
                self._failed(listener, info, error)
        self._warned = self._warned and waits
        if self._queue.has_loss:
            self._tell_losses()
        return waits and not self._closed

    def _tell_losses(self) -> None:
        while True:
            with self._lock:
                loss = self._queue.take_loss()
            if loss is None:
                return
            if self._on_lost is not None and not self._closed:
                try:
                    self._on_lost(*loss)
                except BaseException as error:
                    self._failed(self._on_lost, loss[3], error)

    def ends(self) -> bool:
        """Return whether the thread is needed no more, since it was stopped or removed."""
        over = bool(self._closed) or (self._ending and not len(self._queue) and not self._nested)
        if over:
            self._ended.set()
        return over

    # -- the end

    def remove(self) -> None:
        """Call the listener no more; what waits is lost. From anywhere."""
        self._listener = None
        self._close(REMOVED)

    def stop_soon(self) -> None:
        """Hold nobody back any more; what still comes gets in."""
        self._stopping = True
        self._room.set()

    def stop(self, timeout: float) -> None:
        """Let the listener have what waits, at most `timeout` seconds, then drop the rest, counted; end."""
        self.stop_soon()
        self._ending = True
        self._news.set()
        if threading.get_ident() != self._thread and not self._ended.wait(timeout):
            lost = f"{len(self._queue)} events are lost to it"
            log.warning(f"listener {self._name}: still runs {timeout:.1f} s after the stop; {lost}")
        self._close(STOPPED)

    def _close(self, reason: str) -> None:
        self._closed = self._closed or reason
        if self._lock.is_mine():
            self._nested.append(partial(self._queue.clear, reason))
        else:
            with self._lock:
                self._queue.clear(reason)
        self._room.set()
        self._news.set()

    def after_fork(self) -> None:
        """In the child: the thread is the parent's, and so is what waits."""
        self._lock = UnlistedLock()
        self._queue = queue_for(self._delivery)
        self._nested.clear()
        self._news, self._room = AutoResetEvent(), Latch()
        self._thread, self._needs_thread = 0, not self._closed


def _serve(me: weakref.ref[QueuedListener], news: AutoResetEvent) -> None:
    """Run the thread of a listener, which it does not keep alive."""
    while True:
        listener = me()
        if listener is None:
            return
        while listener.serve():
            pass
        if listener.ends():
            return
        del listener
        news.wait(threading.TIMEOUT_MAX)
