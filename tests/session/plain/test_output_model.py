"""Output to a peer without newlines at random, beside what docs/plain.md, section 4, says of it."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sig_core.clock import NEVER
from sig_core.session.plain.output import FIRST_ANSWER_TIMEOUT, MESSAGE_GAP
from tests.session.plain.heard import PATIENCE, Heard


class Original(RuleBasedStateMachine):
    """A peer without newlines that answers when it likes; beside it what the document says may reach it, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = Heard(600)
        self.calls = 0
        self.events = 0
        self.answers = 0
        self.seen = 0  # messages that were checked
        self.strict_from = 0  # messages before this one came when it was taken for silent
        self.left: dict[int, float] = {}  # when a call came
        self.answered: set[int] = set()
        self.streams_from = NEVER  # it has not answered anything until then

    @rule(size=st.sampled_from([0, 50, 100]))
    def event(self, size: int) -> None:
        self.calls += 1
        self.events += 1
        self.heard.event(self.calls, size)

    @rule()
    def request(self) -> None:
        if self.heard.out.calls.has_room(5):
            self.calls += 1
            self.heard.request(self.calls)

    @rule()
    def answer(self) -> None:
        self.answers += 1
        self.heard.answer(f"a{self.answers}")

    @rule(data=st.data())
    @precondition(lambda self: self.left.keys() - self.answered)
    def peer_answers(self, data: Any) -> None:
        ident = data.draw(st.sampled_from(sorted(self.left.keys() - self.answered)))
        if not self.answered and self.heard.now >= self.streams_from:
            self.strict_from = len(self.heard.messages)
        self.answered.add(ident)
        self.heard.answered(ident)

    @rule(seconds=st.sampled_from([0.005, 0.02, 0.03, 0.5, 1.0, 4.0]))
    def time(self, seconds: float) -> None:
        self.heard.wait(seconds)

    @invariant()
    def nothing_comes_too_early(self) -> None:
        messages = self.heard.messages
        for number in range(self.seen, len(messages)):
            when, text = messages[number]
            if number > self.strict_from and (self.answered or when < self.streams_from):
                self._check(number)
            if text[0] in "er":
                if not self.left and not self.answered:
                    self.streams_from = when + (FIRST_ANSWER_TIMEOUT if text[0] == "e" else PATIENCE) - 1e-9
                self.left[int(text[1:])] = when
        self.seen = len(messages)

    def _check(self, number: int) -> None:
        (before, last), (when, text) = self.heard.messages[number - 1 : number + 1]
        taken = last[0] in "er" and int(last[1:]) in self.answered
        assert taken or when - before >= MESSAGE_GAP - 1e-9, f"{text} came {when - before:.3f} s after {last}"
        if text[0] in "er":
            strict = {int(text[1:]) for _, text in self.heard.messages[self.strict_from : number] if text[0] in "er"}
            waiting = [each for each in strict - self.answered if when - self.left[each] < PATIENCE - 1e-9]
            assert not waiting, f"{text} came although {waiting} are open"

    @invariant()
    def nothing_is_lost_uncounted_or_out_of_order(self) -> None:
        calls = self.heard.out.calls
        assert self.events == calls.taken + calls.waiting + self.heard.lost["slow listener"]
        came = [text for _, text in self.heard.messages]
        answers = [text for text in came if text[0] == "a"]
        assert answers == [f"a{number}" for number in range(1, len(answers) + 1)]
        idents = [int(text[1:]) for text in came if text[0] in "er"]
        assert idents == sorted(set(idents))

    @invariant()
    def what_waits_will_come(self) -> None:
        out = self.heard.out
        if out.size:
            assert not out.has_output and out.tick(self.heard.now) <= self.heard.now + PATIENCE

    def teardown(self) -> None:
        self.heard.wait(PATIENCE * (self.calls + self.answers + 1))
        assert self.heard.out.size == 0
        self.nothing_comes_too_early()
        self.nothing_is_lost_uncounted_or_out_of_order()
        assert self.answers == sum(text[0] == "a" for _, text in self.heard.messages)


Original.TestCase.settings = settings(derandomize=True, deadline=None, max_examples=100, stateful_step_count=30)
TestOriginal = Original.TestCase
