"""Where a client stands over all its links. Everything that moves the state is in this file.

    new ---> starting ---> connected <---> away ---> gave up
                               |
                               +---> disconnected            where it does not come back

    stopped            from every state, by the user
    closed by a fork   from every state, in a forked child

`adopt` makes a link the client's own before anything is asked on it; `arrived` says that what the client had is there
again. Between the two the client is still "starting" or "away": a link that is lost then was never there for its user.
The user is told "connected" once, then "disconnected" and "reconnected" in turn, and as the end, at most, "gave_up".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sig_core.contract import Codec
from sig_core.errors import (
    HandshakeError,
    LinkClosed,
    LocalProtocolError,
    NotAdmitted,
    SigError,
    Status,
)
from sig_core.protocol.hello import Auth
from sig_core.protocol.limits import Limits
from sig_core.protocol.wire import MAX_HELLO
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state.reconnect import Reconnect, ReconnectSchedule
from sig_core.session.client_state.state_callbacks import StateCallbacks
from sig_core.session.kept_stream import KeptStream

__all__ = ["ConnectionState"]

_BEGINS_FROM = {
    "starting": ("new",),
    "connected": ("starting", "away"),
    "away": ("connected",),
    "disconnected": ("connected",),
    "gave up": ("away",),
}
_REMEDY = {"new": "call start() first, or use it in `with`", "starting": "wait until start() returns"}
_OUTLOOK = {"away": "; it is coming back", "gave up": "; it gave up coming back", "stopped": "; it was stopped"}


class ConnectionState:
    """One client's link, over all its losses.

    Args:
        url: of the server, for errors.
        limits: of the client.
        policy: how to come back; None: not at all.
        chance: returns a random number from 0 to 1.
        new_client: returns 32 hex digits that identify this client to servers; called again where they refuse those.
        callbacks: are told what becomes of the link.
        resume: seconds for which a session should outlive its link; None: it ends with that.

    Attributes:
        state: see the head of this file.
        session: of the link there is, or was last; None before the first.
        auth: what proves who this client is; set before it dials.
        losses: links that ended while it was connected.
        schedule: when attempts to come back are due; None: there are none.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        policy: Reconnect | None,
        chance: Callable[[], float],
        new_client: Callable[[], str],
        callbacks: StateCallbacks,
        resume: float | None = None,
    ) -> None:
        self.state = "new"
        self.session: ClientSession | None = None
        self.losses = 0
        self.auth: Auth | None = None
        self.schedule = None if policy is None else ReconnectSchedule(policy, chance)
        self.callbacks = callbacks
        self._url = url
        self._limits = limits
        self._resume = resume
        self._new_client = new_client
        self._client = new_client()
        self._token: str | None = None
        self._dialled: ClientSession | None = None  # that was made last
        self._since = 0.0  # when the link that there is arrived, monotonic seconds

    # -- what is asked of it

    @property
    def is_up(self) -> bool:
        """Whether a link lives."""
        return self.session is not None and self.session.state is State.OPEN

    @property
    def may_return(self) -> bool:
        """Whether there is a link, or may be again."""
        return self.state in ("connected", "away")

    def open_session(self) -> ClientSession:
        """Return the session of the link that lives.

        Raises:
            LocalProtocolError: the client is not started.
            LinkClosed: there is no link now.
        """
        session = self.session
        if session is not None and session.error is None and self.state not in ("stopped", "closed by a fork"):
            return session
        if session is None or session.error is None:
            remedy = _REMEDY.get(self.state, "make another one")
            raise LocalProtocolError(f"this client is {'not started' if self.state == 'new' else self.state}: {remedy}")
        outlook = _OUTLOOK.get(self.state, "")
        raise LinkClosed(f"{self._url}: not connected: {session.error}{outlook}") from session.error

    # -- a link comes

    def begin(self) -> None:
        """Start.

        Raises:
            LocalProtocolError: it was started before.
        """
        if self.state != "new":
            raise LocalProtocolError(f"this client is {self.state}: a client starts once; make another one")
        self._move("starting")

    def new_session(self, codecs: Mapping[str, Codec], *, packets: bool, now: float) -> ClientSession:
        """Return a session for a new link, that says who this client is; somebody new where that was denied."""
        if self._dialled is not None and _was_denied(self._dialled):
            self._client, self._token = self._new_client(), None
        seconds, kept = self._resume, self._limits.max_unacked
        self._dialled = ClientSession(
            *(codecs, self._limits),
            client=self._client,
            token=self._token,
            packets=packets,
            now=now,
            requests=self._limits.asked_at_once,
            auth=self.auth,
            stream=None if seconds is None else KeptStream(seconds, kept, MAX_HELLO + 5),
        )
        return self._dialled

    def adopt(self, session: ClientSession) -> None:
        """Make an open session the client's own; what is restored on it comes next.

        Raises:
            LocalProtocolError: the client was stopped meanwhile.
            SigError: the session has ended.
        """
        session.check_open()
        if self.state not in ("starting", "away"):
            raise LocalProtocolError(f"this client is {self.state}")
        self.session = session
        if session.welcome is not None:
            self._token = session.welcome.token

    def arrived(self, session: ClientSession, problem: SigError | None, now: float) -> None:
        """Note that the client is at its server again, with all it had but for `problem`; tell it.

        Raises:
            LocalProtocolError, SigError: see `adopt`.
        """
        session.check_open()
        told = "connected" if self.state == "starting" else "reconnected"
        self._move("connected")
        self._since = now
        self.callbacks.tell(told, problem)

    # -- a link goes

    def departed(self, session: ClientSession, error: SigError, now: float) -> bool:
        """Note that a link has ended; return whether the client is to come back now."""
        if session is not self.session or self.state != "connected":
            return False  # it was never told to be there, or is not wanted any more
        self.losses += 1
        if self.schedule is not None:
            self.schedule.lost(now - self._since, error)
        self._move("disconnected" if self.schedule is None else "away")
        self.callbacks.tell("disconnected", error)
        return self.schedule is not None

    def is_expected(self, error: SigError) -> bool:
        """Return whether the end of a link is nobody's worry: it was closed in order, or `start` raises why."""
        return isinstance(error, LinkClosed) or self.state == "starting"

    def give_up(self) -> bool:
        """Note that all attempts are used up, and tell it; false if the client was stopped meanwhile."""
        if self.state != "away" or self.schedule is None:
            return False
        self._move("gave up")
        self.callbacks.tell("gave_up", self.schedule.last)
        return True

    def stop(self) -> bool:
        """End, for good; return whether there is anything to end."""
        before, self.state = self.state, "stopped"
        if before == "closed by a fork":
            self.state = before
        return before not in ("new", "stopped", "closed by a fork")

    def close_by_fork(self) -> bool:
        """Let go, in a forked child, of the link that is the parent's; return whether there is one."""
        if self.state in ("new", "stopped") or self.session is None:
            return False
        self.state = "closed by a fork"
        self.session.fail(LinkClosed("this is a forked child: connect anew"))
        return True

    def _move(self, state: str) -> None:
        if self.state not in _BEGINS_FROM[state]:
            raise LocalProtocolError(f"this client is {self.state}")
        self.state = state


def _was_denied(session: ClientSession) -> bool:
    error = session.error
    denied = isinstance(error, HandshakeError) and error.status is Status.DENIED
    return denied and not isinstance(error, NotAdmitted)
