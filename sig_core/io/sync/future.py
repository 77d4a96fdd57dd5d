"""A future that costs little until a thread blocks on it, and whose owner may help to bring its result about."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, PENDING
from typing import Any

from sig_core.errors import SigError
from sig_core.interrupts import pass_interrupt_on
from sig_core.io.sync.latch import Latch
from sig_core.log import log

__all__ = ["HelpedFuture"]

Help = Callable[["HelpedFuture", float | None], float | None]


class HelpedFuture(Future[Any]):
    """A `concurrent.futures.Future`: `wait`, `as_completed` and `asyncio.wrap_future` take it as one.

    Only a thread that blocks needs something to block on, so it is made for the first of them: with a condition for
    each future, and all steps under it, futures were half of what an asynchronous request cost. Instead each step is
    atomic for the interpreter, and of two threads that race each looks at what the other does first: the one that
    settles the future sets the state, then looks for a latch; the one that blocks makes the latch, then looks at the
    state. The condition is there for `concurrent.futures.wait` and its like alone: a wait in it may be interrupted in
    such a way that its lock stays taken, and who settles futures would wait for that.

    That is why `Future.__init__` is not called: making the condition takes three quarters of its time. Its attributes
    are stood in for here: `_condition` by a property; `_state`, `_result` and `_exception` by those of the class, until
    they are set; `_waiters` and `_done_callbacks` as they are there. The states come from `concurrent.futures._base`,
    because the standard library, which compares with them, exports them nowhere else. Tests fail where a Python sets
    other attributes, or knows other states.

    Args:
        help: called with the future and the seconds that may pass (None: any), when a thread is about to block; returns
            those that may pass afterwards.
    """

    _state = PENDING  # of the class, not of each: most are never looked at before they are done
    _result: Any = None
    _exception: BaseException | None = None
    _made: threading.Condition | None = None
    _latch: Latch | None = None

    def __init__(self, help: Help) -> None:
        # Without that of the base; the class says why.
        self._help = help
        self._waiters: list[Any] = []
        self._done_callbacks: list[Callable[[Future[Any]], object]] = []
        self._unclaimed = [None]  # the thread that takes it out may settle or cancel

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override] # an attribute of the base
        made: threading.Condition = self._made or self.__dict__.setdefault("_made", threading.Condition())
        return made

    # -- for its owner

    def __call__(self, value: Any, error: SigError | None) -> None:
        """Settle it, unless it was cancelled, and run its callbacks.

        Args:
            value: the result.
            error: instead of a result; None: there is one.
        """
        try:
            self._unclaimed.pop()
        except IndexError:
            return
        self._result = value
        if error is not None:
            self._exception = error
        self._state = FINISHED
        if self._latch is not None:
            self._latch.set()
        made = self._made
        if made is not None:
            with made:
                for waiter in self._waiters:
                    waiter.add_result(self) if error is None else waiter.add_exception(self)
                made.notify_all()
        self._invoke_callbacks()

    # -- for everybody

    def cancel(self) -> bool:
        """Cancel it unless it is done; return whether it is cancelled. What was asked for may happen all the same."""
        try:
            self._unclaimed.pop()
        except IndexError:
            return self.cancelled()
        super().cancel()
        if self._latch is not None:
            self._latch.set()
        self.set_running_or_notify_cancel()  # for threads that wait for several: nothing else would wake them yet
        return True

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self._state in (CANCELLED, CANCELLED_AND_NOTIFIED)

    def running(self) -> bool:
        """Return False: until it is done it can be cancelled."""
        return False

    def done(self) -> bool:
        """Return whether it has a value or an error, or was cancelled."""
        return self._state != PENDING

    def result(self, timeout: float | None = None) -> Any:
        """Return the value, or raise the error.

        Raises:
            TimeoutError: neither came within `timeout` seconds (None: no limit).
            CancelledError: it was cancelled.
        """
        if self._state != FINISHED:
            self._wait(timeout)
        if self._exception is not None:
            raise self._exception
        return self._result

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error; None: there is a value. It raises what `result` does, but for the error."""
        if self._state != FINISHED:
            self._wait(timeout)
        return self._exception

    def block(self, timeout: float | None) -> None:
        """Block until it is done, at most `timeout` seconds (None: no limit), without any help."""
        latch: Latch = self._latch or self.__dict__.setdefault("_latch", Latch())
        if self._state == PENDING:
            latch.wait(threading.TIMEOUT_MAX if timeout is None else timeout)

    def _wait(self, timeout: float | None) -> None:
        self.block(self._help(self, timeout))
        if self.cancelled():
            raise CancelledError
        if self._state != FINISHED:
            raise TimeoutError

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Have `fn(future)` called when it is done; at once, on this thread, if it is."""
        self._done_callbacks.append(fn)
        if self._state != PENDING:
            self._invoke_callbacks()

    def _invoke_callbacks(self) -> None:
        callbacks = self._done_callbacks
        while callbacks:
            try:
                callback = callbacks.pop(0)
            except IndexError:
                return  # another thread took it
            try:
                callback(self)
            except BaseException as error:  # it may be called on a thread that has more to do
                pass_interrupt_on(error)
                log.error(f"a callback of a future failed\n{traceback.format_exc()}")
