"""The C client as a process of this machine."""

from __future__ import annotations

import math
import signal
from pathlib import Path

from tests.support import within
from tests.support.rig.board import Board, tty_url
from tests.support.rig.program import LIFE, Program

__all__ = ["NativeBoard"]

PTY = "pty"
TCP = "tcp://"


class NativeBoard(Board):
    """The application of the test boards, without an emulator.

    Args:
        firmware: the program, plain or with sanitizers: what they find ends it, and `stop` then fails with their words.
        on: "pty": its port is a pty of its own; the name of a tty, such as end b of a line: it is there, and `port` is
            ""; a URL tcp://HOST:PORT: it connects to that server, again and again.
        name: of its sender.
        life: seconds (scaled) until it ends by itself.
    """

    def __init__(self, firmware: Path, *, on: str = PTY, name: str = "native", life: float = LIFE) -> None:
        self._on = on
        if on == PTY:
            where = []
        elif on.startswith(TCP):
            where = ["tcp", *on.removeprefix(TCP).rsplit(":", 1)]
        else:
            where = [on]
        super().__init__(Program([firmware, "-n", name, "-t", str(math.ceil(within(life))), *where]))

    def _find_port(self) -> str:
        return tty_url(self.program.line()) if self._on == PTY else ""

    def reset(self) -> None:
        self.program.signal(signal.SIGUSR1)
