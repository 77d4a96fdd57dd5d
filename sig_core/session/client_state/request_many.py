"""Many requests at once: so many are open at one time, and each answer lets the next one out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from sig_core.contract import Codec
from sig_core.description import described
from sig_core.errors import ConfigError, SigError
from sig_core.events import Name
from sig_core.routing.transcode import REQUEST_TO, encode
from sig_core.session.binary.client import ClientSession

__all__ = ["OPEN_AT_ONCE", "Question", "RequestMany"]

OPEN_AT_ONCE: Final = 256  # requests: enough to keep everybody busy, and few enough for an output of theirs

Question = tuple[Name, str, Any]
"""Whom, what, and with which value."""

UNANSWERED: Final = object()


def _checked(questions: Iterable[Question]) -> list[Question]:
    if not isinstance(questions, Iterable):
        raise ConfigError(f"request_many takes a list of (sender, method, params), not {described(questions)}")
    listed = list(questions)
    for place, question in enumerate(listed):
        if not isinstance(question, tuple | list) or len(question) != 3:
            raise ConfigError(f"request_many, question {place}: (sender, method, params), not {described(question)}")
    return listed


class RequestMany:
    """Asks questions, and keeps what became of them in their order.

    Answers may come on another thread while the first questions still go out. So every step is one of the
    interpreter's: a question is taken by whoever gets it. All are encoded at the beginning, by who asks: that may run
    users' code.

    Args:
        session: asks; its output is sent by whoever called, or feeds the session.
        codec: of the session.
        questions: see `Question`; a codec's error is the result of the one that it can't carry.
        finished: called when all are answered, on the thread that took the last answer; maybe twice.

    Attributes:
        results: of each question its answer, or the error that became of it.
    """

    def __init__(
        self, session: ClientSession, codec: Codec, questions: Iterable[Question], finished: Callable[[], object]
    ) -> None:
        self._session = session
        self._finished = finished
        self._waiting: deque[tuple[int, Name, str, bytes]] = deque()
        self._idents: dict[int, int] = {}  # of what is open, by its place; may have some that are answered
        self._unanswered: list[None] = []
        self.results: list[Any] = []
        for place, (sender, method, params) in enumerate(_checked(questions)):
            try:
                self._waiting.append((place, sender, method, encode(codec, params, REQUEST_TO, method, sender)))
            except SigError as error:
                self.results.append(error)
            else:
                self.results.append(UNANSWERED)
                self._unanswered.append(None)

    def start(self) -> None:
        """Ask the first ones."""
        if not self._unanswered:
            self._finished()
        for _ in range(min(OPEN_AT_ONCE, len(self._waiting))):
            self._ask_next()

    def _ask_next(self) -> None:
        while self._waiting:
            try:
                place, sender, method, payload = self._waiting.popleft()
            except IndexError:
                return  # another thread took it
            try:
                self._idents[place] = self._session.request(sender, method, payload, partial(self._tell, place))
            except SigError as error:
                self._keep(place, error)
            else:
                return

    def _tell(self, place: int, value: Any, error: SigError | None) -> None:
        self._keep(place, value if error is None else error)
        self._ask_next()

    def _keep(self, place: int, result: Any) -> None:
        if self.results[place] is UNANSWERED:
            self.results[place] = result
            self._unanswered.pop()
            if not self._unanswered:
                self._finished()

    def give_up(self, error: SigError) -> None:
        """Ask no more, drop what is open, and let `error` be the result of all that is not answered."""
        self._waiting.clear()
        for ident in list(self._idents.values()):
            self._session.cancel(ident)
        for place, result in enumerate(self.results):
            if result is UNANSWERED:
                self._keep(place, error)
