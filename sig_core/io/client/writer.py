"""The writer of a client: sends at once when the link is quiet, gathers when it is hot."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable
from typing import Any, Final, cast

from sig_core.clock import Clock
from sig_core.contract import HasCounts, Link, PollableLink
from sig_core.errors import SigError
from sig_core.interrupts import interrupt_of_call
from sig_core.io.sync.auto_reset_event import AutoResetEvent
from sig_core.io.sync.cpu_yield import CpuYield
from sig_core.io.sync.owned_lock import NEVER_WAIT, OwnedLock
from sig_core.links.close_once import link_lost
from sig_core.links.threads import start_thread
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.gate import FRAMES, HIGH_WATER, HOT_GAP, MAX_BATCH

__all__ = ["Writer", "counted", "wait_ready"]

MAX_BURST: Final = 3  # events within HOT_GAP that are still sent at once: a program that was late sends two or three
LINGER: Final = 200e-6  # seconds: what gathers is sent after this time at the latest
ROOM_TIMEOUT: Final = 0.25  # seconds after which a thread that waits for room looks whether the link still lives
DRAIN_TIMEOUT: Final = 0.02  # seconds that the writer's thread waits for room before it looks what else is due
MIN_WAIT: Final = 0.001  # seconds between two ticks at least

Tick = Callable[[float], float]


class Writer:
    """Sends what the session has in `out`, and runs the session's ticks on the same thread.

    Any thread may call `added` and `flush`. A thread that sends blocks while the peer does not read: that is the back
    pressure. But the reading thread never blocks here: it sends what can go now, the writer's thread sends the rest.

    A call may be interrupted at any instruction, see `sig_core/interrupts.py`. So what is sent stays in the output, and
    is taken off only when it has left; what did not leave of it takes its place, in the same step. On a link that does
    not say how much left (`HasCounts`), an interrupt ends the link: half of a frame may be out.

    Args:
        session: whose output is sent.
        link: it is sent on this.
        tick: called with `now`; returns the seconds until it wants to be called again.
        failed: called with the error when the link broke.
        read_on: called on the reading thread, which must not wait for the peer to read: it reads until output drains.
        clock: monotonic seconds.
        fine_clock: seconds that resolve microseconds, which `clock` does not on every system.
        sleep: waits so many seconds.

    Attributes:
        full: more than HIGH_WATER bytes wait: `make_room` must be called before anything is appended.
        gathers: the writer's thread sends what waits within LINGER; what joins it need not be told.
        reading_thread: ident of the thread that must not block here; 0: none is known yet.
        next_tick: when the next tick comes, monotonic seconds; `due` brings it forward.
    """

    def __init__(
        self,
        session: ClientSession,
        link: Link,
        tick: Tick,
        failed: Callable[[SigError], None],
        read_on: Callable[[], None],
        *,
        clock: Clock = time.monotonic,
        fine_clock: Clock = time.perf_counter,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.full = False
        self.gathers = False
        self.reading_thread = 0
        self.next_tick = 0.0
        self._session = session
        self._out = cast(list[bytes | memoryview], session.out)  # a view is what a send did not take
        self._link = link
        self._pollable = link if isinstance(link, PollableLink) else None
        self._tick = tick
        self._failed = failed
        self._read_on = read_on
        self._clock = clock
        self._fine_clock = fine_clock
        self._sleep = sleep
        self._counted = counted(link)
        self._put = self._put_uncounted if self._counted is None else self._counted.send_counted
        self._size = 0  # bytes gathered, but for small frames; a hint, since threads add to it without a lock
        self._last = 0.0  # when something was sent, seconds of the fine clock
        self._close = 0  # events in a row that came within HOT_GAP of the one before
        self._linger = LINGER
        self._give_way = CpuYield(fine_clock)
        self._lock = OwnedLock()
        self._wake = AutoResetEvent()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"sig-writer {link.peer}", daemon=True)

    def start(self) -> None:
        """Begin."""
        start_thread(self._thread)

    def stop(self) -> None:
        """End the thread; what waits is not sent any more."""
        self._stopping = True
        self._wake.set()

    def join(self, timeout: float) -> None:
        """Wait for the thread, at most `timeout` seconds."""
        if self._thread is not threading.current_thread() and self._thread.is_alive():
            self._thread.join(timeout)

    def added(self, size: int) -> None:
        """Note that an event of `size` bytes was appended to the output: send it now, or let it gather."""
        self._size += size
        if self._size >= MAX_BATCH or len(self._out) >= FRAMES:
            self.flush()
            if size < MAX_BATCH:
                self._give_way()
        elif not self.gathers:
            if self._is_hot():
                self.gather()
            else:
                self.flush()

    def _is_hot(self) -> bool:
        """Return whether events follow each other so closely, and so long, that this one had better wait for more."""
        if self._fine_clock() - self._last >= HOT_GAP:
            self._close = 0
            return False
        self._close += 1
        return self._close > MAX_BURST

    def gather(self, linger: float = LINGER) -> None:
        """Let the writer's thread send what waits, `linger` seconds later, unless another thread does it first."""
        if not self.gathers:
            self._linger = linger
            try:
                self.gathers = True
                self._wake.set()
            except BaseException:  # else all would wait for a thread that was not woken
                self.gathers = False
                self._wake.set()
                raise

    def asked(self, size: int, deadline: float) -> None:
        """Note that a request was appended: send it now; those that callbacks make may gather.

        Args:
            size: bytes.
            deadline: monotonic seconds when its answer is late.
        """
        if threading.get_ident() == self.reading_thread:
            self.added(size)
        else:
            self.flush()
        if deadline < self.next_tick:
            self.due(deadline)

    def make_room(self) -> None:
        """Wait until output drains.

        Raises:
            Backpressure: on the reading thread, when too much input came meanwhile.
        """
        if threading.get_ident() == self.reading_thread:
            self._read_on()
        else:
            self.flush()

    def flush(self) -> None:
        """Send what waits: all of it, or, on the reading thread, what can go without blocking."""
        ident = threading.get_ident()
        if ident == self.reading_thread or ident in NEVER_WAIT:
            self.push()
        elif self._lock.is_mine():  # called by a destructor, or a signal handler, in the midst of a send
            self._wake.set()
        else:
            try:
                with self._lock:
                    self._drain(block=True)
            except BaseException:
                self._wake.set()  # what waits is for the writer's thread now
                raise

    def finish(self, timeout: float) -> None:
        """Wait until what waits is sent, at most `timeout` seconds."""
        until = self._clock() + timeout
        if self._pollable is None:  # its send may block for ever: that is for the writer's thread
            self._wake.set()
        while not self._stopping and (left := until - self._clock()) > 0:
            if self._try_to_send(min(left, ROOM_TIMEOUT)):
                return
            if self._waits_for_link():
                wait_ready(self._pollable, min(left, ROOM_TIMEOUT), writing=True)
            else:
                self._sleep(LINGER)

    def wake(self) -> None:
        """Have the writer's thread send what waits and look what is due, at once."""
        self._wake.set()

    def due(self, when: float) -> None:
        """Have a tick come at `when` (monotonic seconds) at the latest."""
        if when < self.next_tick:
            self.next_tick = when
            self._wake.set()

    def push(self) -> None:
        """Send what can go without blocking; the writer's thread sends the rest."""
        # A thread that holds the lock may wait until the peer reads, and the peer until we read: never wait for it.
        if self._pollable is None or not self._try_to_send(0):
            self.full = self._size + self._size_of_rest() > HIGH_WATER
            self._wake.set()

    def _try_to_send(self, patience: float) -> bool:
        """Send what can go without blocking, unless others send for `patience` seconds; return whether all did."""
        lock, sent_all = self._lock, False
        if lock.is_mine():
            return False
        try:
            if lock.acquire(timeout=patience):
                sent_all = self._drain(block=False) if self._pollable is not None else self._is_all_out()
                lock.release()
        except BaseException:  # within `acquire` too: then it is taken, or it is not
            try:
                if lock.is_mine():
                    lock.release()
            except BaseException:  # a second interrupt
                if lock.is_mine():
                    lock.release()
                raise
            raise
        return sent_all

    def _drain(self, *, block: bool) -> bool:
        """Send, holding the lock; return whether all is out."""
        while not self._stopping:
            if not self._out:
                self.full = False
                return True
            if not self._send_next() and (self._stopping or not (block and self._wait_for_room())):
                return False
        return False

    def _send_next(self) -> bool:
        """Send all of the output, or what was left of the last time; return whether all that went out."""
        out = self._out
        taken = 1
        if not isinstance(out[0], memoryview):
            taken, self._size = len(out), 0
        data = out[0] if taken == 1 else b"".join(out[:taken])
        size = len(data)
        counts: list[int] = []
        try:
            self._put(data, counts)
            self._last = self._fine_clock()
            if counts[0]:
                self._session.sent(counts[0], self._clock())
            if counts[0] == size:
                del out[:taken]  # the list is never replaced, and others append to it meanwhile
            else:
                out[:taken] = [memoryview(data)[counts[0] :]]
        except BaseException as error:
            if counts:  # an interrupt came behind the send
                out[:taken] = [memoryview(data)[counts[0] :]] if counts[0] < size else []
                raise
            self._not_sent(error)
        return bool(counts) and counts[0] == size

    def _put_uncounted(self, data: bytes | memoryview, counts: list[int]) -> None:
        if self._pollable is not None:
            counts.append(self._pollable.send_some(data))
        else:
            self._link.send(bytes(data))
            counts.append(len(data))

    def _not_sent(self, error: BaseException) -> None:
        """End the link, since it broke; what interrupted the send is raised, and ends it if part may be out."""
        interrupt = interrupt_of_call(error)
        if interrupt is None or self._counted is None:
            self._stopping = True
            self._failed(link_lost(self._link.peer, error))
        if interrupt is not None:
            raise interrupt

    def _size_of_rest(self) -> int:
        rest = self._out[:1]
        return len(rest[0]) if rest and isinstance(rest[0], memoryview) else 0

    def _is_all_out(self) -> bool:
        return not self._out

    def _waits_for_link(self) -> bool:
        """Return whether the link tells when there is room for what waits."""
        return self._pollable is not None

    def _wait_for_room(self) -> bool:
        assert self._pollable is not None
        wait_ready(self._pollable, ROOM_TIMEOUT, writing=True)
        return not self._stopping

    def _run(self) -> None:
        NEVER_WAIT.add(ident := threading.get_ident())
        try:
            self._send_and_tick()
        finally:
            NEVER_WAIT.discard(ident)

    def _send_and_tick(self) -> None:
        wait = 0.0
        while not self._stopping:
            self._wake.wait(wait)
            while self.gathers and not self._stopping:
                began = self._fine_clock()
                self._sleep(self._linger)
                # A thread that triggers so fast that it fills batches sends them itself: this one would be in its way.
                self.gathers = self._last >= began and self._clock() < self.next_tick
            with self._lock:
                sent_all = self._drain(block=False)
            if not sent_all and not self._stopping and self._waits_for_link():
                wait_ready(self._pollable, DRAIN_TIMEOUT, writing=True)
                self._wake.set()
            now = self._clock()
            wait = max(MIN_WAIT, self._tick(now))
            self.next_tick = now + wait


def counted(link: Link) -> HasCounts | None:
    """Return a link if it says how much passed. One that can not on its socket has None instead of the methods."""
    return link if isinstance(link, HasCounts) and getattr(link, "send_counted", None) is not None else None


def wait_ready(link: Any, timeout: float, *, writing: bool = False) -> bool:
    """Return whether a pollable link is ready to be read (or written) within `timeout` seconds."""
    try:
        descriptor = link.fileno()
    except OSError:
        return True  # closed meanwhile: the next call of the link says so
    if not hasattr(select, "poll"):
        return any(select.select([] if writing else [descriptor], [descriptor] if writing else [], [], timeout))
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT if writing else select.POLLIN)
    return bool(poll.poll(timeout * 1000))
