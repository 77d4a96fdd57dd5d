"""How the links of a client begin, wait and end, on threads and on asyncio: rules, numbers and words of both."""

from __future__ import annotations

from sig_core.errors import (
    CarrierError,
    ConnectFailed,
    HandshakeError,
    LinkLost,
    Overflow,
    RequestTimeout,
    SigError,
)
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession

__all__ = ["STOP", "check_silence", "link_failed", "no_answer", "no_hello", "overflow"]

STOP = 2.0  # seconds that a stop waits for handlers, for output to leave, and for each thread or task

CLOSED = State.CLOSED  # looking a member up on an Enum class costs more than the comparison


def link_failed(error: SigError, peer: str) -> SigError:
    """Return the error of a link that did not come about, with whom it was to."""
    made = type(error)(f"{peer}: {error}", error.status) if isinstance(error, HandshakeError) else error
    if isinstance(error, CarrierError):
        made = ConnectFailed(f"{peer}: {error}")
    made.__cause__ = error if made is not error else error.__cause__
    return made


def no_hello(peer: str, seconds: float) -> ConnectFailed:
    """Return the error of a server that was silent for the limit `handshake`."""
    return ConnectFailed(f"{peer}: no answer to the hello within {seconds:g} s")


def no_answer(session: ClientSession, seconds: float, what: str, names: tuple[object, ...] = ()) -> RequestTimeout:
    """Return the error of an answer that did not come in time, unless there is a better reason.

    Args:
        seconds: that it might take.
        what: was asked, with `{!r}` for each of `names`, if there are any.

    Raises:
        SigError: the session has ended; no answer could come.
    """
    session.check_open()
    return RequestTimeout(f"{what.format(*names) if names else what}: no answer within {seconds:g} s")


def overflow(kept: int, limit: int) -> Overflow:
    """Return the error of a callback that waits for an answer: `kept` bytes came meanwhile, `limit` may be kept.

    The answer may be behind them, so nothing but its own end ends that wait.
    """
    return Overflow(f"{kept} bytes of events came while a callback waits, {limit} may be kept")


def check_silence(session: ClientSession, now: float, since: float, allowed: float, peer: str) -> None:
    """End a session whose peer has said nothing for too long.

    Args:
        now: monotonic seconds.
        since: when this end began to read again; that nothing was heard before is not the peer's fault.
        allowed: seconds.
    """
    silent = min(session.silence(now), now - since)
    if silent >= allowed and session.state is not CLOSED:
        session.lose(LinkLost(f"{peer} was silent for {silent:.1f} s, allowed are {allowed:g}"))
