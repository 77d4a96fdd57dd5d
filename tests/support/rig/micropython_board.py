"""MicroPython as WebAssembly, in node."""

from __future__ import annotations

import json

from tests.support import ROOT, within
from tests.support.rig.board import Board, socket_url
from tests.support.rig.program import LIFE, Program

__all__ = ["MicroPythonBoard"]

RUNNER = ROOT / "boards/micropython/run_wasm.mjs"
LOOPBACK = "tcp://127.0.0.1:"


class MicroPythonBoard(Board):
    """A board that runs boards/micropython with the application of the test boards.

    Args:
        on: "tcp": its port is a TCP socket of this machine, for one host at a time; a URL tcp://127.0.0.1:PORT: it
            connects to that server, again and again.
        name: of its sender.
        options: more arguments of its `Board`, such as mtu and window.
        life: seconds (scaled) until it ends by itself.
    """

    def __init__(self, *, on: str = "tcp", name: str = "mp", life: float = LIFE, **options: object) -> None:
        how = ["listen"] if on == "tcp" else ["connect", on.removeprefix(LOOPBACK)]
        more = ["--name", name, "--seconds", str(within(life)), "--options", json.dumps(options)]
        self._listens = on == "tcp"
        super().__init__(Program(["node", RUNNER, *how, *more]))

    def _find_port(self) -> str:
        if not self._listens:
            return ""
        return socket_url("127.0.0.1:" + self._wait_for("listening on ").rpartition(" ")[2])

    def reset(self) -> None:
        self.program.tell("reset")
        self._wait_for("reset")

    def sleep(self, seconds: float) -> None:
        """Keep it from polling, as a sketch does that is busy elsewhere; its line goes on."""
        self.program.tell(f"sleep {seconds * 1000:.0f}")

    def unplug(self, seconds: float) -> None:
        """Take its line away, and give it back after so long if it is one that connects by itself."""
        self.program.tell(f"unplug {seconds * 1000:.0f}")

    def _wait_for(self, beginning: str) -> str:
        while not (line := self.program.line()).startswith(beginning):
            pass
        return line
