"""Starting threads where the system may start no more of them: that is told, and nobody waits for what never runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sig_core.errors import LimitError
from sig_core.log import log

__all__ = ["run_in_thread", "start_thread"]


def start_thread(thread: threading.Thread) -> None:
    """Start a thread.

    Raises:
        LimitError: the system starts no more threads; it may be started later.
    """
    try:
        thread.start()
    except RuntimeError as error:
        remedy = "end programs or links, or raise the limit of the system (ulimit -u, or that of a container)"
        raise LimitError(f"thread {thread.name!r}: {error}: {remedy}") from error


def run_in_thread(call: Callable[[], object], name: str) -> None:
    """Run `call` on a thread of its own; where the system starts no more of them, here and now."""
    try:
        start_thread(threading.Thread(target=call, name=name, daemon=True))
    except LimitError as error:
        log.warning(f"{error}; what it should do is done by {threading.current_thread().name!r}")
        call()
