"""The end of a program that does not stop its routers: what it triggered is let out, for a while."""

from __future__ import annotations

import atexit
import time
import traceback
import weakref
from typing import Final, Protocol

from sig_core.interrupts import pass_interrupt_on
from sig_core.log import log

__all__ = ["PATIENCE", "Lasting", "let_out_at_exit"]

PATIENCE: Final = 2.0  # seconds for all routers of a program together


class Lasting(Protocol):
    """An object with links."""

    def let_out(self, until: float) -> None:
        """Send what waits, say goodbye, and close; wait until `until` (monotonic seconds) at most."""


_living: weakref.WeakSet[Lasting] = weakref.WeakSet()


def let_out_at_exit(thing: Lasting) -> None:
    """Have `thing.let_out()` called at the end of the program, as long as somebody, such as a thread, refers to it."""
    _living.add(thing)


def _let_all_out() -> None:
    until = time.monotonic() + PATIENCE
    for thing in list(_living):
        try:
            thing.let_out(until)
        except BaseException as error:  # the others have their time, too
            pass_interrupt_on(error)
            log.error(f"the end of the program: {traceback.format_exc()}")


atexit.register(_let_all_out)
