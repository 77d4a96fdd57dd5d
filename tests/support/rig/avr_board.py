"""An ATmega328P under simavr."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from tests.support import within
from tests.support.rig.board import Board, tty_url
from tests.support.rig.program import LIFE, Program

__all__ = ["AvrBoard"]


class AvrBoard(Board):
    """An emulated Arduino Uno in real time. Its port is a pty; bytes to it come at the speed of the line.

    Args:
        runner: the emulator, built from boards/emulators/avr.c.
        firmware: an ELF file for the atmega328p at 16 MHz.
        baud: bits per second of the line; the firmware's own figure is taken to fit.
        bootloader: seconds from a reset to the begin of the program; what comes meanwhile is swallowed.
        link: a name for the pty that the next board may have too, as if this one were plugged in again; `port` has it.
        life: seconds (scaled) until it ends by itself.

    Attributes:
        tty: the name of the pty.
        counts: after `stop`, of bytes: "to board", "from board", "overrun" (the program did not read in time), "unread"
            (nobody read the pty), "swallowed" (by the bootloader).
    """

    def __init__(
        self,
        runner: Path,
        firmware: Path,
        *,
        baud: int = 115200,
        bootloader: float = 0.0,
        link: Path | None = None,
        life: float = LIFE,
    ) -> None:
        self._baud, self._link = baud, link
        self.counts: dict[str, int] = {}
        options = ["-b", str(bootloader * 1000), *(["-l", str(link)] if link else [])]
        super().__init__(Program([runner, *options, firmware, str(baud), str(within(life))]))

    def _find_port(self) -> str:
        self.tty = self.program.line()
        return tty_url(str(self._link or self.tty), self._baud)

    def stop(self) -> None:
        super().stop()
        _, _, counts = self.program.errors().rpartition("avr: ")
        self.counts = {name: int(number) for name, number in re.findall(r"([a-z ]+) (\d+)(?:, )?", counts)}

    def reset(self) -> None:
        self.program.signal(signal.SIGUSR1)
