"""The last word: each question is asked once, and who asks waits, but not for ever."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.access import authorizer as module
from sig_core.access.authorizer import MOST_OPEN, PATIENCE, Authorizer, Question, Undecided
from sig_core.access.principal import Facts, Principal
from sig_core.errors import Busy

ANNA = Principal("anna", "token", Facts("tcp://h:1"), frozenset({"r"}))


class World:
    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[Question] = []
        self.authorizer = Authorizer(self.asked.append, lambda: self.now)
        self.went_on: list[Any] = []

    def ask(self, *what: Any, who: Principal = ANNA) -> bool | None:
        """Ask; None: undecided, and `went_on` grows when it is not any more."""
        try:
            return self.authorizer.allows(who, *what)
        except Undecided as pending:
            pending.when_known(lambda: self.went_on.append(what))
            return None


@pytest.mark.parametrize("allowed", [True, False])
def test_it_is_asked_once_and_all_who_wait_go_on_in_order(allowed: bool) -> None:
    world = World()
    assert [world.ask("add", "s"), world.ask("add", "s"), world.ask("listen", "s", "e")] == [None] * 3
    assert [question[-3:] for question in world.asked] == [("add", "s", None), ("listen", "s", "e")]
    assert world.asked[0][:4] == ("anna", "token", "tcp://h:1", frozenset({"r"}))
    world.authorizer.answer(world.asked[0], allowed)
    assert world.went_on == [("add", "s")] * 2
    assert world.ask("add", "s") is allowed
    assert len(world.asked) == 2


def test_another_who_and_another_address_are_other_questions() -> None:
    world = World()
    others = [Principal("bert", "token"), Principal("anna", "unix"), Principal("anna", "token", Facts("tcp://h:2"))]
    for who in [ANNA, *others]:
        assert world.ask("add", "s", who=who) is None
    assert len(world.asked) == 4


def test_what_is_not_answered_in_time_is_denied_until_it_is() -> None:
    world = World()
    world.ask("add", "s")
    world.authorizer.tick(PATIENCE - 0.1)
    assert not world.went_on
    world.authorizer.tick(PATIENCE)
    assert world.went_on
    assert world.ask("add", "s") is False
    world.authorizer.answer(world.asked[0], True)
    assert world.ask("add", "s") is True


def test_forgotten_answers_are_asked_for_again_and_open_ones_go_on() -> None:
    world = World()
    world.ask("add", "s")
    world.authorizer.answer(world.asked[0], True)
    world.ask("add", "t")
    world.authorizer.forget()
    assert world.ask("add", "s") is None
    assert world.ask("add", "t") is None
    assert [question.sender for question in world.asked] == ["s", "t", "s"]
    world.authorizer.answer(world.asked[1], True)
    assert world.went_on == [("add", "s"), ("add", "t"), ("add", "t")]


def test_who_asks_very_much_keeps_nobody_else_waiting() -> None:
    world = World()
    for number in range(MOST_OPEN):
        assert world.ask("request", "s", str(number)) is None
    with pytest.raises(Busy, match=r"anna \(token\): 32 questions"):
        world.ask("request", "s", "one more")
    assert world.ask("request", "s", "0") is None  # it is asked already
    assert world.ask("add", "s", who=Principal("bert", "token")) is None
    with pytest.raises(Undecided):  # the server itself has to know
        world.authorizer.allows(ANNA, "add", "s", always=True)
    for question in world.asked:
        world.authorizer.answer(question, True)
        world.authorizer.answer(question, True)
    assert world.ask("request", "s", "one more") is None
    assert not world.authorizer._about["bert"] and world.authorizer._about["anna"] == 1


def test_answers_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ANSWERS", 10)
    world = World()
    for number in range(100):
        world.ask("add", number)
        world.authorizer.answer(world.asked[-1], True)
        assert len(world.authorizer._answers) <= 10
