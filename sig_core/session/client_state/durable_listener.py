"""A durable listener at a client: events one after the other, each done with or told again, and acknowledged.

It decides; who calls the listener, and when a while has passed, is for others. Used by the thread that runs callbacks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sig_core.errors import ConfigError, SigError
from sig_core.events import Info
from sig_core.protocol.runs import split_events
from sig_core.routing.info import info_of
from sig_core.routing.signals import Subscription
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Kept, ReplyCallback

__all__ = ["DurableListener", "Finished", "Run"]

AT_LATEST = 100  # events that are done with, after which they are acknowledged
FIRST, LONGEST = 1.0, 30.0  # seconds after which an event is told again whose listener raised; doubled each time

Finished = Callable[[BaseException | None], None]
Run = Callable[[Subscription, Info, Any, Finished], None]
"""Calls the listener of a subscription with (info, data), and tells, now or later, what it raised, or None."""


class DurableListener:
    """One of a client, over all its links.

    Args:
        name: of the durable.
        subscription: whose listener it is.
        run: see `Run`.
        explicit: it acknowledges by itself.
        failed: called when the listener raised, with (callback, info, error).

    Attributes:
        name, subscription: see above.
        session: of the link on which it was asked for last; None: of none.
        ident: that the server gave it there; 0: none yet.
        settled: the server has said that nothing up to this position comes again.
        lost: events that the server says do not come, by reason.
    """

    def __init__(
        self,
        name: str,
        subscription: Subscription,
        run: Run,
        failed: Callable[[Any, Info, BaseException], None],
        *,
        explicit: bool = False,
    ) -> None:
        self.name = name
        self.subscription = subscription
        self.session: ClientSession | None = None
        self.ident = 0
        self.settled = 0
        self.lost: dict[str, int] = {}
        self._run = run
        self._failed = failed
        self._waiting: deque[Kept] = deque()
        self._busy = self._rests = self._passes_on = False
        self._repeated = 0  # what has come up to this position may have been heard before
        self._done = 0  # position
        self._count = 0  # events that are done with and not acknowledged
        self._pause = FIRST
        self._explicit = explicit
        self._told = self._told_here = 0  # the highest position that the listener was told, ever and on this link
        self._wanted = 0  # that it has acknowledged by itself

    # -- its place at the server

    def ask(self, session: ClientSession, tell: ReplyCallback) -> int:
        """Ask for it on a link; returns the id of the call. What had come on the one before comes again."""
        self.session, self.ident = session, 0
        self._waiting.clear()
        self._count, self._rests, self._told_here = 0, False, 0

        def told(response: Any, error: SigError | None) -> None:
            if error is None and self.session is session:
                self.ident = response["listener_id"]
                self.settled = self._done = response["acknowledged"]
                self._repeated = response["sent"]
                if self._repeated < self._told:  # it is another one: that was dropped, and made anew
                    self._wanted = self._told = 0
            elif error is None:  # it has left meanwhile
                _leave(session, response["listener_id"])
                session.gate.added(0)
            tell(response, error)

        return session.kept.ask(self.name, self.subscription.pattern, told)

    def leave(self) -> bool:
        """Have the server know that nobody listens here any more; returns whether there is something to send."""
        session, ident = self.session, self.ident
        self.session, self.ident = None, 0
        self._waiting.clear()
        if session is None or not ident or session.state is not State.OPEN:
            return False
        _leave(session, ident)
        return True

    # -- events

    def take(self, event: Kept) -> None:
        """Take an event that came."""
        self._waiting.append(event)
        self._go_on()

    def again(self) -> None:
        """Go on after a pause."""
        self._rests = False
        self._go_on()

    def _go_on(self) -> None:
        if self._passes_on:  # by who called the listener, and goes on when it is done
            return
        self._passes_on = True
        try:
            while self._waiting and not (self._busy or self._rests) and self._may_go_on():
                self._pass_on(self._waiting[0])
        finally:
            self._passes_on = False

    def _may_go_on(self) -> bool:
        """Return whether somebody listens, and what is done can be acknowledged: else it all comes again."""
        return self.subscription.active and self.session is not None and self.session.state is State.OPEN

    def _pass_on(self, event: Kept) -> None:
        session = self.session
        assert session is not None
        self._told_here = event.position
        if event.position <= self._wanted:  # it was acknowledged, and the link was lost before that arrived
            self._waiting.popleft()
            self._say(event.position)
            return
        ((additions, data),) = split_events(event.data)
        try:
            value = session.decode(data)
            info = info_of(event.sender, event.event, None if additions is None else session.decode(additions))
        except SigError as error:  # it will be none later either
            self._failed(self.subscription.callback, {"sender": event.sender, "event": event.event}, error)
            self._is_done(event)
            return
        info["position"] = event.position
        if event.position <= self._repeated:
            info["repeated"] = True

        def finished(error: BaseException | None) -> None:
            self._busy = False
            if session is not self.session or not self._waiting or self._waiting[0] is not event:
                return  # it comes again on another link
            if error is None:
                self._is_done(event)
            else:
                self._rest(event)
            self._go_on()

        self._busy, self._told = True, max(self._told, event.position)
        self._run(self.subscription, info, value, finished)

    def _is_done(self, event: Kept) -> None:
        self._waiting.popleft()
        self._done = event.position
        self._pause = FIRST
        self._count += 1
        if self._explicit:
            return
        if self._count >= AT_LATEST or not self._waiting:
            self._acknowledge()

    def _acknowledge(self) -> None:
        self._count = 0
        self._say(self._done)

    def acknowledge(self, position: int) -> None:
        """Take an acknowledgement of the listener's own; from any thread.

        Raises:
            ConfigError: it was not told that event.
        """
        if position > self._told:
            raise ConfigError(f"durable {self.name!r}: {position} is acknowledged, and {self._told} was told last")
        self._wanted = max(self._wanted, position)
        session = self.session
        if session is not None and self.settled < position <= self._told_here:
            self._say(position)
            session.gate.added(0)

    def _say(self, position: int) -> None:
        session = self.session
        if session is None or not self.ident or session.state is not State.OPEN:
            return

        def told(_: Any, error: SigError | None) -> None:
            if error is None and session is self.session:
                self.settled = max(self.settled, position)

        with suppress(SigError):  # the link has ended just now: it comes again, marked
            session.call("acknowledge", {"listener_id": self.ident, "position": position}, told)

    def _rest(self, event: Kept) -> None:
        """Tell an event again after a while; what is behind it waits, since it comes in order."""
        assert self.session is not None
        self._repeated = max(self._repeated, event.position)
        self._rests = True
        self.session.kept.remind(self._pause, self.ident)
        self._pause = min(LONGEST, 2 * self._pause)


def _leave(session: ClientSession, ident: int) -> None:
    """Take a listener away at the server; until that answers, events of it may come, and have to be understood."""
    with suppress(SigError):
        session.call("remove_listener", {"listener_id": ident}, lambda value, error: session.kept.forget(ident))
