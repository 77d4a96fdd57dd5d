"""A Cortex-M3 under QEMU."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tests.support import ROOT
from tests.support.rig.board import Board, socket_url, tty_url
from tests.support.rig.monitor import Monitor
from tests.support.rig.program import LIFE, Program

__all__ = ["CortexBoard"]


class CortexBoard(Board):
    """An emulated MPS2 board (AN385). Its line has no speed and never overruns.

    Args:
        firmware: an ELF file for the mps2-an385.
        on: "tcp": its port is a TCP socket of this machine (answers in about 1 ms); "pty": a pty (QEMU looks once a
            second whether somebody has opened it); a URL tcp://HOST:PORT or unix:///PATH: it connects to that server,
            as a board with a network would, again and again.
        life: seconds (scaled) until it is ended.
    """

    def __init__(self, firmware: Path, *, on: str = "tcp", life: float = LIFE) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="sig-qemu-"))  # a short name: that of a Unix socket is bounded
        self._monitor: Monitor | None = None
        command: list[str | Path] = [ROOT / "boards/emulators/cortex", firmware, _line(on), self._folder / "monitor"]
        super().__init__(Program(command, limit=life))

    def _find_port(self) -> str:
        self._monitor = Monitor(self._folder / "monitor", self.program)
        (line,) = (each["filename"] for each in self._monitor.ask("query-chardev") if each["label"] == "serial0")
        kind, _, rest = line.removeprefix("disconnected:").partition(":")
        if kind == "pty":
            return tty_url(rest)
        address, _, traits = rest.partition(",")
        return socket_url(address) if "server=on" in traits else ""

    def reset(self) -> None:
        assert self._monitor is not None
        self._monitor.ask("system_reset")

    def stop(self) -> None:
        if self._monitor is not None:
            self._monitor.close()
        try:
            self.program.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)


def _line(on: str) -> str:
    if on == "tcp":
        return "tcp:127.0.0.1:0"
    return "dial:" + on.partition("://")[2] if "://" in on else on
