"""Resets, unplugged lines, killed hosts: what goes on, what ends, what is told. Cases 7, 8, 16-21, 32, 36, 37, 40."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually, within
from tests.support.rig import NativeBoard, SerialLine, Workshop
from tests.support.traffic import Traffic, heard_by_host, served

Starts = Callable[..., Any]
SMALL = {"MTU": 48, "SLOTS": 4}


@pytest.fixture
def line(lines: Starts) -> SerialLine:
    made: SerialLine = lines()
    return made


@pytest.fixture
def board(line: SerialLine, native: Starts, workshop: Workshop) -> NativeBoard:
    made: NativeBoard = native(workshop.firmware("native", **SMALL), on=line.b)
    return made


@pytest.fixture
def traffic(line: SerialLine, board: NativeBoard) -> Iterator[Traffic]:
    with heard_by_host("native", line.port) as traffic:
        traffic.wait_in()
        yield traffic


# -- reset


def test_reset_while_idle(traffic: Traffic, board: NativeBoard) -> None:
    board.reset()
    traffic.wait_in(times=2)
    assert traffic.presence == ["#connect", "#disconnect", "#connect"]
    traffic.exchange(50, 10, 20)


def test_reset_in_a_burst(traffic: Traffic, board: NativeBoard) -> None:
    for times in range(2, 6):
        before = len(traffic.numbers)
        traffic.ask("burst", 5000)
        traffic.wait(lambda before=before: len(traffic.numbers) > before + 100, 20, "the burst")
        board.reset()
        traffic.wait_in(times)
        heard = traffic.numbers[before:]
        assert heard == list(range(len(heard)))  # what came of it came in order, and once
    traffic.exchange(50, 10, 20)


def test_two_resets_in_a_row(traffic: Traffic, board: NativeBoard) -> None:
    board.reset()
    board.reset()
    traffic.wait(lambda: traffic.presence[-1] == "#connect" and len(traffic.presence) >= 3, 20, "the board to be back")
    traffic.exchange(50, 10, 20)
    assert traffic.presence.count("#connect") == traffic.presence.count("#disconnect") + 1


def test_requests_in_doubt_end_as_outcome_unknown(traffic: Traffic, board: NativeBoard, line: SerialLine) -> None:
    line.stall("to_b")
    future = traffic.server.request_async("native", "led.set", 1, timeout=within(60))
    board.reset()  # its HELLO comes, so the session is over, and nobody knows whether the request had run
    with pytest.raises(sig.OutcomeUnknown, match="lost while the request was open"):
        future.result(within(20))
    line.resume("to_b")
    traffic.wait_in(times=2)
    assert traffic.ask("led.set", 2) == 2


def test_events_in_doubt_are_counted(traffic: Traffic, board: NativeBoard, line: SerialLine) -> None:
    line.stall("to_b")
    traffic.tick(3)
    board.reset()
    traffic.wait(lambda: "#disconnect" in traffic.presence, 20, "the reset to be noticed")
    line.resume("to_b")
    traffic.wait_in(times=2)
    lost = traffic.server.stats()["events"]["lost"]
    assert sum(lost.values()) == 3, lost


# -- the line is gone for a while


def test_unplugged_for_two_seconds_in_a_burst(traffic: Traffic, line: SerialLine, native: Starts) -> None:
    start = traffic.stats()
    traffic.ask("burst", 2000)
    traffic.tick(300)
    traffic.wait(lambda: len(traffic.numbers) > 100, 20, "the burst")
    line.cut()
    unplugged_for(2.0)
    line.plug()
    traffic.wait(lambda: len(traffic.numbers) >= 2000, 30, "the rest of the burst")
    after = traffic.stats()
    assert traffic.numbers == list(range(2000))
    assert (after.heard - start.heard, after.disordered) == (300, 0)
    assert traffic.presence == ["#connect"]  # nobody noticed
    assert sum(traffic.server.stats()["events"]["lost"].values()) == 0


@pytest.mark.slow
def test_unplugged_for_too_long(traffic: Traffic, line: SerialLine) -> None:
    line.cut("a")
    traffic.wait(lambda: traffic.presence[-1] == "#disconnect", 20, "the board to be given up")
    line.plug("a")
    traffic.wait_in(times=2)
    traffic.exchange(50, 10, 20)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["to_a", "to_b"])
def test_a_stall_of_one_way_loses_nothing(way: Any, traffic: Traffic, line: SerialLine) -> None:
    traffic.ask("burst", 500)
    for seconds in (0.05, 0.5, 3.5):  # the last one is longer than the silence after which the peer is not there
        line.stall(way)
        traffic.tick(20)
        unplugged_for(seconds)
        line.resume(way)
    traffic.wait(lambda: len(traffic.numbers) >= 500, 20, "the burst")
    assert traffic.numbers == list(range(500))
    after = traffic.stats()
    assert (after.heard, after.disordered) == (60, 0)
    assert traffic.presence == ["#connect"]


@pytest.mark.slow
def test_a_board_that_went_deaf(traffic: Traffic, line: SerialLine) -> None:
    line.deafen("to_b")
    traffic.tick(10)
    traffic.wait(lambda: traffic.presence[-1] == "#disconnect", 20, "the board to be given up")
    line.hear("to_b")
    traffic.wait_in(times=2)
    assert sum(traffic.server.stats()["events"]["lost"].values()) == 10
    traffic.exchange(50, 10, 20)


def test_another_board_at_the_same_port(
    traffic: Traffic, line: SerialLine, board: NativeBoard, native: Starts, workshop: Workshop
) -> None:
    traffic.ask("burst", 10**6)
    line.cut("b")
    board.stop()
    line.plug("b")
    native(workshop.firmware("native", **SMALL), on=line.b, name="other")
    wait_for_sender(traffic.server, "other")
    assert not traffic.server.has_sender("native")
    assert traffic.server.request("other", "echo", 1) == 1


# -- the host is gone

HOST = """
import sys
import sig_core as sig
with sig.ServerRouter() as server:
    server.add_listener(lambda info, data: print(data["n"], flush=True), "native", "#changed")
    server.add_listener(lambda info, data: print("in", flush=True), "native", "#connect")
    server.listen(sys.argv[1])  # now the board may connect
    sys.stdin.read()
