"""How a client comes to its server, comes back, and stops: plans that a face carries out.

A step is `DIAL`, `RESUME`, a `Pause`, an `Ask` on the link that was dialled last, or None: let what was asked so far
leave. What `DIAL` is answered is the session of a link that is open; `RESUME` is done when the session that lost its
link has another one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from sig_core.clock import Clock
from sig_core.errors import ConnectFailed, LinkLost, SigError
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession, NotResumed
from sig_core.session.client_state.asks import Ask
from sig_core.session.client_state.client_state import ClientState

__all__ = ["DIAL", "RESUME", "DialSteps", "Dialler", "Pause", "StopStep", "come", "come_back", "go_on", "stop"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pause:
    """A wait, unless the client is stopped meanwhile."""

    seconds: float


class _Dial:
    """Dial."""


class _Resume:
    """Dial, and have the session go on there."""


DIAL: Final = _Dial()
RESUME: Final = _Resume()
SOON: Final = 0.02  # seconds between the first attempts to resume ...
LATER: Final = 1.0  # ... and those that come much later

DialSteps: TypeAlias = Generator[Ask | Pause | _Dial | _Resume | None, Any, T]


class Dialler(Protocol):
    """The face that dials."""

    def adopted(self) -> None:
        """Note that the link that was dialled last is the client's own; called under its lock."""

    def dropped(self) -> None:
        """End the link that was dialled last: it did not come to be the client's, or not with all it had."""


def come(state: ClientState, dialler: Dialler, clock: Clock) -> DialSteps[None]:
    """Dial, and have everything at the server.

    Raises:
        Exception: what is in the way.
    """
    session = yield DIAL
    try:
        problem = yield from state.restore(session, dialler.adopted)
        state.arrived(session, problem, clock())
    except BaseException:
        dialler.dropped()
        raise


def come_back(state: ClientState, dialler: Dialler, clock: Clock) -> DialSteps[None]:
    """Dial again, until the client is back, or was stopped, or all attempts are used up."""
    schedule = state.connection.schedule
    assert schedule is not None
    while (wait := schedule.next_wait()) is not None:
        yield Pause(wait)
        if state.connection.state != "away":
            return
        try:
            yield from come(state, dialler, clock)
        except Exception as error:
            state.attempt_failed(error)
        else:
            return
    state.give_up()


def go_on(state: ClientState, session: ClientSession, clock: Clock) -> DialSteps[None]:
    """Get another link for a session whose own was cut, or, if none comes in time, end it."""
    error = session.suspended
    assert error is not None and session.stream is not None
    until, wait = clock() + session.stream.seconds, SOON
    state.suspended(error)
    while session.state is State.OPEN:
        try:
            yield RESUME
        except NotResumed as problem:
            error = problem
            break
        except Exception as problem:
            error = problem if isinstance(problem, SigError) else ConnectFailed(f"{type(problem).__name__}: {problem}")
        else:
            state.resumed()
            return
        if clock() + wait >= until:
            break
        yield Pause(wait)
        wait = min(LATER, 2 * wait)
    lost = LinkLost(f"{session.suspended}; the session did not go on: {error}")
    lost.__cause__ = error
    session.fail(lost)


class StopStep(Enum):
    """What a face does while a client stops. Each wait is bounded, and inside a callback none waits for callbacks."""

    OTHER = auto()  # wait until another stop, which is under way, has ended
    DIALLING = auto()  # end what dials, or waits to dial
    HANDLERS = auto()  # wait until the requests that have come are answered
    OUTPUT = auto()  # wait until what is to be sent has left
    CALLBACKS = auto()  # wait for what still runs: listeners, and what dialled
    LINK = auto()  # end the link; at once too if anything before raises, or is interrupted


def stop(state: ClientState) -> Iterator[StopStep]:
    """Say in which order a client stops."""
    began = state.connection.state
    running = state.stop()  # first: from now on nothing new is taken, and no link is adopted
    if began == "stopped":
        yield StopStep.OTHER
        return
    yield StopStep.DIALLING
    if running:
        yield StopStep.HANDLERS
        session = state.connection.session
        if session is not None and session.state is State.OPEN:
            session.close("the client stops")
            yield StopStep.OUTPUT
        yield StopStep.CALLBACKS
    yield StopStep.LINK
