"""The role to read the link of a client: who has it, who waits for it, and who wakes whom.

Everything that says who may read is in this file. These are the parts of a `Reader` and who may touch them:

    ReceiveRole     the lock of the role, and who waits: this file
    LinkReceiver    receives bytes; only who holds the role calls it
    ClientSession   is fed with bytes only by who holds the role; its other calls are for any thread, without a lock
    Inbox           what arrived and waits for callbacks; any thread puts in, only the reading thread takes out
    CallbackRunner  runs callbacks; only on the reading thread (but `settle_futures`: on any)
    NestedWait      reads on inside a callback; only on the reading thread

One thread at a time holds the role. Two kinds of threads want it.

The reading thread (one for each link) is in one of these states:

    RUNNING      runs callbacks, while the inbox has something. Does not hold the role: others may read meanwhile.
    NESTED       inside a callback that waits: takes the role for one read at a time, or looks again 1 ms later.
    READING      the inbox is empty: holds the role, for one read.
    LEAVING IT   a thread got its answer less than 1 ms ago and may ask again: leaves the role to it, waits for news.
    STANDING BY  wanted to read, but another thread holds the role: waits for news.
    HEARING OUT  the session is closed and all is run: holds the role, until the peer has ended or time is up.
    ENDED        after that; the link is closed.

      RUNNING <--> NESTED
         | ^
    empty| | news, or a read brought something
         v |
      READING / LEAVING IT / STANDING BY  --- session closed, inbox empty --->  HEARING OUT  --->  ENDED

A thread that waits for an answer (`ReceiveRole.wait`):

    READING      took the role, which was free: reads until its own answer is there, so that this reaches it without
                 passing through another thread. What is for callbacks it leaves in the inbox, and says so to the
                 reading thread. It stops reading while the inbox has more than `max_inbound` bytes of events: what
                 more there is waits with the peer.
    WAITING      somebody else reads: sleeps until that one tells its answer, and tries now and then to take the role:
                 who read may have left, and the reading thread may be in a callback for as long as that likes.

Locks, in the order in which they are taken:

    1. the role      tried, never waited for; but the reading thread waits for it once the session is closed, for who
                     found the end may not have passed on yet what came before it. Held during a read, and while what
                     came is put into the inbox. No user code runs under it.
    2. the writer's  under the role it is tried only, never waited for: a thread that sends holds it while it waits for
                     the peer to read, and the peer may wait for us to read.
    3. the inbox's   innermost; nothing is called under it.

Wake-ups:

    news             for the reading thread alone, an event that resets itself. It means "look again": the inbox has
                     something; or the role is free, and you stand by, or somebody waits for an answer; or the link was
                     cut. It may come for nothing, and it may be late: every wait for it has a bound.
    PendingReply     for one waiting thread: its answer is there, or the session has ended.
    the link         who reads wakes by what comes. `Reader.cut` closes the link, which ends a read that waits.

Interrupts (`sig_core/interrupts.py`): a thread that waits may be the main one, and be interrupted at any instruction.
It never keeps the role: `lock` knows its owner, so the handler of an exception sees whether it was taken. What it had
read is not lost: bytes stay in `LinkReceiver.unread` until the session has them, frames in the session until they are
reported, reports in their list until the inbox has them; so `_read` finishes, then passes the interrupt on. Where bytes
may be missing (`LinkReceiver.torn`), the link ends.

A destructor, or a signal handler, may call in while its thread holds the role. It can't wait for an answer then: nobody
would read it. It is refused.

The session ends in whatever thread notices it. Threads that wait are told by whoever calls `session.end()` then: it
gives each answer that is still open to the first that calls.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from sig_core.busy_poll import FEW
from sig_core.clock import Clock
from sig_core.errors import LocalProtocolError
from sig_core.interrupts import interrupt_of_call
from sig_core.io.client.inbox import Inbox
from sig_core.io.client.lifetime import check_silence
from sig_core.io.client.link_receiver import MAX_WAIT, LinkReceiver
from sig_core.io.client.no_link import NoLink
from sig_core.io.client.writer import Writer
from sig_core.io.sync.auto_reset_event import AutoResetEvent
from sig_core.io.sync.cpu_yield import CpuYield
from sig_core.io.sync.owned_lock import INSIDE, OwnedLock
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.links.close_once import link_lost
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Events, Report

__all__ = ["ReceiveRole"]

ASK_AGAIN: Final = 0.001  # seconds after an answer for which reading is left to who got it: it may ask again
STAND_BY: Final = 0.25  # seconds after which the reading thread looks again whether the role is free
WAITER_RETRY: Final = 0.05  # seconds after which a thread that waits without the role tries to take it

NOTHING: Final[list[Report]] = []

CLOSED = State.CLOSED  # looking a member up on an Enum class costs more than the comparison


class ReceiveRole:
    """Lets one thread at a time read, and passes on what was read. The head of this file says who may hold it when.

    Args:
        session: is fed with what comes.
        receiver: gives it.
        writer: sends what the session answers.
        inbox: what the session reports goes there.
        limits: `max_inbound` is used.
        peer: names the link in errors.
        clock: monotonic seconds.

    Attributes:
        lock: the role: who holds it may read.
        news: wakes the reading thread.
        back: when the reading thread last came back from callbacks, seconds of `clock`; until then nobody may have
            read, so silence before it is not the peer's.
    """

    def __init__(
        self,
        session: ClientSession,
        receiver: LinkReceiver,
        writer: Writer,
        inbox: Inbox,
        limits: Limits,
        peer: str,
        clock: Clock,
    ) -> None:
        self.lock = OwnedLock()
        self.news = AutoResetEvent()
        self.back = clock()
        self._session = session
        self._receiver = receiver
        self._receive = receiver.receive
        self._busy = receiver.busy
        self._writer = writer
        self._inbox = inbox
        self._take = inbox.take
        self._reports = inbox.reports
        self._answers = inbox.answers
        self._keepalive = session.patience
        self._max_inbound = limits.max_inbound
        self._peer = peer
        self._clock = clock
        self._asked = 0.0  # when a thread last waited for an answer
        self._waiters: dict[PendingReply, None] = {}  # of the threads that wait without the role
        self._is_held = False  # by a thread that waits for an answer: the lock does not tell others
        self._standing_by = False  # the reading thread waits for another to give the role back
        self._give_way = CpuYield()

    # -- a thread that waits for an answer

    def wait(self, waiter: PendingReply, timeout: float) -> None:
        """Wait at most `timeout` seconds until `waiter` is told; on any thread but the reading one."""
        if self.lock.is_mine():
            raise LocalProtocolError(f"a wait: {INSIDE}")
        self._asked = now = self._clock()
        until = now + timeout
        while True:
            try:
                if self.lock.acquire(blocking=False):
                    self._is_held = True
                    if self._busy is not None:
                        self._busy.asks()
                    while not waiter.done and now < until and self._session.state is not CLOSED:
                        if self._inbox.event_bytes > self._max_inbound:
                            break  # the callbacks do not keep up: what more there is waits with the peer
                        self._read(until - now)
                        if self._reports or self._answers:
                            self.news.set()
                        now = self._clock()
                    self._asked = now
                    self._is_held = False
                    self.lock.release()
                    if self._standing_by or self._is_awaited():
                        self.news.set()
            except BaseException:  # within `acquire` too: then it is taken, or it is not
                try:
                    self._give_back()
                except BaseException:  # a second interrupt
                    self._give_back()
                    raise
                raise
            if waiter.done or now >= until:
                return
            self._waiters[waiter] = None
            try:
                waiter.wait(min(until - now, WAITER_RETRY))
            finally:
                self._waiters.pop(waiter, None)  # another thread may have waited for the same
            now = self._clock()

    def _give_back(self) -> None:
        """Give the role back after an interrupt, if this thread has it. Again: does the rest."""
        if self.lock.is_mine():
            self._is_held = False
            self.lock.release()
        self.news.set()  # the reading thread reads on

    def _is_awaited(self) -> bool:
        return any(not waiter.done for waiter in tuple(self._waiters))

    # -- the reading thread

    def read_or_stand_by(self) -> None:
        """Read once, or wait for news while it is another thread's turn. Only for the reading thread."""
        if self._receiver.flows and not self._session.read_hint:
            self._give_way()
        if self._clock() - self._asked < ASK_AGAIN and not self._is_awaited():
            self.news.wait(ASK_AGAIN)
        elif not self.read_if_free(MAX_WAIT):
            self._standing_by = True
            if self._is_held:  # else its holder left before it could see that somebody stands by
                self.news.wait(STAND_BY)
            self._standing_by = False

    def read_if_free(self, timeout: float) -> bool:
        """Read once, within `timeout` seconds, if nobody else does; return whether that was so."""
        if self.lock.is_mine():
            raise LocalProtocolError(f"a wait: {INSIDE}")
        free = False
        try:
            free = self.lock.acquire(blocking=False)
            if free:
                self._read(timeout)
                self.lock.release()
        except BaseException:
            if self.lock.is_mine():
                self.lock.release()
            raise
        return free

    # -- holding the role

    def _read(self, timeout: float) -> None:
        """Receive once, within `timeout` seconds; tell answers, put the rest into the inbox."""
        session, reports = self._session, NOTHING
        try:
            try:
                data = self._receive(timeout)
            except BaseException as error:
                data = self._not_received(error)
            if data:
                reports = session.receive_data(data, self._clock())
                self._receiver.unread = b""
                if self._busy is not None and reports and len(data) < FEW and not isinstance(reports[-1], Events):
                    self._busy.passed()
            else:
                check_silence(session, self._clock(), self.back, self._keepalive, self._peer)
                reports = session.end() if session.state is CLOSED else NOTHING
            self._take(reports)
            if session.out:
                self._writer.push()
        except BaseException:
            rest = [*reports]  # of which `_take` has removed what it kept
            try:
                self._finish(rest)
            except BaseException:  # a second interrupt
                self._finish(rest)
                raise
            raise

    def _not_received(self, error: BaseException) -> bytes:
        """End the session, since the link has ended or broke; what interrupted a read is raised."""
        if isinstance(error, EOFError):
            self._session.receive_eof()
            self._park_if_cut()
            return b""
        interrupt = interrupt_of_call(error)
        if interrupt is None or self._receiver.torn:
            self._session.lose(link_lost(self._peer, error))
            self._park_if_cut()
        if interrupt is not None:
            raise interrupt
        return b""

    def _park_if_cut(self) -> None:
        """Read nothing more if the session has not ended with its link, but waits for the next one."""
        if self._session.suspended is not None:
            self._receiver.wait_for_link()

    def park(self) -> NoLink | None:
        """Have nothing more read of a link that was cut; return what waits for another. None: it is read just now."""
        if self._receiver.no_link is None:
            self._hold(self._receiver.wait_for_link)
        return self._receiver.no_link

    def help(self, waits: NoLink) -> None:
        """Take the link that it was offered, if nobody reads."""
        with suppress(Exception):  # it is closed again: who reads finds that out
            self._hold(partial(waits.receive, 0.0))

    def _hold(self, do: Callable[[], object]) -> None:
        """Do something with the role, if that is free."""
        if self.lock.acquire(blocking=False):
            try:
                do()
            finally:
                self.lock.release()

    def _finish(self, reports: list[Report]) -> None:
        """Do the rest of a read that was interrupted. Again, with the same list: does what is left of that."""
        if self._receiver.unread:
            reports += self._session.receive_data(self._receiver.unread, self._clock())
            self._receiver.unread = b""
        self._take(reports)
        self._writer.wake()