"""


def test_the_host_is_killed_and_comes_back(line: SerialLine, board: NativeBoard) -> None:
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", HOST, line.port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    with heard_by_host("native", line.port) as traffic:
        traffic.wait_in()
        traffic.exchange(100, 10, 20)


# -- names


def test_a_name_that_is_taken(line: SerialLine, native: Starts, workshop: Workshop, caplog: Any) -> None:
    with served(line.port) as server:
        mine = server.add_sender("native", ["x"])
        native(workshop.firmware("native", **SMALL), on=line.b)
        eventually(lambda: any(peer["codec"] == "cbor-board" for peer in server.stats()["peers"] if "codec" in peer))
        server.remove_sender(mine)
        wait_for_sender(server, "native")
        assert server.request("native", "echo", 1, timeout=within(20)) == 1


def test_boards_of_one_firmware(lines: Starts, native: Starts, workshop: Workshop) -> None:
    firmware = workshop.firmware("native", **SMALL)
    ends = [lines() for _ in range(3)]
    for end in ends:
        native(firmware, on=end.b)
    options = ["name=left", "prefix=right/", "prefix=far/&name=away"]
    with served(*(f"{end.port}?{option}" for end, option in zip(ends, options, strict=True))) as server:
        for name in ("left", "right/native", "far/away"):
            wait_for_sender(server, name)
            assert server.request(name, "echo", name) == name


# -- what else is on the line


def test_text_between_packets_is_logged(line: SerialLine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sig")
    printer = os.open(line.b, os.O_RDWR | os.O_NOCTTY)
    try:
        with served(line.port):
            os.write(printer, b"ets Jun  8 2016 00:22:57 rst:0x1\r\n\0")
            eventually(lambda: f"{line.port}: says: ets Jun  8 2016 00:22:57 rst:0x1" in caplog.text)
    finally:
        os.close(printer)


def test_garbage_and_commands_of_a_modem_manager(line: SerialLine, board: NativeBoard) -> None:
    intruder = os.open(line.b, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(intruder, b"AT+GCAP\r\nAT\r\n" + bytes(range(256)))
        with heard_by_host("native", line.port) as traffic:
            traffic.wait_in()
            os.write(intruder, b"AT\r\n" * 5 + bytes(range(255, -1, -1)))
            traffic.exchange(100, 10, 20)
            assert traffic.presence == ["#connect"][: len(traffic.presence)]
    finally:
        os.close(intruder)


def unplugged_for(seconds: float) -> None:
    """The time itself is what is tested here: nothing happens that could be waited for."""
    threading.Event().wait(seconds)


def wait_for_sender(server: sig.ServerRouter, name: str) -> None:
    eventually(lambda: server.has_sender(name), 20)


