"""How a client comes, comes back and stops: plans, driven by a script."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from sig_core.errors import LinkLost, LocalProtocolError
from sig_core.session.base import State
from sig_core.session.client_state.dialling import DIAL, Pause, StopStep, come, come_back, stop
from sig_core.session.client_state.reconnect import Reconnect
from tests.session.client_state.support import NOBODY_THERE, Client, ClientLink, result_of

POLICY = Reconnect(first=1.0, most=4.0, jitter=0, attempts=3)
MET = [StopStep.DIALLING, StopStep.HANDLERS, StopStep.OUTPUT, StopStep.CALLBACKS, StopStep.LINK]


class Face:
    """Does what a plan says: dials by a script of "up" or what a dial raises.

    Attributes:
        waits: the pauses.
        at_pause: called with the number of each.
    """

    def __init__(self, *script: Any, policy: Reconnect | None = POLICY) -> None:
        self.client = Client(policy=policy)
        self.script = list(script)
        self.waits: list[float] = []
        self.at_pause: Callable[[int], object] = lambda number: None
        self.dialled: list[ClientLink] = []
        self.dropped_links: list[ClientLink] = []
        self.clock = 0.0

    def adopted(self) -> None:
        assert self.client.lock.held
        self.client.link = self.dialled[-1]

    def dropped(self) -> None:
        self.dropped_links.append(self.dialled[-1])
        self.dialled[-1].lose()

    def drive(self, plan: Generator[Any, Any, Any]) -> Any:
        value, error = None, None
        while True:
            try:
                step = plan.send(value) if error is None else plan.throw(error)
            except StopIteration as end:
                return end.value
            self.client.lock.check_free()
            value = error = None
            try:
                value = self._do(step)
            except BaseException as caught:
                error = caught

    def _do(self, step: Any) -> Any:
        if isinstance(step, Pause):
            self.waits.append(step.seconds)
            return self.at_pause(len(self.waits))
        if step is not DIAL:
            self.client.net.pump()
            return None if step is None else result_of(step)
        scripted = self.script.pop(0)
        if scripted != "up":
            raise scripted
        self.dialled.append(self.client.dial())
        return self.dialled[-1].client

    def come(self) -> None:
        self.client.state.connection.begin()
        self.drive(come(self.client.state, self, lambda: self.clock))

    def come_back(self) -> None:
        self.drive(come_back(self.client.state, self, lambda: self.clock))

    def told(self) -> list[str]:
        return [state for state, _ in self.client.tell()]


# -- it comes


def test_it_comes() -> None:
    face = Face("up")
    face.come()
    assert face.told() == ["connected"] and face.dropped_links == []


def test_what_is_in_the_way_of_a_dial_is_raised() -> None:
    face = Face(NOBODY_THERE)
    with pytest.raises(type(NOBODY_THERE)):
        face.come()
    assert face.told() == [] and face.dropped_links == []


def test_a_link_that_comes_for_a_client_that_was_stopped_is_dropped() -> None:
    face = Face("up")
    dial = face.client.dial

    def stopped_meanwhile() -> ClientLink:
        link = dial()
        face.client.state.stop()
        return link

    face.client.dial = stopped_meanwhile  # type: ignore[method-assign]
    with pytest.raises(LocalProtocolError, match="this client is stopped"):
        face.come()
    assert face.dropped_links == face.dialled and face.client.link is None


# -- it comes back


def lost(*script: Any, policy: Reconnect = POLICY) -> Face:
    face = Face("up", *script, policy=policy)
    face.come()
    face.client.lose()
    face.told()
    return face


def test_it_comes_back_after_failures_and_the_waits_grow() -> None:
    face = lost(NOBODY_THERE, ZeroDivisionError("a bug of a carrier"), "up")
    face.come_back()
    assert face.waits == [1.0, 2.0, 4.0] and face.told() == ["reconnected"]


def test_a_link_that_is_lost_while_all_is_restored_is_one_more_failure() -> None:
    face = lost("up", "up")
    restore = face.client.state.restore

    def breaks(session: Any, adopted: Any) -> Any:
        yield from restore(session, adopted)
        if len(face.dialled) == 2:
            raise LinkLost("cut")
        return None

    face.client.state.restore = breaks  # type: ignore[method-assign]
    face.come_back()
    assert face.dropped_links == face.dialled[1:2] and face.told() == ["reconnected"] and face.waits == [1.0, 2.0]


def test_it_gives_up() -> None:
    face = lost(*[NOBODY_THERE] * 3)
    face.come_back()
    assert face.told() == ["gave_up"] and face.waits == [1.0, 2.0, 4.0]


def test_who_is_stopped_while_it_waits_does_not_dial() -> None:
    face = lost("up")
    face.at_pause = lambda number: face.client.state.stop()
    face.come_back()
    assert face.script == ["up"] and face.told() == []


def test_an_interrupt_drops_the_link_and_goes_through() -> None:
    face = lost("up", policy=Reconnect(first=1.0, most=4.0, jitter=0))
    plan = come_back(face.client.state, face, lambda: 0.0)
    assert isinstance(next(plan), Pause)
    assert plan.send(None) is DIAL
    face.client.state.restore = lambda session, adopted: iter([None])  # type: ignore[assignment, method-assign, return-value]
    assert plan.send(face._do(DIAL)) is None
    with pytest.raises(KeyboardInterrupt):
        plan.throw(KeyboardInterrupt)
    assert face.dropped_links == face.dialled[1:]


# -- it stops


def test_a_stop_refuses_what_is_new_then_answers_then_says_goodbye() -> None:
    face = Face("up")
    face.come()
    states: list[tuple[bool, Any]] = []
    session, steps = face.client.session, []
    for step in stop(face.client.state):
        steps.append(step)
        states.append((face.client.state.is_stopped, session.state))
    assert steps == MET
    assert [stopped for stopped, _ in states] == [True] * 5
    assert [state for _, state in states] == [State.OPEN, State.OPEN, State.CLOSED, State.CLOSED, State.CLOSED]


def test_a_further_stop_waits_for_the_first() -> None:
    face = Face("up")
    face.come()
    first = stop(face.client.state)
    assert next(first) is StopStep.DIALLING
    assert list(stop(face.client.state)) == [StopStep.OTHER]
    assert list(first) == MET[1:]


def test_a_stop_without_a_link_still_answers_and_waits_for_callbacks() -> None:
    face = lost()
    assert list(stop(face.client.state)) == [step for step in MET if step is not StopStep.OUTPUT]


def test_a_stop_of_what_never_started() -> None:
    assert list(stop(Face().client.state)) == [StopStep.DIALLING, StopStep.LINK]
