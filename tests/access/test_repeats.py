"""What happens again and again is told some times, then counted."""

from __future__ import annotations

from sig_core.access.repeats import KINDS, SHOWN, WINDOW, Repeats


def test_the_first_are_told_then_counted() -> None:
    repeats = Repeats()
    told = [len(repeats.take({"event": "denied", "user": "u", "action": "add", "n": n}, 1.0)) for n in range(20)]
    assert told == [1] * SHOWN + [0] * (20 - SHOWN)
    assert repeats.due(1.0 + WINDOW / 2) == []
    assert repeats.due(1.0 + WINDOW) == [{"event": "denied", "user": "u", "action": "add", "n": 19, "repeated": 15}]
    assert len(repeats.take({"event": "denied", "user": "u", "action": "add"}, 1.0 + WINDOW)) == 1


def test_kinds_are_told_apart_up_to_a_number() -> None:
    repeats = Repeats()
    told = sum(len(repeats.take({"event": "denied", "user": f"u{n}"}, 1.0)) for n in range(KINDS + 100))
    assert told == KINDS + SHOWN
    assert repeats.all()[0]["repeated"] == 95
