"""A screen behind a slow line: of what it cannot take, it misses the old, and knows how much."""

from __future__ import annotations

import pytest

import sig_core as sig
from sig_core.testing import eventually
from tests.support.rig.line import SerialLine

BAUD = 9600


@pytest.mark.slow
def test_it_has_the_newest_and_nobody_waits_for_it() -> None:
    shown: list[int] = []
    with SerialLine(BAUD) as line, sig.ServerRouter("tcp://127.0.0.1:0", line.port) as server:
        there = f"serial://{line.b}?baud={BAUD}"
        with sig.ClientRouter(server.addresses[0]) as sensor, sig.ClientRouter(there) as screen:
            newest = sig.Delivery(overflow="latest")
            sees = screen.add_remote_listener(lambda info, data: shown.append(data), "s", "e", delivery=newest)
            signal = sensor.add_remote_sender("s", ["e"]).get_signal("e")
            for number in range(20_000):  # 400 KB, for which the line would need 7 minutes
                signal.trigger(number)
            sensor.flush()
            eventually(lambda: shown[-1:] == [19_999])
            stats = sees.stats()
            assert stats is not None and shown == sorted(shown)
            assert stats["fired"] == 20_000 == len(shown) + stats["lost"]["superseded"]
            (peer,) = (peer for peer in server.stats()["peers"] if peer.get("subscriptions"))
            assert peer["queue"]["fill"] == 0 and set(peer["events"]["lost"]) == {"superseded"}
