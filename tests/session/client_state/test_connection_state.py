"""Where a client stands: every step from every state, what is told and when, and what a user is told to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sig_core.errors import ConnectFailed, LinkClosed, LinkLost, LocalProtocolError, SigError, Status
from sig_core.protocol.hello import refusal
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state.connection_state import ConnectionState
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.state_callbacks import STATES, StateCallbacks
from tests.session.by_hand import welcome
from tests.session.client_state.support import FakeLog
from tests.support.sessions import PLUGINS

GONE = LinkLost("gone")
ALL = ("new", "starting", "connected", "away", "disconnected", "gave up", "stopped", "closed by a fork")
RETURNS = Reconnect()
JSON = PLUGINS.choose_codecs(["json"])


class Stand:
    """A connection's state, with what it told."""

    def __init__(self, policy: Reconnect | None = RETURNS) -> None:
        callbacks = StateCallbacks(lambda: None, FakeLog())
        for state in STATES:
            callbacks.add(state, lambda state, error: None)
        self.callbacks = callbacks
        self.ids = (f"{number:032x}" for number in range(1, 100))
        self.of = ConnectionState("tcp://there", Limits(), policy, lambda: 0.0, lambda: next(self.ids), callbacks)

    def session(self, token: str = "a5") -> ClientSession:
        """One that a server has taken in."""
        made = self.of.new_session(JSON, packets=False, now=0.0)
        made.receive_data(welcome(token=token), 0.0)
        assert made.state is State.OPEN
        return made

    def begun(self) -> ClientSession:
        self.of.begin()
        session = self.session()
        self.of.adopt(session)
        return session

    def connected(self, now: float = 0.0) -> ClientSession:
        session = self.begun()
        self.of.arrived(session, None, now)
        return session

    def lost(self, now: float = 0.0) -> ClientSession:
        session = self.connected()
        session.receive_eof()
        self.of.departed(session, GONE, now)
        return session

    def told(self) -> list[tuple[str, Any]]:
        found = []
        while (news := self.callbacks.take()) is not None:
            found.append(news[1:])
        return found


def in_state(state: str) -> Stand:
    """A connection that came to a state in the usual way."""
    stand = Stand(None if state == "disconnected" else RETURNS)
    if state == "starting":
        stand.begun()
    elif state in ("away", "disconnected", "gave up"):
        stand.lost()
    elif state != "new":
        stand.connected()
    if state == "gave up":
        stand.of.give_up()
    elif state == "stopped":
        stand.of.stop()
    elif state == "closed by a fork":
        stand.of.close_by_fork()
    assert stand.of.state == state
    stand.told()
    return stand


def session_of(stand: Stand) -> ClientSession:
    return stand.of.session or stand.session()


STEPS: dict[str, tuple[Callable[[Stand], Any], dict[str, str]]] = {  # a step: where it leads, from where it may begin
    "begin": (lambda stand: stand.of.begin(), {"new": "starting"}),
    "adopt": (lambda stand: stand.of.adopt(stand.session()), {"starting": "starting", "away": "away"}),
    "arrived": (
        lambda stand: stand.of.arrived(stand.session(), None, 0.0),
        {"starting": "connected", "away": "connected"},
    ),
}
QUIET_STEPS: dict[str, tuple[Callable[[Stand], bool], dict[str, tuple[str, bool]]]] = {  # ... and what it returns
    "departed": (
        lambda stand: stand.of.departed(session_of(stand), GONE, 0.0),
        {"connected": ("away", True)},
    ),
    "give_up": (lambda stand: stand.of.give_up(), {"away": ("gave up", True)}),
    "stop": (
        lambda stand: stand.of.stop(),
        {
            **dict.fromkeys(ALL, ("stopped", True)),
            **dict.fromkeys(("new", "stopped"), ("stopped", False)),
            "closed by a fork": ("closed by a fork", False),
        },
    ),
    "close_by_fork": (
        lambda stand: stand.of.close_by_fork(),
        {
            **dict.fromkeys(ALL, ("closed by a fork", True)),
            **{state: (state, False) for state in ("new", "stopped")},
        },
    ),
}


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_leads_where_it_may_and_raises_elsewhere(step: str, state: str) -> None:
    do, leads = STEPS[step]
    stand = in_state(state)
    if state in leads:
        do(stand)
        assert stand.of.state == leads[state]
    else:
        with pytest.raises(LocalProtocolError, match=f"this client is {state}"):
            do(stand)
        assert stand.of.state == state and stand.told() == []


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("step", QUIET_STEPS)
def test_a_step_leads_where_it_may_and_does_nothing_elsewhere(step: str, state: str) -> None:
    do, leads = QUIET_STEPS[step]
    stand = in_state(state)
    then, result = leads.get(state, (state, False))
    assert do(stand) is result and stand.of.state == then


