"""Tells users what became of a link: on a thread that is there only while there is something to tell."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable

from sig_core.address import did_you_mean
from sig_core.errors import ConfigError, SigError
from sig_core.log import log

__all__ = ["STATES", "StateCallback", "StateCallbacks"]

STATES = ("connected", "disconnected", "reconnected", "gave_up")

StateCallback = Callable[[str, SigError | None], object]
"""Called with what happened, one of STATES, and the error behind it, if there is one."""


class StateCallbacks:
    """Calls back, one after the other, in order; a callback that raises is logged, and hinders nothing."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._callbacks: dict[str, list[StateCallback]] = {state: [] for state in STATES}
        self._news: deque[tuple[StateCallback, str, SigError | None]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, state: str, callback: StateCallback) -> None:
        """Call back whenever `state` comes about.

        Raises:
            ConfigError: there is no such state, or `callback` can't be called.
        """
        if state not in self._callbacks:
            raise ConfigError(f"state {state!r}{did_you_mean(str(state), list(STATES))}: one of {', '.join(STATES)}")
        if not callable(callback):
            raise ConfigError(f"callback {callback!r} can't be called: it must be a function f(state, error)")
        self._callbacks[state].append(callback)

    def tell(self, state: str, error: SigError | None) -> None:
        """Let everybody know soon; never blocks."""
        with self._lock:
            self._news.extend((callback, state, error) for callback in self._callbacks[state])
            if self._news and self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until all is told, at most `timeout` seconds; inside a callback not at all."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._news:
                    self._thread = None
                    return
                callback, state, error = self._news.popleft()
            try:
                callback(state, error)
            except (Exception, SystemExit):
                log.error(f"the callback {callback!r} of {state!r} raised\n{traceback.format_exc()}")
