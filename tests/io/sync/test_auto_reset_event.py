"""Waking one thread."""

from __future__ import annotations

import threading

from sig_core.io.sync.auto_reset_event import AutoResetEvent
from tests.support import within


def test_many_settings_end_one_wait() -> None:
    wake = AutoResetEvent()
    assert not wake.wait(0)
    for _ in range(3):
        wake.set()
    assert wake.wait(0)
    assert not wake.wait(0)


def test_none_is_forgotten_while_two_threads_hand_over() -> None:
    there, back, count = AutoResetEvent(), AutoResetEvent(), 5000
    missed: list[int] = []

    def answer() -> None:
        for n in range(count):
            if not there.wait(within(10)):
                missed.append(n)
            back.set()

    thread = threading.Thread(target=answer)
    thread.start()
    for n in range(count):
        there.set()
        if not back.wait(within(10)):
            missed.append(n)
            break
    thread.join(within(20))
    assert missed == []
