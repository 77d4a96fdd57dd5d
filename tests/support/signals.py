"""Signals for a process that waits."""

from __future__ import annotations

import os
import time
from pathlib import Path
from subprocess import Popen
from typing import Any

__all__ = ["send_signal"]

PATIENCE = 1.0  # seconds for a process to wait; one that computes gets its signal then


def send_signal(process: Popen[Any], number: int) -> None:
    """Send a signal once the main thread of a process sleeps.

    CPython looks whether a signal came, then calls the system, which a signal ends. One that comes between these two is
    handled when the call ends, which may be never: a person presses Ctrl-C again.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None and _state(process.pid) != "S":
        os.sched_yield()
    process.send_signal(number)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
