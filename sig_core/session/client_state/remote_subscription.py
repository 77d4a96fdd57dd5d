"""What a client asked its server to hear: once for each pattern, however many listeners of its own it has."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias

from sig_core.errors import SigError
from sig_core.events import Name
from sig_core.routing.entities import Subscription
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state.asks import Ask, Lock, Reply
from sig_core.session.client_state.ended_listeners import Ended, EndedListeners

__all__ = ["RemoteSubscription", "Wish", "wish_of"]

Wish: TypeAlias = tuple[Name | None, Name | None, bool]
"""What listeners want of a server: sender and event, as in a `Pattern`, and whether only the newest of each."""


def wish_of(subscription: Subscription) -> Wish:
    """Return what a listener wants."""
    return (*subscription.pattern, subscription.latest)


class RemoteSubscription:
    """One call `add_listener` for all listeners that want the same, and later its `remove_listener`.

    Who adds a further listener waits for the same answer.

    Made under the lock. Where the call can't be made on a link that lives, this is the answer.

    Args:
        session: to the server.
        wish: what is to be heard.
        lock: guards who waits.
        gone: the listeners that the server of this link was asked to take out.
        anew: it was there on the link before.

    Attributes:
        since: how many of these there were when it was asked for.
        last: the id that last values have which come for it; 0: none.

    Raises:
        SigError: the link has ended.
    """

    __slots__ = ("_ended", "_error", "_gone", "_ident", "_lock", "_pattern", "_waiting", "last", "session", "since")

    def __init__(
        self, session: ClientSession, wish: Wish, lock: Lock, gone: EndedListeners, *, anew: bool = False
    ) -> None:
        self.session = session
        self.last = 0
        self.since = gone.ever
        self._gone = gone
        sender, event, latest = wish
        self._pattern = (sender, event)
        self._lock = lock
        self._waiting: list[Reply] | None = []  # None: it is answered
        self._ident: Any = None  # that the server gave it
        self._error: SigError | None = None
        self._ended = False
        try:
            self.last = session.add_listener(self._pattern, self._answered, latest=latest, anew=anew)
        except SigError as error:
            session.check_open()
            self._error, self._waiting = error, None
        except BaseException:  # an interrupt: what was asked for is taken back when it is answered
            self._ended = True
            raise

    @property
    def is_refused(self) -> bool:
        """Whether the server has answered that it does not."""
        return self._error is not None

    def ask(self, reply: Reply) -> Ask:
        """Return what to wait for until the server has answered."""
        with self._lock:
            waiting = self._waiting
            if waiting is not None:
                waiting.append(reply)
        if waiting is None:
            reply.tell(None, self._error)
        return Ask(reply, None, f"add_listener {self._pattern}")

    def end(self) -> None:
        """Note, under the lock, that it is not wanted any more, and take it back, now or when it is answered."""
        self._ended = True
        if self._waiting is None:
            self._take_back()
        else:
            self._gone.leaving[id(self)] = self._pattern, self.since

    def _answered(self, response: Any, error: SigError | None) -> None:
        with self._lock:
            self._ident = response.get("listener_id") if isinstance(response, dict) else None
            self._error = error
            waiting, self._waiting = self._waiting or [], None
            if self._ended:
                self._take_back()
                self._gone.leaving.pop(id(self), None)
        if self._ended:
            self._gone.left(self._pattern)
        for reply in waiting:
            reply.tell(None, error)

    def _take_back(self) -> None:
        if self._ident is not None:
            ended, params = Ended(self._pattern), {"listener_id": self._ident}
            with suppress(SigError):  # the link is gone, and with it what was there
                self.session.call("remove_listener", params, _ignore, read=partial(self._taken_back, ended))
                self._gone.add(ended)  # not before: who is never asked, as an interrupt has it, never answers

    def _taken_back(self, ended: Ended, response: Any) -> None:
        """Note, as soon as the answer is read, that what comes behind it is for others."""
        ended.last = self.session.binds


def _ignore(value: Any, error: SigError | None) -> None:
    """Take an answer that nobody waits for."""
