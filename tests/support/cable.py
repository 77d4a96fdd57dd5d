"""A serial line between two ports of this machine."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Callable

from tests.support import within


class Cable:
    """Two pseudo-terminals, each the end of a line to the other.

    Attributes:
        ports: their devices.
        edit: gets what passes, and which port it is for (0 or 1); gives what is to go on.
    """

    def __init__(self) -> None:
        pairs = [os.openpty() for _ in range(2)]
        for _, slave in pairs:
            tty.setraw(slave)
        self._masters = [master for master, _ in pairs]
        self._slaves = [slave for _, slave in pairs]
        self.ports = [os.ttyname(slave) for slave in self._slaves]
        self.edit: Callable[[bytes, int], bytes] = lambda data, side: data
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run, name="cable", daemon=True)
        self._thread.start()

    def url(self, side: int, query: str = "") -> str:
        return f"serial://{self.ports[side]}{query}"

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([*self._masters, self._stop], [], [])
            if self._stop in ready:
                return
            for side in (0, 1):
                if self._masters[side] in ready:
                    data = self.edit(os.read(self._masters[side], 4096), 1 - side)
                    while data:
                        data = data[os.write(self._masters[1 - side], data) :]

    def inject(self, data: bytes, side: int) -> None:
        """Put bytes on the line to a port."""
        os.write(self._masters[side], data)

    def __enter__(self) -> Cable:
        return self

    def __exit__(self, *exc: object) -> None:
        os.write(self._stopped, b"x")
        self._thread.join(within(5))
        for number in (*self._masters, *self._slaves, self._stop, self._stopped):
            os.close(number)
