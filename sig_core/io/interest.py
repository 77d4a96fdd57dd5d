"""What a client asked the server to hear: once for each pattern, however many listeners of its own it has."""

from __future__ import annotations

import threading
from typing import Any

from sig_core.errors import SigError
from sig_core.events import Pattern
from sig_core.io.client_link import ClientLink
from sig_core.io.waiter import Waiter
from sig_core.session.base import State

__all__ = ["Interest"]


class Interest:
    """One `add_listener` call, and later its `remove_listener`. Who adds a further listener waits for the same answer.

    Args:
        link: to the server.
        pattern: to hear.
    """

    def __init__(self, link: ClientLink, pattern: Pattern) -> None:
        self.link = link
        self._waiting: list[Waiter] = []
        self._lock = threading.Lock()
        self._ended = False
        self._answer: tuple[Any, SigError | None] | None = None
        self._params = dict(zip(("sender", "event"), pattern, strict=True))
        link.session.call("add_listener", self._params, self._answered)

    def wait(self) -> None:
        """Return when the server has answered, or raise what it said."""
        waiter = Waiter()
        with self._lock:
            if self._answer is None:
                self._waiting.append(waiter)
            else:
                waiter.tell(*self._answer)
        self.link.finish(waiter, None, f"add_listener {self._params}", None)

    def end(self) -> None:
        """Take it back, now or as soon as it is answered."""
        with self._lock:
            self._ended = True
            answer = self._answer
        if answer is not None:
            self._take_back(answer[0])

    def _answered(self, response: Any, error: SigError | None) -> None:
        with self._lock:
            self._answer = (response, error)
            waiting, self._waiting = self._waiting, []
            ended = self._ended
        for waiter in waiting:
            waiter.tell(response, error)
        if ended and error is None:
            self._take_back(response)

    def _take_back(self, response: Any) -> None:
        session = self.link.session
        if session.state is State.OPEN and isinstance(response, dict):
            session.call("remove_listener", response, _ignore)


def _ignore(value: Any, error: SigError | None) -> None:
    return None
