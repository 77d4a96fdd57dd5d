"""Who wants to know how a client's link stands, and what they are told next."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from sig_core.address import did_you_mean
from sig_core.description import described
from sig_core.errors import ConfigError, SigError
from sig_core.session.client_state.asks import Log

__all__ = ["STATES", "StateCallback", "StateCallbacks", "StateNews"]

STATES = ("connected", "disconnected", "reconnected", "gave_up", "refused")

StateCallback: TypeAlias = Callable[[str, SigError | None], Any]
"""Called with what happened, one of STATES, and the error behind it, if there is one."""

StateNews: TypeAlias = tuple[StateCallback, str, SigError | None]


class StateCallbacks:
    """Callbacks by state, and a queue of what they are to be told, in order.

    Args:
        wake: called when there is something to tell.
        log: where it is told that a callback raised.
    """

    def __init__(self, wake: Callable[[], None], log: Log) -> None:
        self._wake = wake
        self._log = log
        self._callbacks: dict[str, list[StateCallback]] = {state: [] for state in STATES}
        self._news: deque[StateNews] = deque()

    def add(self, state: str, callback: StateCallback) -> None:
        """Call back whenever `state` comes about.

        Raises:
            ConfigError: there is no such state, or `callback` can't be called.
        """
        if not isinstance(state, str) or state not in self._callbacks:
            near = did_you_mean(state if isinstance(state, str) else "", list(STATES))
            raise ConfigError(f"state {described(state)}{near}: one of {', '.join(STATES)}")
        if not callable(callback):
            raise ConfigError(f"callback {described(callback)} can't be called: it must be a function f(state, error)")
        self._callbacks[state].append(callback)

    def tell(self, state: str, error: SigError | None) -> None:
        """Queue what happened for everybody who wants to know; may be called under a lock."""
        self._news.extend((callback, state, error) for callback in self._callbacks[state])

    def wake(self) -> None:
        """Have what is queued told, by whoever takes it; under no lock."""
        if self._news:
            self._wake()

    def take(self) -> StateNews | None:
        """Take what is to be told next; None: nothing."""
        return self._news.popleft() if self._news else None

    def raised(self, news: StateNews, error: BaseException) -> None:
        """Note that a callback raised: it is logged, and the next one is called; under no lock.

        Args:
            news: what it was told.
            error: what it raised.
        """
        callback, state, _ = news
        trace = "".join(traceback.format_exception(error)).rstrip()
        self._log.error(f"the callback {described(callback)} of {state!r} raised\n{trace}")
