"""Who is told a last value: whom it is new for, over links that are lost at any time."""

from __future__ import annotations

from typing import Any

from sig_core.routing.entities import Subscription
from sig_core.session.binary.reports import Bound
from sig_core.session.client_state.last_listeners import LastListeners

KEY = ("s", "e")


def bound(count: int, life: str = "a") -> Bound:
    return Bound("s", "e", life, count, is_state=True)


def listener() -> Subscription:
    return Subscription(lambda info, data: None, KEY, lambda subscription: None)


class Lasts(LastListeners):
    """With a listener that has come, and was told what there was."""

    def __init__(self) -> None:
        super().__init__()
        self.first = self.come(1)

    def come(self, ident: int) -> Subscription:
        """Let a listener come."""
        made = listener()
        made.hold()
        self.expect(ident, made)
        self.joined(ident)
        return made

    def told(self, count: int, *others: Subscription) -> list[Any]:
        """Give those that are told a value which nobody asked for."""
        return self.unasked(KEY, count, [self.first, *others])


def test_who_has_missed_a_value_is_told_it_by_the_next_link_but_one() -> None:
    """The link in between told the count, and was lost before the value."""
    lasts = Lasts()
    lasts.begin_link()
    lasts.bound(bound(4), 0, known=False)
    lasts.begin_link()
    lasts.bound(bound(4), 0, known=True)
    assert lasts.told(4) == [lasts.first]
    assert lasts.told(4) == [], "once"


def test_who_has_missed_one_and_heard_the_next_is_told_nothing() -> None:
    lasts = Lasts()
    lasts.begin_link()
    lasts.bound(bound(4), 2, known=True)
    lasts.begin_link()
    lasts.bound(bound(5), 0, known=True)  # the fifth came in between
    lasts.begin_link()
    lasts.bound(bound(5), 0, known=True)
    assert lasts.told(5) == []


def test_an_answer_for_a_listener_that_has_ended_is_told_to_nobody_and_changes_nothing() -> None:
    lasts = Lasts()
    lasts.bound(bound(1), 0, known=False)
    lasts.told(1)
    gone = listener()
    gone.hold()
    lasts.expect(2, gone)
    lasts.forget(gone)
    assert lasts.asked(KEY, 2) == []
    lasts.joined(2)
    late = lasts.come(3)  # the sender was away then: it was told none
    lasts.begin_link()
    lasts.bound(bound(1), 0, known=True)
    assert lasts.told(1, late) == [late]
