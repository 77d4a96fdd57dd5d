"""MicroPython as WebAssembly in node, running the application of the test boards; its line is a TCP socket."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from pathlib import Path

import pytest

from tests.boards.micropython.by_hand import FOLDER
from tests.support import within
from tests.support.rig import Program

__all__ = ["NEEDED", "WasmBoard", "run"]

LIFE = 120.0  # seconds
RUNNER = FOLDER / "run_wasm.mjs"
PACKAGES = Path(os.environ.get("SIG_MICROPYTHON") or FOLDER.parents[1] / ".boards")
PACKAGE = PACKAGES / "node_modules" / "@micropython" / "micropython-webassembly-pyscript" / "micropython.mjs"

_missing = [name for name, there in (("node", shutil.which("node")), (str(PACKAGE), PACKAGE.exists())) if not there]
NEEDED = pytest.mark.skipif(bool(_missing), reason=f"missing: {', '.join(_missing)} (make boards-setup)")


def command(*words: str) -> list[str]:
    return ["node", str(RUNNER), *words, "--packages", str(PACKAGES), "--seconds", str(within(LIFE))]


def run(*files: Path) -> Program:
    """Run the first file inside MicroPython, with the others and sigboard.py beside it."""
    return Program(command("run", *map(str, files)))


class WasmBoard:
    """A board that connects to a port, or that listens and whose line is `socket` then; a context manager."""

    def __init__(self, port: int | None = None, name: str = "mp", **options: object) -> None:
        how = ["listen"] if port is None else ["connect", str(port)]
        self.program = Program(command(*how, "--name", name, "--options", json.dumps(options)))
        self.socket: socket.socket | None = None
        try:
            said = self.program.line()
            if port is None:
                self.socket = socket.create_connection(("127.0.0.1", int(said.split()[-1])), within(10))
                self.socket.settimeout(within(10))
        except BaseException:
            self.program.stop()
            raise

    def __enter__(self) -> WasmBoard:
        return self

    def __exit__(self, *args: object) -> None:
        if self.socket is not None:
            self.socket.close()
        self.program.stop()

    def reset(self, by_signal: bool = False) -> None:
        """Press reset, and wait until it has begun anew."""
        if by_signal:
            self.program.signal(signal.SIGUSR1)
        else:
            self.program.tell("reset")
        while self.program.line() != "reset":
            pass
