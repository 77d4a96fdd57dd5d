"""A last question, after the rules: does somebody else's code agree? That takes its time, so whoever asks waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from sig_core.access.principal import Principal
from sig_core.errors import Busy
from sig_core.events import Name

__all__ = ["Authorizer", "Question", "Undecided"]

PATIENCE: Final = 10.0  # seconds for an answer; later it counts as no, until it comes
MOST_ANSWERS: Final = 100_000  # that are kept
MOST_OPEN: Final = 32  # questions about one user: all others wait behind them

Call: TypeAlias = Callable[[], None]


class Question(NamedTuple):
    """Whether somebody may do something that the rules allow.

    Attributes:
        user, kind, roles: see `Principal`.
        at: URL of the address where it came in, as bound.
        action, sender, name: see `Policy.decide`.
    """

    user: str
    kind: str
    at: str
    roles: frozenset[str]
    action: str
    sender: Name | None
    name: Name | None


class Undecided(Exception):
    """There is no answer yet: whoever asks comes again when there is one.

    Args:
        question: that is open.
        when_known: has a function called, under the lock of the server, once it is answered.
    """

    def __init__(self, question: Question, when_known: Callable[[Call], None]) -> None:
        super().__init__(f"{question}: not answered yet")
        self.when_known = when_known


class Authorizer:
    """Asks, and keeps the answers.

    Args:
        ask: brings a question to where it is answered; `answer` is called later.
        clock: returns monotonic seconds.
    """

    def __init__(self, ask: Callable[[Question], None], clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._answers: dict[Question, bool] = {}
        self._open: dict[Question, tuple[float, list[Call]]] = {}  # asked when, and who waits
        self._about: Counter[str] = Counter()  # how many of these, by user

    def allows(
        self, principal: Principal, action: str, sender: Name | None, name: Name | None = None, *, always: bool = False
    ) -> bool:
        """Return whether somebody may do something that the rules allow.

        Args:
            principal: who.
            action, sender, name: see `Policy.decide`.
            always: ask, however many questions about this user are open.

        Raises:
            Undecided: it is asked now.
            Busy: too many questions about this user are open.
        """
        who = principal.user, principal.kind, principal.facts.at, principal.roles
        question = Question(*who, action, sender, name)
        known = self._answers.get(question)
        if known is not None:
            return known
        if question not in self._open:
            if self._about[principal.user] >= MOST_OPEN and not always:
                raise Busy(f"{principal}: {MOST_OPEN} questions what it may do wait for an answer: try again")
            self._about[principal.user] += 1
            self._open[question] = self._clock(), []
            self._ask(question)
        raise Undecided(question, self._open[question][1].append)

    def answer(self, question: Question, allowed: bool) -> None:
        """Keep an answer, and let those go on who wait for it."""
        asked, waiting = self._open.pop(question, (None, []))
        if asked is not None:
            self._about[question.user] -= 1
            if not self._about[question.user]:
                del self._about[question.user]
        if len(self._answers) >= MOST_ANSWERS:
            self._answers.clear()
        self._answers[question] = allowed
        for go_on in waiting:
            go_on()

    def tick(self, now: float) -> None:
        """Let nobody wait for ever: what is not answered in time is denied until it is."""
        for question, (since, _) in self._open.copy().items():
            if now - since >= PATIENCE:
                self.answer(question, False)

    def forget(self) -> None:
        """Ask again from now on; what is open stays so."""
        self._answers.clear()
