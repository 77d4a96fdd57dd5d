"""A client's dialling, by a script: each dial raises what stands there, or gives a link to a server of the test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import sig_core as sig
from sig_core.errors import SigError
from sig_core.protocol.limits import Limits
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.state_callbacks import STATES
from tests.support import within
from tests.support.sessions import PLUGINS

__all__ = ["Dials", "state_of"]


class Dials:
    """What a connection calls to dial.

    Args:
        url: of the server that "up" leads to.
        script: "up", or an exception; the last one stands for all that follow.

    Attributes:
        made: dials so far.
        links: that were given.
        at: called with the number of each dial, before it does anything.
    """

    def __init__(self, url: str, *script: Any) -> None:
        self.made = 0
        self.links: list[Any] = []
        self.at: Callable[[int], None] = lambda number: None
        self.script = list(script)
        self._url = url

    def __call__(self) -> Any:
        self.made += 1
        self.at(self.made)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if step == "up":
            self.links.append(PLUGINS.connect(self._url))
            return self.links[-1]
        raise step


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.info = self.warning = self.error = self.texts.append


def state_of(
    make_reply: Callable[[], Any], policy: Reconnect | None, wake: Callable[[], None]
) -> tuple[ClientState, list[tuple[str, SigError | None]], Log]:
    """A client's state with nothing registered; what it tells, and what it logs."""
    log, told = Log(), list[tuple[str, SigError | None]]()
    router = sig.Router()
    state = ClientState(
        *("test://server", Limits(handshake=within(5)), policy),
        lock=threading.Lock(),
        topics=router._table,
        installed=router._senders,
        make_reply=make_reply,
        wake_callbacks=wake,
        new_id=lambda size: "ab" * size,
        chance=lambda: 0.0,
        failed=lambda *failure: None,
        log=log,
    )
    for name in STATES:
        state.callbacks.add(name, lambda name, error: told.append((name, error)))
    return state, told, log
