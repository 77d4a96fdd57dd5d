"""What a client does with the events of a durable listener: in order, again where it raised, acknowledged in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import RLock
from typing import Any, Self
from unittest.mock import MagicMock

import pytest

from sig_core.errors import ConfigError, RequestTimeout, SigError
from sig_core.events import Info
from sig_core.protocol.wire import event_frame
from sig_core.routing.signals import Subscription
from sig_core.session.base import State
from sig_core.session.binary.reports import Kept
from sig_core.session.client_state.durable_listener import AT_LATEST, DurableListener
from sig_core.session.client_state.registrations import Registrations
from tests.support.sessions import OpenGate

Finished = Callable[[BaseException | None], None]


class FakeSession:
    """What a listener needs of its link."""

    state = State.OPEN
    gate = OpenGate()

    def __init__(self, acknowledged: int = 0, sent: int = 0) -> None:
        self.answer = {"listener_id": 7, "acknowledged": acknowledged, "sent": sent, "waiting": 0}
        self.calls: list[tuple[str, Any]] = []
        self.reminders: list[float] = []
        self.forgotten: list[int] = []
        self.late: list[Callable[[], None]] | None = None  # answers that have not come yet

    @property
    def kept(self) -> Self:
        return self

    def ask(self, name: str, pattern: Any, when: Callable[[Any, SigError | None], None]) -> int:
        self._answer_when(when, self.answer)
        return 1

    def call(self, method: str, params: Any, when: Callable[[Any, SigError | None], None]) -> int:
        self.calls.append((method, params.get("position")))
        self._answer_when(when, None)
        return 1

    def _answer_when(self, when: Callable[[Any, SigError | None], None], answer: Any) -> None:
        if self.late is None:
            when(answer, None)
        else:
            self.late.append(lambda: when(answer, None))

    def decode(self, data: bytes) -> Any:
        if data == b"bad":
            raise SigError("no value")
        return int(data)

    def remind(self, seconds: float, ident: int) -> None:
        self.reminders.append(seconds)

    def forget(self, ident: int) -> None:
        self.forgotten.append(ident)


class Listening:
    """A durable listener, and what it was told. `raises`: positions at which it does; `later`: it ends when asked."""

    def __init__(self, *, explicit: bool = False) -> None:
        self.told: list[tuple[int, int, bool]] = []
        self.raises: set[int] = set()
        self.failed: list[Any] = []
        self.later = False
        self.waiting: list[Finished] = []
        subscription = Subscription(print, (None, "#e"), lambda removed: None)
        self.listener = DurableListener(
            *("d", subscription, self._run, lambda *failure: self.failed.append(failure)), explicit=explicit
        )

    def _run(self, subscription: Subscription, info: Info, data: Any, finished: Finished) -> None:
        self.told.append((info["position"], data, info.get("repeated", False)))
        if self.later:
            self.waiting.append(finished)
        else:
            finished(ValueError() if info["position"] in self.raises else None)

    def begin(self, **stands: int) -> FakeSession:
        session: Any = FakeSession(**stands)
        self.listener.ask(session, lambda response, error: None)
        return session  # type: ignore[no-any-return]

    def take(self, *positions: int, data: bytes = b"") -> None:
        for position in positions:
            frame = event_frame(1, data or str(10 * position).encode())
            self.listener.take(Kept("s", "#e", 7, position, frame))


def test_each_is_acknowledged_when_nothing_more_waits() -> None:
    listening = Listening()
    session = listening.begin()
    listening.take(1, 2)
    assert listening.told == [(1, 10, False), (2, 20, False)]
    assert session.calls == [("acknowledge", 1), ("acknowledge", 2)]
    assert listening.listener.settled == 2


def test_while_more_waits_each_hundredth_is_acknowledged() -> None:
    listening = Listening()
    session = listening.begin()
    listening.later = True
    listening.take(*range(1, 2 * AT_LATEST + 11))
    assert len(listening.told) == 1
    while listening.waiting:
        listening.waiting.pop()(None)
    assert session.calls == [("acknowledge", position) for position in (AT_LATEST, 2 * AT_LATEST, 2 * AT_LATEST + 10)]
    assert [position for position, _, _ in listening.told] == list(range(1, 2 * AT_LATEST + 11))


def test_what_was_sent_before_is_marked() -> None:
    listening = Listening()
    listening.begin(acknowledged=3, sent=5)
    listening.take(4, 5, 6)
    assert listening.told == [(4, 40, True), (5, 50, True), (6, 60, False)]


def test_a_listener_that_raises_is_told_again_and_what_is_behind_waits() -> None:
    listening = Listening()
    session = listening.begin()
    listening.raises = {2}
    listening.take(1, 2, 3)
    assert session.calls == [("acknowledge", 1)]
    assert listening.told == [(1, 10, False), (2, 20, False)]
    listening.listener.again()
    listening.listener.again()
    assert session.reminders == [1.0, 2.0, 4.0]
    listening.raises = set()
    listening.listener.again()
    assert listening.told[2:] == [(2, 20, True), (2, 20, True), (2, 20, True), (3, 30, False)]
    assert session.calls[-1] == ("acknowledge", 3)
    listening.raises = {4}
    listening.take(4)
    assert session.reminders[-1] == 1.0


def test_it_waits_for_half_a_minute_at_most() -> None:
    listening = Listening()
    session = listening.begin()
    listening.raises = {1}
    listening.take(1)
    for _ in range(9):
        listening.listener.again()
    assert max(session.reminders) == 30.0


def test_what_came_on_a_link_that_is_lost_comes_again_on_the_next() -> None:
    listening = Listening()
    listening.begin()
    listening.later = True
    listening.take(1, 2)
    (finish,) = listening.waiting
    session = listening.begin(sent=2)
    finish(None)  # of the link before: its event comes again
    assert not session.calls
    listening.later = False
    listening.take(1, 2)
    assert listening.told == [(1, 10, False), (1, 10, True), (2, 20, True)]
    assert session.calls[-1] == ("acknowledge", 2)


def test_after_the_end_of_its_link_nothing_more_is_told_since_it_comes_again() -> None:
    listening = Listening()
    session = listening.begin()
    session.state = State.CLOSED
    listening.take(1)
    assert not listening.told


def test_an_event_that_is_no_value_is_told_and_passed_over() -> None:
    listening = Listening()
    session = listening.begin()
    listening.take(1, data=b"bad")
    listening.take(2)
    assert len(listening.failed) == 1
    assert listening.told == [(2, 20, False)] and session.calls[-1] == ("acknowledge", 2)


def test_one_that_was_removed_hears_nothing_more() -> None:
    listening = Listening()
    session = listening.begin()
    listening.later = True
    listening.take(1, 2)
    listening.listener.subscription.remove()
    assert listening.listener.leave()
    listening.waiting.pop()(None)
    assert listening.told == [(1, 10, False)]
    assert session.calls == [("remove_listener", None)]


def test_one_that_acknowledges_by_itself_does_so_for_all_up_to_there() -> None:
    listening = Listening(explicit=True)
    session = listening.begin()
    listening.take(1, 2, 3)
    assert [position for position, _, _ in listening.told] == [1, 2, 3] and not session.calls
    listening.listener.acknowledge(2)
    listening.listener.acknowledge(1)
    assert session.calls == [("acknowledge", 2)]
    with pytest.raises(ConfigError, match="3 was told last"):
        listening.listener.acknowledge(4)


def test_what_it_acknowledged_while_there_was_no_link_is_not_told_again() -> None:
    listening = Listening(explicit=True)
    listening.begin()
    listening.take(1, 2, 3)
    session = listening.begin(sent=3)
    listening.listener.acknowledge(2)  # the server has sent nothing on this link yet
    assert not session.calls
    listening.take(1, 2, 3)
    assert listening.told[3:] == [(3, 30, True)]
    assert session.calls == [("acknowledge", 1), ("acknowledge", 2)]


def test_of_one_that_was_dropped_and_made_anew_nothing_is_acknowledged_yet() -> None:
    listening = Listening(explicit=True)
    listening.begin()
    listening.take(1, 2, 3)
    listening.listener.acknowledge(3)
    session = listening.begin()  # the server has sent nothing of it to anybody: it is another one
    listening.take(1, 2)
    assert listening.told[3:] == [(1, 10, False), (2, 20, False)]
    assert not session.calls
    with pytest.raises(ConfigError, match="2 was told last"):
        listening.listener.acknowledge(3)


def test_who_waits_for_it_no_longer_leaves_the_answer_to_the_listener() -> None:
    """It has to say goodbye then: cancelled, the call left a listener at the server that nobody knew of."""
    listening, place = Listening(), Registrations.__new__(Registrations)
    place._make_reply, place._lock, place._durables = partial(MagicMock), RLock(), {}
    session: Any = FakeSession()
    session.late = []
    place._heard = {}
    steps = place.subscribe_durable(session, listening.listener)
    ask = next(steps)
    assert ask is not None and ask.ident is None
    with pytest.raises(RequestTimeout):
        steps.throw(RequestTimeout("no answer in time"))
    assert listening.listener.session is None
    session.late.pop(0)()
    assert session.calls == [("remove_listener", None)]


def test_one_that_leaves_is_known_until_the_server_has_answered() -> None:
    listening = Listening()
    session = listening.begin()
    session.late = []
    assert listening.listener.leave()
    assert session.calls == [("remove_listener", None)] and session.forgotten == []  # events may be on their way
    session.late.pop()()
    assert session.forgotten == [7]
    assert not listening.listener.leave()


def test_one_that_leaves_before_the_server_has_answered_leaves_there_too() -> None:
    listening, session = Listening(), FakeSession()
    session.late = []
    asked: Any = session
    listening.listener.ask(asked, lambda response, error: None)
    assert not listening.listener.leave() and session.calls == []
    session.late.pop()()
    assert session.calls == [("remove_listener", None)] and listening.listener.ident == 0
    session.late.pop()()
    assert session.forgotten == [7]
