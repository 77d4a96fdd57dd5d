"""What routers promise holds on bad media: each unreliable carrier, made worse by wrappers, by many seeds."""

from __future__ import annotations

import importlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually, nothing_left_behind  # noqa: F401 - a fixture
from tests.support.cable import Cable
from tests.support.quick import first_quick
from tests.support.rig import NativeBoard, Workshop, tools
from tests.support.traffic import heard_by_host

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
    "unix stream": f"lossy+unix://{{folder}}/stream?{BAD_BYTES}",
    "slow tcp": "slow+tcp://127.0.0.1:0?rate=1000000&delay=1ms",
}
LINES = {  # wrappers at the server's end, and their options: they work in both directions
    "lossy": f"lossy?{BAD_BYTES}",
    "flipping": "lossy?flip=0.004",
    "slow": "slow?rate=115200&delay=2ms",
    "slow and lossy": f"slow+lossy?rate=115200&delay=2ms&{BAD_BYTES}",
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


def promises_hold(
    plugins: sig.Plugins, listened: list[str], ends: Callable[[list[str]], tuple[str, str]], count: int
) -> None:
    """A screen, a sensor, events and requests between them, and each comes and leaves as it should.

    Args:
        listened: where the server listens.
        ends: gives the URLs of the screen and of the sensor, of the addresses as they were bound.
        count: of the events.
    """
    heard: list[Any] = []
    presence: list[str] = []
    with sig.ServerRouter(*listened, plugins=plugins) as server:
        at_screen, at_sensor = ends(server.addresses)
        with sig.ClientRouter(at_screen, "msgpack", plugins=plugins) as screen:
            screen.add_remote_listener(lambda info, data: presence.append(info["event"]), "temp", sig.EVENT_CONNECT)
            screen.add_remote_listener(lambda info, data: presence.append(info["event"]), "temp", sig.EVENT_DISCONNECT)
            screen.add_remote_listener(lambda info, data: heard.append(data), event="#changed")
            with sig.ClientRouter(at_sensor, "json", plugins=plugins) as sensor:
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


def seeded(url: str, seed: int) -> str:
    """The URL with the seed, if what is in it has a use for one."""
    return f"{url}&seed={seed}" if "lossy" in url else url


@pytest.mark.parametrize("seed", first_quick(range(SEEDS)))
@pytest.mark.parametrize("medium", MEDIA)
def test_the_promises_hold(plugins: sig.Plugins, medium: str, seed: int, tmp_path: Path) -> None:
    where = seeded(MEDIA[medium].format(number=next(NUMBERS), folder=tmp_path), seed)
    promises_hold(plugins, [where], lambda bound: (bound[0], bound[0]), 15 if medium == "can" else 60)


# -- serial lines: they have room for one client, and the other one is elsewhere


@pytest.fixture
def cable() -> Iterator[Cable]:
    pytest.importorskip("serial", reason="pyserial is not installed")
    with Cable() as made:
        yield made


@pytest.mark.xdist_group("terminals")
@pytest.mark.parametrize("seed", first_quick(range(SEEDS)))
@pytest.mark.parametrize("on_line", first_quick(["screen", "sensor"]))
@pytest.mark.parametrize("line", LINES)
def test_the_promises_hold_on_a_serial_line(
    plugins: sig.Plugins, cable: Cable, line: str, on_line: str, seed: int
) -> None:
    wrappers, _, query = LINES[line].partition("?")

    def ends(bound: list[str]) -> tuple[str, str]:
        return (cable.url(1), bound[1]) if on_line == "screen" else (bound[1], cable.url(1))

    where = seeded(f"{wrappers}+{cable.url(0, '?' + query)}", seed)
    promises_hold(plugins, [where, f"local://unreliable-{next(NUMBERS)}"], ends, 60)


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C client, as a program of this machine."""
    if absent := tools.missing(tools.NATIVE):
        pytest.skip(absent)
    return Workshop(tmp_path_factory.mktemp("firmware")).firmware("native", MTU=48, SLOTS=4)


@pytest.mark.xdist_group("terminals")
@pytest.mark.parametrize("seed", first_quick(range(SEEDS)))
@pytest.mark.parametrize("line", LINES)
def test_a_board_on_a_serial_line(firmware: Path, line: str, seed: int) -> None:
    wrappers, _, query = LINES[line].partition("?")
    with ExitStack() as stack:
        board = stack.enter_context(NativeBoard(firmware))
        where = seeded(f"{wrappers}+{board.port}?{query}", seed)
        traffic = stack.enter_context(heard_by_host("native", where))
        traffic.wait_in()
        traffic.exchange(100, 20, 60)
        assert traffic.presence[1:] == []
