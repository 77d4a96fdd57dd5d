"""What routers promise holds on bad media: each unreliable carrier, made worse by wrappers, by many seeds."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from tests.system.conftest import eventually, nothing_left_behind  # noqa: F401 - a fixture

PLUGINS = Path(__file__).parents[2] / "examples/plugins"
SEEDS = int(os.environ.get("SIG_SWEEP", "2"))
NUMBERS = itertools.count(1)

BAD_PACKETS = "drop=0.05&dup=0.05&flip=0.02&jitter=2ms"
BAD_BYTES = "drop=0.001&flip=0.001&dup=0.001"
MEDIA = {
    "udp": f"lossy+udp://127.0.0.1:0?{BAD_PACKETS}",
    "slow udp": f"slow+lossy+udp://127.0.0.1:0?{BAD_PACKETS}&delay=2ms",
    "can": "lossy+can://unreliable-{number}?interface=virtual&id=1&drop=0.02&dup=0.02",
    "local packets": f"lossy+local://unreliable-{{number}}?{BAD_PACKETS}",
    "tcp stream": f"lossy+tcp://127.0.0.1:0?{BAD_BYTES}",
    "slow tcp": "slow+tcp://127.0.0.1:0?rate=1000000&delay=1ms",
}


@pytest.fixture(scope="module")
def plugins() -> sig.Plugins:
    """What is installed here, and the examples."""
    made = sig.Plugins()
    for name, package, carrier in (("udp", "sig-udp", "UdpCarrier"), ("can", "sig-can", "CanCarrier")):
        sys.path.insert(0, str(PLUGINS / package))
        module = importlib.import_module(f"{package.replace('-', '_')}.carrier")
        sys.path.pop(0)
        made.carriers.register(name, getattr(module, carrier), replace=True)
    return made


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("medium", MEDIA)
def test_the_promises_hold(plugins: sig.Plugins, medium: str, seed: int) -> None:
    where = MEDIA[medium].format(number=next(NUMBERS)) + (f"&seed={seed}" if "lossy" in MEDIA[medium] else "")
    heard: list[Any] = []
    count = 15 if medium == "can" else 60
    with sig.ServerRouter(where, plugins=plugins) as server:
        url = server.addresses[0]
        with sig.ClientRouter(url, "msgpack", plugins=plugins) as screen:
            presence: list[str] = []
            screen.add_remote_listener(lambda info, data: presence.append(info["event"]), "temp", sig.EVENT_CONNECT)
            screen.add_remote_listener(lambda info, data: presence.append(info["event"]), "temp", sig.EVENT_DISCONNECT)
            screen.add_remote_listener(lambda info, data: heard.append(data), event="#changed")
            with sig.ClientRouter(url, "json", plugins=plugins) as sensor:
                temp = sensor.add_remote_sender("temp", ["#changed"], {"echo": lambda params: params})
                changed = temp.get_signal("#changed")
                for number in range(count):
                    changed.trigger([number, "x" * (number % 7) * 10])
                    if number % 10 == 9:
                        assert screen.remote_request("temp", "echo", number) == number
                with pytest.raises(sig.UnknownMethod):
                    screen.remote_request("temp", "nothing")
                eventually(lambda: len(heard) == count, 30)
            eventually(lambda: presence == [sig.EVENT_CONNECT, sig.EVENT_DISCONNECT], 30)
    assert [number for number, _ in heard] == list(range(count))
    assert not screen.lost
