"""A future that costs little until somebody blocks on it, and whose owner may help to bring it about."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, PENDING
from typing import Any

from sig_core.errors import SigError
from sig_core.log import log

__all__ = ["HelpedFuture"]

Help = Callable[[Future[Any], float | None], float | None]


class HelpedFuture(Future[Any]):
    """What `concurrent.futures.Future` is, and `wait`, `as_completed` and `asyncio.wrap_future` take it as one.

    Only who blocks needs a condition, so it is made for the first of them: with one for each future, and every step
    under it, futures were half of what an asynchronous request cost. Instead each step is a single one for the
    interpreter, and of two that race both look at what the other does first: who settles it sets the state, then looks
    for a condition; who blocks makes the condition, then looks at the state.

    Args:
        help: called with the future and the seconds that may pass (None: any), when somebody is about to block; gives
            those that may pass afterwards.
    """

    _state = PENDING  # here, not in each: most are never looked at before they are done
    _result: Any = None
    _exception: BaseException | None = None
    _made: threading.Condition | None = None

    def __init__(self, help: Help) -> None:
        # Not that of the base, which makes the condition; the attributes are those that it names.
        self._help = help
        self._waiters: list[Any] = []
        self._done_callbacks: list[Callable[[Future[Any]], object]] = []
        self._unclaimed = [None]  # taken by who settles or cancels it

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override] # an attribute of the base
        made: threading.Condition = self._made or self.__dict__.setdefault("_made", threading.Condition())
        return made

    # -- its owner

    def __call__(self, value: Any, error: SigError | None) -> None:
        """Settle it, unless it was cancelled. Runs its callbacks."""
        try:
            self._unclaimed.pop()
        except IndexError:
            return
        self._result = value
        if error is not None:
            self._exception = error
        self._state = FINISHED
        made = self._made
        if made is not None:
            with made:
                for waiter in self._waiters:
                    waiter.add_result(self) if error is None else waiter.add_exception(self)
                made.notify_all()
        self._invoke_callbacks()

    # -- everybody

    def cancel(self) -> bool:
        """Give it up, unless it is done; true if it is cancelled. What was asked for may happen all the same."""
        try:
            self._unclaimed.pop()
        except IndexError:
            return self.cancelled()
        super().cancel()
        self.set_running_or_notify_cancel()  # for who waits for several: nobody else would tell them before an answer
        return True

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self._state in (CANCELLED, CANCELLED_AND_NOTIFIED)

    def running(self) -> bool:
        """Return whether it can't be cancelled any more, though it is not done: never."""
        return False

    def done(self) -> bool:
        """Return whether it has a value or an error, or was cancelled."""
        return self._state != PENDING

    def result(self, timeout: float | None = None) -> Any:
        """Return the value, or raise the error; TimeoutError: neither came within `timeout` seconds."""
        if self._state != FINISHED:
            return super().result(self._help(self, timeout))
        if self._exception is not None:
            raise self._exception
        return self._result

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error, or None; TimeoutError: neither came within `timeout` seconds."""
        if self._state != FINISHED:
            return super().exception(self._help(self, timeout))
        return self._exception

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Let `fn(future)` be called when it is done; at once, here, if it is."""
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
            except Exception:
                log.error(f"a callback of a future failed\n{traceback.format_exc()}")
