"""The states of a session: which may follow which, and that one method alone moves them."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest

import sig_core
from sig_core.errors import LinkClosed, SigError
from sig_core.session.base import SessionState, State
from tests.support.sessions import Net

ALLOWED = {
    (None, State.OPENING),
    (None, State.OPEN),
    (State.OPENING, State.OPEN),
    (State.OPENING, State.CLOSED),
    (State.OPEN, State.CLOSED),
}
WAYS_THERE: dict[State | None, list[State]] = {
    None: [],
    State.OPENING: [State.OPENING],
    State.OPEN: [State.OPENING, State.OPEN],
    State.CLOSED: [State.OPEN, State.CLOSED],
}


def error_for(state: State) -> SigError | None:
    return LinkClosed("the end") if state is State.CLOSED else None


def made(state: State | None) -> SessionState:
    """A session in that state; None: before its constructor has said which."""
    session = SessionState()
    for step in WAYS_THERE[state]:
        session._move(step, error_for(step))
    return session


@pytest.mark.parametrize(("before", "after"), [*itertools.product([None, *State], State)])
def test_only_what_the_table_allows_happens(before: State | None, after: State) -> None:
    session, error = made(before), error_for(after)
    if (before, after) in ALLOWED:
        session._move(after, error)
        assert (session.state, session.error) == (after, error)
        return
    with pytest.raises(RuntimeError, match=f"to {after}"):
        session._move(after, error)
    assert getattr(session, "state", None) is before


def test_an_end_has_a_reason_and_nothing_else_has_one() -> None:
    session = made(State.OPENING)
    with pytest.raises(RuntimeError):
        session._move(State.CLOSED)
    with pytest.raises(RuntimeError):
        session._move(State.OPEN, LinkClosed("not yet"))
    assert (session.state, session.error) == (State.OPENING, None)


def test_nobody_else_assigns_the_state_of_a_session() -> None:
    found = []
    rooms = Path(sig_core.__file__).parent / "session"
    for path in {*rooms.rglob("*.py")} - {*(rooms / "client_state").rglob("*.py")}:  # there, of a client's connection
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "state" and isinstance(node.ctx, ast.Store):
                found.append(path.name)
    assert found == ["base.py"]


def test_what_a_server_has_thousands_of_has_no_dictionary() -> None:
    session = Net().server_session()
    for each in (session, session.port, session.port.outbox, session.port.calls, session.traffic):
        assert not hasattr(each, "__dict__"), each
