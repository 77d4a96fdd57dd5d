"""A serial line between two ports of this machine."""

from __future__ import annotations

import os
import select
import threading
import tty


class Wire:
    """Two pseudo-terminals; what is written into one comes out of the other. `urls` are their addresses."""

    def __init__(self) -> None:
        pairs = [os.openpty() for _ in range(2)]
        for _, port in pairs:
            tty.setraw(port)
        self.urls = [f"serial://{os.ttyname(port)}" for _, port in pairs]
        self._masters = [master for master, _ in pairs]
        self._ports = [port for _, port in pairs]
        self._stop, self._stopped = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            ready, _, _ = select.select([*self._masters, self._stop], [], [])
            if self._stop in ready:
                return
            for source, target in (self._masters, self._masters[::-1]):
                if source in ready:
                    data = os.read(source, 4096)
                    while data:
                        data = data[os.write(target, data) :]

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *exc: object) -> None:
        os.write(self._stopped, b"x")
        self._thread.join(5)
        for number in (*self._masters, *self._ports, self._stop, self._stopped):
            os.close(number)
