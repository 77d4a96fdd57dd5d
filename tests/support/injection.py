"""Something that happens in the midst of our code: once, at a chosen one of the places where a signal could come.

These are the places where CPython looks for signals (`sig_core/interrupts.py`): after each call of a function in C, at
the beginning of each function in Python, and within calls that wait. A profile function is called there, and what it
raises comes out as what a signal handler raises: of the call, or of the function that begins.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from inspect import CO_GENERATOR
from types import CodeType, FrameType
from typing import Any, Self

from tests.support import ROOT

__all__ = ["Injection", "TimeLimit", "interrupt", "time_limit"]

OURS = tuple(str(ROOT / package) for package in ("sig_core", "sig_carriers", "sig_codecs"))
WAITING = {"acquire", "poll", "recv_into", "select", "send", "sleep"}  # functions in C within which a signal may come


class TimeLimit(Exception):
    """What a user's signal handler raises."""


def interrupt() -> None:
    """Raise what Ctrl-C does."""
    raise KeyboardInterrupt


def time_limit() -> None:
    """Raise what a user's signal handler does."""
    raise TimeLimit("the time is over")


class Injection:
    """Calls `act` at the n-th place of our code that this thread comes to, in `with`.

    Args:
        number: n, from 1.
        act: is called there; what it raises comes out there.
        again: m, from 1: it is called once more at the m-th place behind the first, while what it has raised is on its
            way out; 0: it is not.

    Attributes:
        reached: it was called, as often as it should.
        where: the place, or both, for messages.
    """

    def __init__(self, number: int, act: Callable[[], object], again: int = 0) -> None:
        self.reached = False
        self.where = ""
        self._number = number
        self._act = act
        self._again = again
        self._count = 0
        self._ours: dict[CodeType, bool] = {}

    def __enter__(self) -> Self:
        sys.setprofile(self.profile)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(None)
        sys.settrace(None)

    def profile(self, frame: FrameType, event: str, arg: Any) -> None:
        """Count the places; at the n-th, act."""
        if event == "c_call":
            if getattr(arg, "__name__", "") not in WAITING:
                return
        elif event not in ("call", "c_return"):
            return
        code = frame.f_code
        if event == "call" and code.co_flags & CO_GENERATOR:
            return  # the collector may be closing it, and Python drops what is raised there
        ours = self._ours.get(code)
        if ours is None:
            ours = self._ours[code] = code.co_filename.startswith(OURS)
        if not ours or self.reached:
            return
        self._count += 1
        if self._count == self._number:
            self.where += f"{code.co_filename}:{frame.f_lineno} {code.co_name}, {event} {arg}"
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
            if self._again:
                self._number, self._again, self._count = self._again, 0, 0
                self.where += "; then "
                self._go_on(frame)
            else:
                self.reached = True
            self._act()

    def _go_on(self, frame: FrameType) -> None:
        """Profile on behind what `act` raises, which ends it; who is traced sees that, and begins it again."""

        def trace(frame: FrameType, event: str, arg: Any) -> Any:
            if event == "exception":
                sys.settrace(None)
                sys.setprofile(self.profile)
            return trace

        found: FrameType | None = frame
        while found is not None:
            found.f_trace = trace
            found = found.f_back
        sys.settrace(trace)
