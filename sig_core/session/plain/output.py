"""The output of a plain peer (docs/plain.md, section 4): sent at once, or so that an old client can follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from sig_core.clock import NEVER
from sig_core.routing.outbox import Loss
from sig_core.routing.ports import Run
from sig_core.session.plain.message_queue import CallNumbers, CallRun, EventRun, MessageQueue

__all__ = ["PlainOutput"]

MESSAGE_GAP = 0.02  # seconds after a message, in which an old client may not have taken it from its buffer yet
FIRST_ANSWER_TIMEOUT = 1.0  # seconds for the first answer of a peer; then it is taken for one that never answers


class PlainOutput:
    """Queues messages; a peer that can't take two at once gets them one by one.

    Args:
        limit: bytes that may wait.
        numbers: see `MessageQueue`.
        answer_timeout: seconds for an answer of a peer that has answered before.
        lost: see `Outbox`.
        changed: called when there is output where there was none.
        request_tick: called with when `tick` is needed, monotonic seconds.

    Attributes:
        lines: the peer reads lines: messages may follow each other at once.
        calls: what waits, without answers that may overtake it; see `Outbox` for stalls.
    """

    def __init__(
        self,
        limit: int,
        numbers: CallNumbers,
        answer_timeout: float,
        lost: Loss,
        changed: Callable[[], None],
        request_tick: Callable[[float], None],
    ) -> None:
        self.lines = False
        self.calls = MessageQueue(limit, lost, numbers)
        self._answer_timeout = answer_timeout
        self._changed = changed
        self._request_tick = request_tick
        self._answers: deque[bytes] = deque()  # those that may overtake calls
        self._answers_size = 0  # bytes
        self._answering: bool | None = None  # the peer answers calls; None: that is not known yet
        self._declared_answering = self._declared_lines = False
        self._open: int | None = None  # the call that the peer is to answer before the next one goes
        self._open_timeout = FIRST_ANSWER_TIMEOUT
        self._open_until = NEVER
        self._gap_until = NEVER
        self._in_gap = False
        self._last: int | None = None  # the call that left last, if nothing has left since
        self._unsent = 0  # bytes of the message that left last
        self._ending = False

    @property
    def _one_by_one(self) -> bool:
        """Whether a call waits for the answer to the one before."""
        return self._answering is True or (self._answering is None and not self.lines)

    @property
    def _spaced(self) -> bool:
        """Whether there must be a pause between two messages."""
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
        """Whether `take` would return something now."""
        if self._in_gap:
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

    def put_call(self, ident: int, message: bytes) -> None:
        """Queue a call, which must not be dropped; its answer will repeat the number."""
        self.calls.put(CallRun(ident, 0, 0, message))
        self._changed()

    def put_event(self, route: int, body: bytes, listeners: Sequence[int], count: int = 1) -> None:
        """Queue an event, which may be dropped for newer ones.

        Args:
            route: its number.
            body: what the messages for all its listeners have in common.
            listeners: at least one; they are not to be changed.
            count: 1, or 0 for what is not counted.
        """
        self.calls.put(EventRun(route, count, body, listeners))
        self._changed()

    def declare(self, *, lines: bool | None, answering: bool | None) -> None:
        """Note what the peer declares of itself; None: nothing.

        Args:
            lines: it reads lines.
            answering: it answers calls.
        """
        if lines is not None:
            self.lines, self._declared_lines = lines, True
        if answering is not None:
            self._answering, self._declared_answering = answering, True
        if self._answering:
            self._extend_timeout()
        self._update_mode()

    def note_lines(self) -> None:
        """Note that the peer ends its messages with newlines: then it reads lines, unless it declared otherwise."""
        if not self.lines and not self._declared_lines:
            self.lines = True
            self._update_mode()

    def _update_mode(self) -> None:
        """Stop waiting for what need not be waited for any more."""
        if not self._spaced:
            self._in_gap = False
        if not self._one_by_one:
            self._open = None
        else:
            self._separate_answers()
        self._changed()

    def _separate_answers(self) -> None:
        """Move the answers out of the queue of calls."""
        calls = self.calls
        answers = [run.data for run in calls.runs if not isinstance(run, CallRun | EventRun)]
        if answers:
            size = sum(map(len, answers))
            calls.runs = deque(run for run in calls.runs if isinstance(run, CallRun | EventRun))
            calls.size -= size
            self._answers.extend(answers)
            self._answers_size += size

    def _extend_timeout(self) -> None:
        """Give the call that is open the timeout for a peer that answers."""
        if self._open is not None and self._open_until != NEVER:
            self._open_until += self._answer_timeout - self._open_timeout
            self._open_timeout = self._answer_timeout

    def note_answer(self, ident: int) -> None:
        """Note that the peer has answered a call."""
        if not self.lines and not self._declared_answering and not self._answering:
            self._answering = True
            self._separate_answers()
        if ident == self._open:
            self._open = None
            if ident == self._last:
                self._in_gap = False  # it has taken all that came before
            self._changed()

    def clear(self) -> None:
        """Drop all that waits."""
        self.calls.clear()
        self._answers.clear()
        self._answers_size = 0

    def let_go(self) -> None:
        """Drop all that waits, uncounted: see `Outbox`."""
        self.calls.let_go()
        self._answers.clear()
        self._answers_size = 0

    def release_all(self) -> None:
        """Let everything go at once: the link ends."""
        self._ending, self._in_gap, self._open = True, False, None

    def mend(self) -> None:
        """Be right again about what waits, after an interrupt in the midst of a change, and have it sent."""
        self.calls.recount()
        self._answers_size = sum(map(len, self._answers))
        self._changed()

    # -- out

    def take(self, room: int) -> bytes:
        """Take the next message, or for a peer that reads lines all that fits; b"": nothing for now.

        Args:
            room: bytes that are wanted at most; a single message may be longer.
        """
        if not self.has_output:
            return b""
        if self._ending or not (self._spaced or self._one_by_one):
            return self._take_answers() + self.calls.take(room)
        message = self._next()
        self._unsent = len(message)
        self._in_gap, self._gap_until = self._spaced, NEVER  # until it is sent
        return message

    def _next(self) -> bytes:
        self._last = None
        if self._answers:
            message = self._answers.popleft()
            self._answers_size -= len(message)
            return message
        run = self.calls.pop()
        assert run is not None
        if isinstance(run, CallRun) and self._one_by_one:
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
        if self._in_gap:
            self._gap_until = now + MESSAGE_GAP
            self._request_tick(self._gap_until)
        if self._open is not None and self._open_until == NEVER:
            self._open_until = now + self._open_timeout
            self._request_tick(self._open_until)

    def tick(self, now: float) -> float:
        """Do what is due; return when the next call is needed, monotonic seconds."""
        if self._in_gap and now >= self._gap_until:
            self._in_gap = False
            self._changed()
        if self._open is not None and now >= self._open_until:
            self._open = None
            if self._answering is None:
                self._answering = False
            self._update_mode()
        rest = self._gap_until if self._in_gap else NEVER
        return min(rest, self._open_until if self._open is not None else NEVER)
