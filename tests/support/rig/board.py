"""What every board of the rig is: a process with a port, and a reset button."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from tests.support.rig.program import Program, stop_on_error

__all__ = ["Board", "socket_url", "tty_url"]


class Board(ABC):
    """A running board, a context manager.

    Attributes:
        port: the URL at which a server reaches it; "" if the board connects to a server by itself.
        program: its process.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        with stop_on_error(self.stop):
            self.port = self._find_port()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @abstractmethod
    def _find_port(self) -> str:
        """Wait until it is there, and return its `port`."""

    @abstractmethod
    def reset(self) -> None:
        """Press reset: the program begins anew, and knows nothing of before; its port stays."""

    def stop(self) -> None:
        """Power off; once more does nothing.

        Raises:
            ProgramFailed: it had ended by itself, or complained (a sanitizer, a crash).
        """
        self.program.stop()


def tty_url(path: str, baud: float | None = None) -> str:
    """Spell a tty; with the speed of its line if it has one: what waits for an answer must know it."""
    return f"serial://{path}" + (f"?baud={baud:.0f}" if baud else "")


def socket_url(address: str) -> str:
    """Spell HOST:PORT of a board that listens there."""
    return f"serial://?url=socket://{address}"
