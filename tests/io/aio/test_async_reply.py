"""One answer that a coroutine awaits."""

from __future__ import annotations

import asyncio
import gc

import pytest

from sig_core.errors import LinkLost
from sig_core.io.aio.async_reply import AsyncReply


def test_an_answer_that_was_there_before_and_one_that_comes() -> None:
    loop = asyncio.new_event_loop()
    before, later, refused = AsyncReply(loop), AsyncReply(loop), AsyncReply(loop)  # it does not run yet
    before.tell(1, None)
    before.tell(2, None)

    async def main() -> None:
        assert before.future.done() and await before.future == 1
        loop.call_soon(later.tell, 3, None)
        assert await later.future == 3
        loop.call_soon(refused.tell, None, LinkLost("gone"))
        with pytest.raises(LinkLost, match="gone"):
            await refused.future

    loop.run_until_complete(main())
    loop.close()
    AsyncReply(loop).tell(1, None)  # what is left of a plan is closed when the collector finds it


def test_nobody_waits_any_more(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        cancelled, forgotten = AsyncReply(loop), AsyncReply(loop)
        cancelled.future.cancel()
        cancelled.tell(None, LinkLost("gone"))
        forgotten.tell(None, LinkLost("gone"))
        del forgotten
        gc.collect()
        assert cancelled.future.cancelled()

    asyncio.run(main())
    assert caplog.records == []
