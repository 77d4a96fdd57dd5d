"""Ten thousand state values: somebody comes late, and has them all soon."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

import sig_core as sig
from tests.support import within

MANY = 10_000


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["json", "msgpack"])
def test_who_comes_late_has_all_of_them(codec: str) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        url = server.addresses[0]
        with sig.ClientRouter(url) as owner, sig.ClientRouter(url, codec) as late:
            senders = owner.add_remote_senders({f"s{number}": ["#changed"] for number in range(MANY)}, state="#changed")
            for number, sender in enumerate(senders):
                sender.get_signal("#changed").trigger({"celsius": number, "at": "the door"})
            owner.flush()
            heard: dict[Any, Any] = {}
            all_came = threading.Event()

            def hear(info: Any, data: Any) -> None:
                heard[info["sender"]] = data["celsius"], info["last"]
                if len(heard) == MANY:
                    all_came.set()

            begun = time.perf_counter()
            late.add_remote_listener(hear, event="#changed")
            assert all_came.wait(within(20)), len(heard)
            print(f"{MANY} values in {codec}, kept in json: {time.perf_counter() - begun:.2f} s")
            assert heard == {f"s{number}": (number, True) for number in range(MANY)}
            assert server.stats()["state"]["values"] == MANY
