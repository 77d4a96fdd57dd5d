"""When memory is given back to the system: again and again while links hold much, and a while after."""

from __future__ import annotations

import asyncio
import platform
import subprocess
import sys
from collections.abc import Callable

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.io.server import give_back
from sig_core.io.server.give_back import DELAY, LARGE, MUCH, USUAL, GiveBack


def test_it_is_given_back_while_much_is_held_and_until_what_has_ended_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    mapped: list[tuple[float, int]] = []
    monkeypatch.setattr(give_back, "PERIOD", period := 0.5)
    watch, now = GiveBack(), 0.0
    monkeypatch.setattr(give_back, "_trim", lambda: given.append(now))
    monkeypatch.setattr(give_back, "_map_from", lambda size: mapped.append((now, size)))
    for held in (0, 2 * MUCH, 3 * MUCH, MUCH, MUCH - 1, *[0] * 80):
        watch.note(held, now)
        now += period / 2
    first, last = period / 2, 3 * period / 2
    assert given == [first + period * number for number in range(round((last + DELAY - first) / period) + 1)]
    assert mapped == [(first, LARGE), (last + DELAY + period, USUAL)]


def stopped_on_threads() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server._clients._give_back.note(MUCH, 0.0)


def stopped_on_asyncio() -> None:
    async def run() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0") as server:
            server._clients._give_back.note(MUCH, 0.0)

    asyncio.run(run())


@pytest.mark.parametrize("stopped", [stopped_on_threads, stopped_on_asyncio])
def test_a_server_that_stops_meanwhile_leaves_the_program_as_it_was(
    monkeypatch: pytest.MonkeyPatch, stopped: Callable[[], None]
) -> None:
    mapped: list[int] = []
    monkeypatch.setattr(give_back, "_map_from", mapped.append)
    monkeypatch.setattr(give_back, "DELAY", 1e9)  # it does not calm down by itself
    stopped()
    assert mapped == [LARGE, USUAL]


def test_little_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(give_back, "_trim", pytest.fail)
    monkeypatch.setattr(give_back, "_map_from", pytest.fail)
    watch = GiveBack()
    for now in range(50):
        watch.note((MUCH - 1) * (now % 2), float(now))


def test_the_system_can_be_asked() -> None:
    give_back._trim()


HOLES = """
import os
from sig_core.io.server.give_back import DELAY, MUCH, PERIOD, GiveBack

def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

def given_back() -> int:
    blocks = [(bytearray(1 << 20), bytearray(100_000)) for _ in range(50)]
    before = resident()
    kept = [small for _, small in blocks]
    del blocks
    return (before - resident()) >> 20

for _ in range(3):
    bytearray(8 << 20)  # as large as that: from now on glibc keeps what is smaller
watch = GiveBack()
given_back()
print(given_back())
watch.note(MUCH, 0.0)
print(given_back())
watch.note(0, DELAY + 2 * PERIOD)
given_back()
print(given_back())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_large_blocks_between_small_ones_go_at_once_while_much_is_held() -> None:
    """In a process of its own: this is for the whole process."""
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    before, meanwhile, after = map(int, done.stdout.split())
    assert before < 10 and meanwhile >= 40 and after < 10  # MiB of 50
