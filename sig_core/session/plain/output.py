"""When the server speaks to a plain peer (docs/plain.md, section 4): at once, or so that an old client can follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sig_core.clock import NEVER
from sig_core.routing.outbox import Loss, Outbox
from sig_core.routing.ports import Run

__all__ = ["PlainOutput"]

MESSAGE_GAP = 0.02  # seconds after a message in which an old client may not have taken it from its buffer yet
FIRST_ANSWER_TIMEOUT = 1.0  # seconds without an answer after which a peer that has never answered is taken for one that does not


class _Call(Run):
    """A message that the peer may answer; of an event if it has a route."""

    __slots__ = ("ident",)

    def __init__(self, ident: int, route: int, count: int, message: bytes) -> None:
        super().__init__(route, "", count, message)
        self.ident = ident


class PlainOutput:
    """Queues messages, and gives them out one by one to a peer that takes no two at once.

    Args:
        limit: bytes that may wait.
        answer_timeout: seconds for an answer of a peer that has answered before.
        lost: see `Outbox`.
        changed: called when there is output where there was none.
        due: called with when `tick` is needed, monotonic seconds.

    Attributes:
        lines: the peer reads lines: messages may follow each other at once.
        calls: what waits, but for answers that may overtake it; see `Outbox` for stalls.
    """

    def __init__(
        self, limit: int, answer_timeout: float, lost: Loss, changed: Callable[[], None], due: Callable[[float], None]
    ) -> None:
        self.lines = False
        self.calls = Outbox(limit, lost)
        self._answer_timeout = answer_timeout
        self._changed = changed
        self._due = due
        self._answers: deque[bytes] = deque()  # those that may overtake calls
        self._answers_size = 0  # bytes
        self._answering: bool | None = None  # what is known of the peer, or what it said
        self._said_answering = self._said_lines = False
        self._open: int | None = None  # the call that the peer is to answer before the next one goes
        self._open_timeout = FIRST_ANSWER_TIMEOUT
        self._open_until = NEVER
        self._resting_until = NEVER
        self._resting = False
        self._last: int | None = None  # the call that left last, if nothing has left since
        self._unsent = 0  # bytes of the message that left last
        self._ending = False

    @property
    def _one_by_one(self) -> bool:
        """Whether a call waits for the answer to the one before."""
        return self._answering is True or (self._answering is None and not self.lines)

    @property
    def _apart(self) -> bool:
        """Whether no two messages may come together."""
        return not self.lines and self._answering is not False

    @property
    def size(self) -> int:
        """Bytes that wait."""
        return self.calls.size + self._answers_size

    @property
    def overflows(self) -> bool:
        """Whether what must not be dropped is more than may wait."""
        return max(self.calls.size, self._answers_size) > self.calls.limit

    @property
    def has_output(self) -> bool:
        """Whether `take` would give something now."""
        if self._resting:
            return False
        return bool(self._answers) or (self._open is None and bool(self.calls.runs))

    # -- in

    def put_answer(self, message: bytes) -> None:
        """Queue what must not be dropped."""
        if self._one_by_one:  # the peer may answer a call only when it has this: so it does not wait for the call
            self._answers.append(message)
            self._answers_size += len(message)
        else:
            self.calls.put(Run(0, "", 0, message))
        self._changed()

    def put_call(self, ident: int, message: bytes, route: int = 0, count: int = 0) -> None:
        """Queue a call; `route` and `count` are of its event, which may give way to newer ones."""
        self.calls.put(_Call(ident, route, count, message))
        self._changed()

    def declare(self, *, lines: bool | None, answering: bool | None) -> None:
        """Note what the peer says of itself; None: nothing."""
        if lines is not None:
            self.lines, self._said_lines = lines, True
        if answering is not None:
            self._answering, self._said_answering = answering, True
        if self._answering:
            self._wait_longer()
        self._go_on()

    def note_lines(self) -> None:
        """Note that the peer ends messages with newlines."""
        if not self.lines and not self._said_lines:
            self.lines = True
            self._go_on()

    def _go_on(self) -> None:
        """Wait for nothing that need not be waited for any more."""
        if not self._apart:
            self._resting = False
        if not self._one_by_one:
            self._open = None
        else:
            self._let_answers_pass()
        self._changed()

    def _let_answers_pass(self) -> None:
        """Take the answers out of the queue of calls."""
        calls = self.calls
        answers = [run.data for run in calls.runs if not isinstance(run, _Call)]
        if answers:
            size = sum(map(len, answers))
            calls.runs = deque(run for run in calls.runs if isinstance(run, _Call))
            calls.size -= size
            self._answers.extend(answers)
            self._answers_size += size

    def _wait_longer(self) -> None:
        """Return the call that is open the answer_timeout for a peer that answers."""
        if self._open is not None and self._open_until != NEVER:
            self._open_until += self._answer_timeout - self._open_timeout
            self._open_timeout = self._answer_timeout

    def answered(self, ident: int) -> None:
        """Note that the peer has answered a call."""
        if not self.lines and not self._said_answering and not self._answering:
            self._answering = True
            self._let_answers_pass()
        if ident == self._open:
            self._open = None
            if ident == self._last:
                self._resting = False  # it has taken all that came before
            self._changed()

    def release_all(self) -> None:
        """Hold nothing back any more: the link ends."""
        self._ending, self._resting, self._open = True, False, None

    # -- out

    def take(self, room: int) -> bytes:
        """Take the next message, or for a peer that reads lines what fits `room` bytes; b"": nothing for now."""
        if not self.has_output:
            return b""
        if self._ending or not (self._apart or self._one_by_one):
            return self._take_answers() + self.calls.take(room)
        message = self._next()
        self._unsent = len(message)
        self._resting, self._resting_until = self._apart, NEVER  # until it is sent
        return message

    def _next(self) -> bytes:
        self._last = None
        if self._answers:
            message = self._answers.popleft()
            self._answers_size -= len(message)
            return message
        run = self.calls.pop()
        assert run is not None
        if isinstance(run, _Call) and self._one_by_one:
            self._open = self._last = run.ident
            self._open_until = NEVER  # until it is sent
            self._open_timeout = FIRST_ANSWER_TIMEOUT if self._answering is None and run.route else self._answer_timeout
        return run.data

    def _take_answers(self) -> bytes:
        answers = b"".join(self._answers)
        self._answers.clear()
        self._answers_size = 0
        return answers

    def sent(self, count: int, now: float) -> None:
        """Note that so many bytes of output left."""
        self._unsent -= count
        if self._unsent > 0:
            return
        if self._resting:
            self._resting_until = now + MESSAGE_GAP
            self._due(self._resting_until)
        if self._open is not None and self._open_until == NEVER:
            self._open_until = now + self._open_timeout
            self._due(self._open_until)

    def tick(self, now: float) -> float:
        """Do what is due; give when the next call is needed, monotonic seconds."""
        if self._resting and now >= self._resting_until:
            self._resting = False
            self._changed()
        if self._open is not None and now >= self._open_until:
            self._open = None
            if self._answering is None:
                self._answering = False
            self._go_on()
        rest = self._resting_until if self._resting else NEVER
        return min(rest, self._open_until if self._open is not None else NEVER)
