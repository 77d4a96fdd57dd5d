"""A serial line with noise, as an object."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.support import within
from tests.support.rig.board import tty_url
from tests.support.rig.noise import Noise
from tests.support.rig.program import LIFE, Program, stop_on_error

__all__ = ["QUIET", "Counts", "End", "SerialLine", "Way"]

End = Literal["a", "b"]
Way = Literal["to_a", "to_b"]

QUIET = Noise()
WAYS: tuple[Way, ...] = ("to_a", "to_b")
ENDS: tuple[End, ...] = ("a", "b")


@dataclass(frozen=True)
class Counts:
    """What became of the bytes of one way since the line was made; `noise` counts hits, all others are bytes.

    taken + double + insert + garbage - drop = given + waiting + swallowed + overrun, at any moment.
    """

    taken: int = 0
    given: int = 0
    waiting: int = 0
    swallowed: int = 0  # nobody was there to hear: the way was deaf, or an end was cut
    overrun: int = 0  # paced lines only: nobody read
    drop: int = 0
    flip: int = 0
    double: int = 0
    insert: int = 0
    burst: int = 0
    between: int = 0
    garbage: int = 0  # bytes of all bursts

    @property
    def noise(self) -> int:
        return self.drop + self.flip + self.double + self.insert + self.burst + self.between


class SerialLine:
    """A line between two ptys, with a pace and noise: the process that carries its bytes, and its names.

    What noise does depends on the seed, the noise and the bytes alone, not on time: the same bytes come out the same.
    With a pace, bytes that nobody reads are lost as in a UART (about 4 KiB wait in a pty); without one they are held
    back. Programs may open and close an end at will; they see its end by `cut` alone.

    Args:
        baud: bits per second, 10 of them a byte; None: as fast as it goes.
        seed: of the noise.
        noise: for both ways; to_a, to_b: for one.
        life: seconds (scaled) until it ends by itself.

    Attributes:
        a, b: names of the ends for programs. They are links to ttys and stay the same when an end is plugged in again.
        port: the URL of end a, for a server; the board is at end b.
    """

    def __init__(
        self,
        baud: float | None = None,
        seed: int = 1,
        noise: Noise = QUIET,
        *,
        to_a: Noise | None = None,
        to_b: Noise | None = None,
        life: float = LIFE,
    ) -> None:
        program = Path(__file__).with_name("wire.py")
        self._turn = threading.Lock()
        self._program = Program([sys.executable, program, str(seed), str(within(life)), str(baud or 0)])
        with stop_on_error(self.stop):
            folder = Path(json.loads(self._program.line()))
            self.a, self.b = str(folder / "a"), str(folder / "b")
            self.port = tty_url(self.a, baud)
            self.noise(to_a or noise, "to_a")
            self.noise(to_b or noise, "to_b")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Close both ends; once more does nothing."""
        self._program.stop()

    def noise(self, noise: Noise, *ways: Way) -> None:
        """Have other noise from here on; no way named means both, here and below."""
        self._order("noise", ways=ways or WAYS, noise=asdict(noise))

    def stall(self, *ways: Way) -> None:
        """Hold bytes back."""
        self._order("stall", ways=ways or WAYS, on=True)

    def resume(self, *ways: Way) -> None:
        """Go on, with what was held back first."""
        self._order("stall", ways=ways or WAYS, on=False)

    def deafen(self, *ways: Way) -> None:
        """Swallow bytes, as an open wire does."""
        self._order("deafen", ways=ways or WAYS, on=True)

    def hear(self, *ways: Way) -> None:
        """End `deafen`."""
        self._order("deafen", ways=ways or WAYS, on=False)

    def cut(self, *ends: End) -> None:
        """Pull ends out (none named: both). The name vanishes, who has one open gets its end, bytes to it are lost."""
        self._order("cut", ends=ends or ENDS)

    def plug(self, *ends: End) -> None:
        """Plug ends in again: new ttys behind the same names. An end that is in stays as it is."""
        self._order("plug", ends=ends or ENDS)

    def counts(self, way: Way) -> Counts:
        return Counts(**self._order("counts", way=way))

    def _order(self, do: str, **what: str | bool | Sequence[str] | dict[str, float]) -> Any:
        with self._turn:
            self._program.tell(json.dumps({"do": do, **what}))
            return json.loads(self._program.line())
