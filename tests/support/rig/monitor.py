"""QEMU's monitor: commands as JSON over a Unix socket."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any

from tests.support import within
from tests.support.rig.program import Program, ProgramFailed

__all__ = ["Monitor"]


class Monitor:
    """The monitor of a QEMU that was just started with this socket; waits for it 20 s at most (scaled)."""

    def __init__(self, path: Path, program: Program) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(within(20))
        try:
            self._connect(path, program)
        except BaseException:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rw")
        json.loads(self._file.readline())  # the greeting
        self.ask("qmp_capabilities")

    def _connect(self, path: Path, program: Program) -> None:
        end = time.monotonic() + within(20)
        while True:
            try:
                return self._socket.connect(str(path))
            except OSError as error:
                if not program.running or time.monotonic() > end:
                    wrote = program.errors()
                    raise ProgramFailed(f"QEMU has no monitor at {path}: {error}; it wrote:\n{wrote}") from error
                time.sleep(0.005)  # QEMU says nothing when its monitor is there

    def ask(self, command: str) -> Any:
        """Run a command without arguments and return what it gives.

        Raises:
            ProgramFailed: QEMU refused it, or is gone.
        """
        self._file.write(json.dumps({"execute": command}) + "\n")
        self._file.flush()
        while answer := self._file.readline():  # events come in between
            message = json.loads(answer)
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise ProgramFailed(f"QEMU: {command}: {message['error']['desc']}")
        raise ProgramFailed(f"QEMU: {command}: it is gone")

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what is not flushed was for a QEMU that is gone
            self._file.close()
        self._socket.close()
