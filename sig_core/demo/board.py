"""A board: the thermometer of examples/boards, compiled for this machine, on a pty as on a serial line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import IO

__all__ = ["Thermometer", "why_not"]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/boards/c"
LIBRARY = ROOT / "boards/c/src"


def why_not() -> str:
    """Return why there can be no board here; "" if there can."""
    if not EXAMPLE.is_dir() or not LIBRARY.is_dir():
        return "its sources are in a checkout alone"
    return "" if shutil.which("cc") else "no C compiler (cc) is installed"


class Thermometer:
    """The board as a process; `port` is where a server finds it.

    Raises:
        subprocess.CalledProcessError: the compiler refused.
    """

    carrier, codec = "serial", "cbor-board"

    def __init__(self, folder: Path) -> None:
        program = folder / "thermometer"
        sources = [EXAMPLE / "thermometer.c", EXAMPLE / "port_posix.c", *sorted(LIBRARY.glob("*.c"))]
        subprocess.run(["cc", "-std=c99", "-O1", f"-I{LIBRARY}", "-o", program, *sources], check=True)
        self._process = subprocess.Popen([program], stdout=subprocess.PIPE, text=True)
        output: IO[str] | None = self._process.stdout
        assert output is not None
        self.port = f"serial://{output.readline().strip()}?baud=115200&name=board"

    def stop(self) -> None:
        """Switch it off."""
        self._process.terminate()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
