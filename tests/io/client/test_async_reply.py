"""One answer that a coroutine awaits."""

from __future__ import annotations

import asyncio

import pytest

from sig_core.errors import LinkLost
from sig_core.io.client.async_reply import AsyncReply


def test_an_answer_that_was_there_before_and_one_that_comes() -> None:
    before, later, refused = AsyncReply(), AsyncReply(), AsyncReply()  # no loop runs here
    before.tell(1, None)
    before.tell(2, None)

    async def main() -> None:
        assert before.done and await before == 1
        asyncio.get_running_loop().call_soon(later.tell, 3, None)
        assert await later == 3
        asyncio.get_running_loop().call_soon(refused.tell, None, LinkLost("gone"))
        with pytest.raises(LinkLost, match="gone"):
            await refused

    asyncio.run(main())


def test_nobody_waits_any_more() -> None:
    async def main() -> None:
        reply = AsyncReply()

        async def wait() -> None:
            await reply

        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        reply.tell(None, LinkLost("gone"))
        await asyncio.wait([waiting])
        assert waiting.cancelled() and reply.done

    asyncio.run(main())
