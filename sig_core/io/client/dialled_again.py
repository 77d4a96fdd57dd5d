"""A further link for a session that lost its own: dialled, and agreed on with the server. It blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sig_core.contract import Link
from sig_core.errors import LinkLost
from sig_core.interrupts import pass_end_on
from sig_core.io.client.lifetime import no_hello
from sig_core.links.close_once import CloseOnce, link_lost
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.returning import Returning
from sig_core.session.client_state.client_state import ClientState

__all__ = ["dialled_again"]

LISTEN: Final = 0.25  # seconds after which who waits for an answer looks whether it is still wanted


def dialled_again(
    connect: Callable[[], Link], state: ClientState, session: ClientSession, patience: float
) -> tuple[Link, Returning]:
    """Return a live link on which the session may go on, and what the server said there.

    Args:
        connect: returns a live link.
        state: of the client.
        session: that waits for it; nobody reads the link before any more.
        patience: seconds within which the server must answer.

    Raises:
        NotResumed: the session does not go on there.
        SigError: no link came about.
    """
    link = connect()
    try:
        returning = Returning(session, state.connection.auth)
        _shake_hands(link, returning, state, patience)
    except BaseException:
        CloseOnce(link, link.peer).close()
        raise
    return link, returning


def _shake_hands(link: Link, returning: Returning, state: ClientState, patience: float) -> None:
    until = time.monotonic() + patience
    try:
        link.send(returning.hello)
        while (left := until - time.monotonic()) > 0 and not state.is_stopped:
            data = None
            with suppress(TimeoutError):
                data = link.receive(min(left, LISTEN))
            if data and returning.feed(data):
                return
    except EOFError as error:
        raise LinkLost(f"{link.peer}: the link ended before the hello was answered") from error
    except BaseException as error:
        pass_end_on(error)
        raise link_lost(link.peer, error) from error
    raise no_hello(link.peer, patience)
