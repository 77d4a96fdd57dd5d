"""A serial line between two ports of this machine."""

from __future__ import annotations

import os
import select
import threading
import tty

from tests.support import within


class Wire:
    """Two pseudo-terminals; what is written into one comes out of the other. `urls` are their addresses.

    What nobody reads at one end is kept: who writes at the other has to wait.
    """

    def __init__(self) -> None:
        pairs = [os.openpty() for _ in range(2)]
        for master, port in pairs:
            tty.setraw(port)
            os.set_blocking(master, False)
        self.urls = [f"serial://{os.ttyname(port)}" for _, port in pairs]
        self._masters = [master for master, _ in pairs]
        self._ports = [port for _, port in pairs]
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        ways = [tuple(self._masters), tuple(self._masters[::-1])]
        passing = dict.fromkeys(ways, b"")
        while True:
            reading = [way[0] for way in ways if not passing[way]]
            writing = [way[1] for way in ways if passing[way]]
            ready, free, _ = select.select([*reading, self._stop], writing, [])
            if self._stop in ready:
                return
            for way in ways:
                if way[0] in ready:
                    passing[way] = os.read(way[0], 4096)
                elif way[1] in free:
                    passing[way] = passing[way][os.write(way[1], passing[way]) :]

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc: object) -> None:
        os.write(self._stopped, b"x")
        self._thread.join(within(5))
        for number in (*self._masters, *self._ports, self._stop, self._stopped):
            os.close(number)
