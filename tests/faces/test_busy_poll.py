"""Around requests who waits looks longer where a link encrypts: both ends of it know."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.busy_poll import BusyPoll
from sig_core.io.aio import busy_loop
from sig_core.io.sync import busy_wait
from tests.support.certificates import Authority
from tests.support.faces import Face


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("server_face", ["threads", "asyncio"])
def test_both_ends_take_longer_over_tls(
    face: Face, server_face: str, secured: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer: set[BusyPoll] = set()
    monkeypatch.setattr(BusyPoll, "take_longer", lambda policy: longer.add(policy))
    for module in (busy_wait, busy_loop):
        monkeypatch.setattr(module, "can_busy_poll", lambda: True)
    here, there = "tcp://127.0.0.1:0", ""
    if secured:
        authority = Authority(tmp_path)
        authority.issue("server")
        here, there = f"tls+{here}?cert={tmp_path}/server.pem&key={tmp_path}/server.key", f"?ca={tmp_path}/ca.pem"

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            if server_face == "threads":
                addresses = stack.enter_context(sig.ServerRouter(here)).addresses
            else:
                addresses = (await stack.enter_async_context(aio.ServerRouter(here))).addresses
            async with face.client(addresses[0].partition("?")[0] + there) as client:
                assert await client.list_remote_senders() == []

    face.run(scenario())
    assert len(longer) == (2 if secured else 0)