# -- what is told


def test_connected_once_then_in_turn() -> None:
    stand = Stand()
    problem = LinkLost("a sender is not back")
    session = stand.connected()
    assert stand.told() == [("connected", None)]
    for _ in range(2):
        stand.of.departed(session, GONE, 0.0)
        session = stand.session()
        stand.of.adopt(session)
        stand.of.arrived(session, problem, 0.0)
    assert stand.told() == [("disconnected", GONE), ("reconnected", problem)] * 2
    assert stand.of.losses == 2


def test_gave_up_is_told_with_the_last_failure() -> None:
    stand = in_state("away")
    assert stand.of.schedule is not None
    refused = ConnectFailed("refused")
    stand.of.schedule.failed(refused)
    stand.of.give_up()
    assert stand.told() == [("gave_up", refused)]


@pytest.mark.parametrize("state", ["starting", "away"])
def test_a_link_that_is_lost_before_it_arrived_was_never_there(state: str) -> None:
    stand = in_state(state)
    session = stand.session()
    stand.of.adopt(session)
    session.receive_eof()
    assert stand.of.departed(session, GONE, 0.0) is False
    assert (stand.of.state, stand.told()) == (state, [])
    with pytest.raises(LinkLost):
        stand.of.arrived(session, None, 0.0)
    assert (stand.of.state, stand.told()) == (state, [])


def test_the_end_of_another_link_is_nothing() -> None:
    stand = Stand()
    old = stand.lost()
    new = stand.session()
    stand.of.adopt(new)
    stand.of.arrived(new, None, 0.0)
    stand.told()
    assert stand.of.departed(old, GONE, 0.0) is False
    assert (stand.of.state, stand.told()) == ("connected", [])


def test_a_session_that_has_ended_is_not_adopted() -> None:
    stand = in_state("away")
    before, session = stand.of.session, stand.session()
    session.receive_eof()
    with pytest.raises(LinkLost):
        stand.of.adopt(session)
    assert stand.of.session is before


@pytest.mark.parametrize("state", ["starting", "away", "gave up"])
def test_a_stop_is_not_told(state: str) -> None:
    stand = in_state(state)
    stand.of.stop()
    assert stand.told() == []
    assert stand.of.give_up() is False
    with pytest.raises(LocalProtocolError, match="this client is stopped"):
        stand.of.adopt(stand.session())


def test_the_wait_depends_on_how_long_the_link_was_there() -> None:
    stand = Stand(Reconnect(first=1, most=10, factor=2, jitter=0, attempts=2))
    session = stand.connected(now=100.0)
    schedule = stand.of.schedule
    assert schedule is not None
    for now in (109.9, 119.8):
        stand.of.departed(session, GONE, now)
        schedule.next_wait()
        session = stand.session()
        stand.of.adopt(session)
        stand.of.arrived(session, None, now)
    stand.of.departed(session, GONE, 129.7)
    assert schedule.next_wait() is None
    again = Stand(Reconnect(first=1, most=10, factor=2, jitter=0, attempts=1))
    session = again.connected(now=100.0)
    again.of.departed(session, GONE, 110.0)
    assert again.of.schedule is not None and again.of.schedule.next_wait() == 1


# -- what is asked of it


