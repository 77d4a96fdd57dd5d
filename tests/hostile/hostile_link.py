"""A link of a peer that does as it likes: bytes out, and what of the answers it needs."""

from __future__ import annotations

import asyncio
import json
import struct
from types import TracebackType
from typing import Any, Self

from tests.support.rawpeer import CONTROL, PREFACE, call, frame, hello

__all__ = ["HostileLink"]

PATIENCE = 10.0  # seconds for whatever a server may not want to give


class HostileLink:
    """A connection from an address of this machine's own choosing; use it in `async with`.

    Args:
        url: of the server.
        source: the address that it comes from.
        small: it takes as few bytes as the system allows, so that what it does not read waits at the server.
    """

    def __init__(self, url: str, source: str, *, small: bool = False) -> None:
        host, port = url.removeprefix("tcp://").rsplit(":", 1)
        self._where = host, int(port)
        self._source = source
        self._small = small
        self._encode = json.dumps
        self._last = 0

    async def __aenter__(self) -> Self:
        limit = 4096 if self._small else 1 << 16
        connecting = asyncio.open_connection(*self._where, local_addr=(self._source, 0), limit=limit)
        self._reader, self._writer = await asyncio.wait_for(connecting, PATIENCE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.transport.abort()

    async def say(self, *parts: bytes) -> None:
        """Send; returns when the server has taken nearly all of it."""
        for part in parts:
            self._writer.write(part)
            await asyncio.wait_for(self._writer.drain(), PATIENCE)

    async def open(self, **changes: Any) -> Self:
        """Say hello, and read the welcome."""
        await self.say(hello(**changes))
        await asyncio.wait_for(self._reader.readexactly(len(PREFACE)), PATIENCE)
        await self.frame()
        return self

    async def frame(self) -> tuple[int, int, bytes]:
        """Read a whole frame: head, route, body."""
        length, head, route = struct.unpack("<IBI", await asyncio.wait_for(self._reader.readexactly(9), PATIENCE))
        return head, route, await asyncio.wait_for(self._reader.readexactly(length - 5), PATIENCE)

    async def ask(self, method: str, **params: Any) -> Any:
        """Call in JSON, and return the response, or None if it is refused; what comes before it is skipped."""
        self._last += 1
        await self.say(call(self._last, method, **params))
        while True:
            head, _, body = await self.frame()
            if head == CONTROL and body and (message := json.loads(body)).get("id") == self._last:
                return message.get("response")

    async def alive(self, seconds: float) -> None:
        """Stay that long, with signs of life, and without reading."""
        for _ in range(max(1, round(seconds / 2))):
            await self.say(frame(CONTROL, 0, b""))
            await asyncio.sleep(min(2.0, seconds))

    async def swallow(self, seconds: float) -> None:
        """Read whatever comes, for so long or to the end."""
        try:
            async with asyncio.timeout(seconds):
                while await self._reader.read(1 << 16):
                    pass
        except TimeoutError:
            return
