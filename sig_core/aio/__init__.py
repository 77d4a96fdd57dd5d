"""The routers on asyncio (uvloop's loop too): the same sessions, the same decisions, with coroutines for what waits.

async with aio.ClientRouter("tcp://127.0.0.1:3000") as client:
    await client.add_remote_listener(print, "temp")

async with aio.ServerRouter("tcp://127.0.0.1:3000") as server:
    server.add_listener(print, "temp")
"""

from __future__ import annotations

from sig_core.aio.client import ClientRouter
from sig_core.aio.entities import Sender, Signal
from sig_core.aio.event_stream import EventStream
from sig_core.aio.server import ServerRouter

__all__ = ["ClientRouter", "EventStream", "Sender", "ServerRouter", "Signal"]