@pytest.mark.parametrize("state", ALL)
def test_whether_there_may_be_another_link(state: str) -> None:
    assert in_state(state).of.may_return is (state in ("connected", "away"))


@pytest.mark.parametrize("state", ALL)
def test_whether_a_link_lives(state: str) -> None:
    assert in_state(state).of.is_up is (state in ("starting", "connected", "stopped"))  # a stop ends the link later


@pytest.mark.parametrize(
    ("state", "kind", "text"),
    [
        ("new", LocalProtocolError, r"this client is not started: call start\(\) first, or use it in `with`"),
        ("away", LinkClosed, "tcp://there: not connected: .* without a goodbye; it is coming back"),
        ("disconnected", LinkClosed, "tcp://there: not connected: .* without a goodbye$"),
        ("gave up", LinkClosed, "without a goodbye; it gave up coming back"),
        ("stopped", LocalProtocolError, "this client is stopped: make another one"),
        ("closed by a fork", LinkClosed, "this is a forked child: connect anew$"),
    ],
)
def test_no_session_is_open_and_why(state: str, kind: type[SigError], text: str) -> None:
    with pytest.raises(kind, match=text):
        in_state(state).of.open_session()


def test_no_session_is_open_while_it_starts() -> None:
    stand = Stand()
    stand.of.begin()
    with pytest.raises(LocalProtocolError, match=r"this client is starting: wait until start\(\) returns"):
        stand.of.open_session()


def test_a_stopped_client_whose_link_has_ended_says_both() -> None:
    stand = in_state("stopped")
    session_of(stand).close("the client stops")
    with pytest.raises(LinkClosed, match="the client stops; it was stopped"):
        stand.of.open_session()


@pytest.mark.parametrize("state", ["starting", "connected"])
def test_the_session_that_is_open(state: str) -> None:
    stand = in_state(state)
    assert stand.of.open_session() is stand.of.session


@pytest.mark.parametrize("state", [state for state in ALL if state != "new"])
def test_a_client_starts_once(state: str) -> None:
    with pytest.raises(LocalProtocolError, match="a client starts once; make another one"):
        in_state(state).of.begin()


@pytest.mark.parametrize("state", ALL)
@pytest.mark.parametrize("error", [GONE, LinkClosed("in order")])
def test_whose_end_is_nobodys_worry(state: str, error: SigError) -> None:
    assert in_state(state).of.is_expected(error) is (state == "starting" or isinstance(error, LinkClosed))


# -- sessions


def hello_of(session: ClientSession) -> bytes:
    return b"".join(session.out)


def test_the_token_goes_to_the_next_session() -> None:
    stand = Stand()
    stand.of.begin()
    assert b'"token":null' in hello_of(stand.of.new_session(JSON, packets=False, now=0.0))
    stand.of.adopt(stand.session("c0ffee"))
    assert b"c0ffee" in hello_of(stand.of.new_session(JSON, packets=False, now=0.0))
    stand.of.adopt(stand.session("beef"))
    later = hello_of(stand.of.new_session(JSON, packets=False, now=0.0))
    assert b"beef" in later and b"c0ffee" not in later


def test_every_session_says_who_the_client_is() -> None:
    stand = Stand()
    for _ in range(2):
        assert f"{1:032x}".encode() in hello_of(stand.of.new_session(JSON, packets=False, now=0.0))


def test_where_its_id_is_denied_a_client_takes_a_new_one_and_no_token() -> None:
    stand = Stand()
    stand.lost()
    for number, status in ((1, Status.BAD_MESSAGE), (1, Status.DENIED), (2, Status.OK)):
        session = stand.of.new_session(JSON, packets=False, now=0.0)
        said = hello_of(session)
        assert f"{number:032x}".encode() in said
        assert (b'"a5"' in said) == (number == 1)
        session.receive_data(refusal(status, "no") if status else welcome(), 0.0)
    assert session.state is State.OPEN


def test_a_fork_ends_the_session_here() -> None:
    stand = Stand()
    session = stand.connected()
    stand.of.close_by_fork()
    assert session.state is State.CLOSED
    assert stand.of.departed(session, GONE, 0.0) is False
