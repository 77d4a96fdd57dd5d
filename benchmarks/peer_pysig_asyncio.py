"""pysig's asyncio client on Python's own loop, without uvloop; see peer_pysig_aio.py."""
import asyncio

import peer_pysig_aio
from peer_pysig_aio import publisher, requester, responder, start_broker, subscriber  # noqa: F401 - the roles

LABEL = "pysig asyncio (MessagePack), without uvloop"
peer_pysig_aio.run_async = asyncio.run
