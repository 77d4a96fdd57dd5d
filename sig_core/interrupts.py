"""What interrupts a call of this library: Ctrl-C, and whatever a program's signal handlers raise.

Python runs signal handlers in the main thread, between two instructions of whatever that runs; what they raise comes
out there, as if the instruction had raised it. So a function must not take every exception for one of what it called.

Where a signal gets in decides how code is written that must not be spoiled. CPython looks for signals after a call of a
function in C, when a function in Python begins, and when a loop begins anew; and where a system call waits. Nowhere
else: an assignment, a slice that is replaced, `+=` on a list happen together with what stands beside them, as long as
nothing is called in between. `with lock:` is such a step too, where the lock is one of C: it is not left taken, neither
at its beginning nor at its end. `lock.acquire()` in a line of its own is none: who interrupts it leaves it taken. Code
that is compiled does not look at all, but where it calls what is interpreted, or a system call waits: fewer places.

A second interrupt may come while a handler of ours puts right what the first one left. So what that does can be done
again, and in a client it is: by a handler within the handler. A third one is not reckoned with.
"""

from __future__ import annotations

import threading
from types import FrameType

__all__ = ["find_interrupt", "interrupt_of_call", "pass_end_on", "pass_interrupt_on"]


def pass_interrupt_on(error: BaseException) -> None:
    """Raise what a signal handler raised, if that is what `error` is, or was made of.

    Args:
        error: that was caught where somebody else's code was called.
    """
    found = find_interrupt(error)
    if found is not None:
        raise found


def interrupt_of_call(error: BaseException) -> BaseException | None:
    """Return what interrupted a call of a driver, which raised `error`; None: the driver failed.

    What is no Exception is taken for an interrupt where there may be one: of a signal handler in C nothing is seen. On
    other threads it is a panic of a driver that is compiled.
    """
    is_sure = isinstance(error, Exception) or threading.current_thread() is not threading.main_thread()
    return find_interrupt(error) if is_sure else error


def pass_end_on(error: BaseException) -> None:
    """Raise what ends a loop, if `error` is that. Whatever else a driver raises, or an interrupt, costs it its link."""
    if not isinstance(error, Exception):
        pass_interrupt_on(error)


def find_interrupt(error: BaseException) -> BaseException | None:
    """Return what a signal handler raised, if `error` is that, or was made of it by who caught it; else None."""
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        if isinstance(found, KeyboardInterrupt) or _is_of_handler(found):
            return found
        seen.append(found)
        found = found.__cause__ or found.__context__
    return None


def _is_of_handler(error: BaseException) -> bool:
    """Return whether it came out of a function that was given the frame which it interrupted: a signal handler."""
    trace = error.__traceback__
    while trace is not None:
        if _was_given_its_caller(trace.tb_frame):
            return True
        trace = trace.tb_next
    return False


def _was_given_its_caller(called: FrameType) -> bool:
    caller = called.f_back  # not what stands before it in the trace: that of compiled code is no frame that runs
    if caller is None:
        return False
    for value in list(called.f_locals.values()):
        if value is caller or (isinstance(value, tuple) and any(item is caller for item in value)):
            return True
    return False
