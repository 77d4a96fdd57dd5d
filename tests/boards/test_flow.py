"""Who is slow or busy, and who is not: boards, programs, rings of 64 bytes. Cases 24, 25, 28, 30, 34, 35 and 38."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

import sig_core as sig
from tests.support import eventually, within
from tests.support.rig import Workshop
from tests.support.traffic import heard_by_host, served

Starts = Callable[..., Any]
SMALL = {"MTU": 48, "SLOTS": 2}
TCP = "tcp://127.0.0.1:0"


def test_what_does_not_fit(lines: Starts, native: Starts, workshop: Workshop) -> None:
    line = lines()
    native(workshop.firmware("native", MTU=48, SLOTS=2, MESSAGE=100), on=line.b)
    with heard_by_host("native", line.port) as traffic:
        server = traffic.server
        traffic.wait_in()
        assert traffic.ask("echo", "x" * 80) == "x" * 80
        with pytest.raises(sig.MessageTooBig, match=r"request 'echo' of sender 'native': \d+ bytes, .* takes 100"):
            traffic.ask("echo", "x" * 100)
        with pytest.raises(sig.EncodeError, match=r"integer of 41 bits is outside -2\*\*32 .. 2\*\*32-1"):
            traffic.ask("echo", 2**40)
        tick = server.get_sender("clock").get_signal("tick")
        tick.trigger("x" * 200)
        tick.trigger(2**40)
        traffic.exchange(20, 5, 20)
        assert board_of(server)["events"]["lost"] == {
            "longer than the 100 bytes that the board takes": 1,
            "cbor-board can't carry the value": 1,
        }


@pytest.mark.parametrize("milliseconds", [30, 1000])
def test_a_sketch_that_blocks(milliseconds: int, micropython: Starts) -> None:
    board = micropython()
    with heard_by_host("mp", board.port) as traffic:
        traffic.wait_in()
        for _ in range(3):
            board.sleep(milliseconds / 1000)
            traffic.exchange(20, 5, 30)
        assert traffic.presence[1:] == []


def test_a_sketch_that_blocks_longer_than_the_keep_alive(micropython: Starts) -> None:
    board = micropython()
    with heard_by_host("mp", board.port) as traffic:
        traffic.wait_in()
        board.sleep(4.5)
        traffic.tick(10)
        after = traffic.stats()
        assert (after.heard, after.disordered) == (10, 0)
        assert traffic.presence[1:] == []  # its session was kept


def test_a_ring_of_64_bytes(avr: Starts, workshop: Workshop) -> None:
    board = avr(workshop.firmware("avr", BLOCK_MS=30))
    with heard_by_host("uno", board.port) as traffic:
        traffic.wait_in()
        traffic.exchange(60, 5, 60)
        assert traffic.stats().damaged == 0
    board.stop()
    assert board.counts["overrun"] == 0


def test_a_ring_of_64_bytes_whose_board_promises_too_much(avr: Starts, workshop: Workshop) -> None:
    board = avr(workshop.firmware("avr", BLOCK_MS=30, CREDIT=4))
    with heard_by_host("uno", board.port) as traffic:
        server = traffic.server
        traffic.wait_in()
        values = ["x" * 24 + str(number) for number in range(20)]
        futures = [server.request_async("uno", "echo", value, timeout=within(60)) for value in values]
        assert [future.result() for future in futures] == values
        assert traffic.stats().damaged > 0  # the ring did overflow


def test_events_do_not_starve_requests(avr: Starts, workshop: Workshop) -> None:
    with heard_by_host("uno", avr(workshop.firmware("avr")).port) as traffic:
        traffic.wait_in()
        traffic.ask("burst", 10**6)
        for number in range(20):
            assert traffic.ask("echo", number) == number


def test_a_board_that_does_not_read_delays_nobody(lines: Starts, native: Starts, workshop: Workshop) -> None:
    deaf, well = lines(), lines()
    firmware = workshop.firmware("native", **SMALL)
    native(firmware, on=deaf.b, name="deaf")
    native(firmware, on=well.b, name="well")
    with heard_by_host("well", deaf.port, well.port, TCP) as traffic:
        server = traffic.server
        traffic.wait_in()
        eventually(lambda: server.has_sender("deaf"), 20)
        deaf.stall("to_b")
        with sig.ClientRouter(server.addresses[-1], "json") as client:
            heard = []
            client.add_remote_listener(lambda info, data: heard.append(data), "clock", "tick")
            seen = []  # how much was fired, and the figures then, as long as its session waits for it: 5 s
            for fired in range(500, 20_500, 500):
                traffic.tick(500)  # more than waits for a board; the one that reads takes them all
                assert traffic.stats().disordered == 0
                peers = [peer for peer in server.stats()["peers"] if peer["peer"] in deaf.port and "line" in peer]
                seen += [(fired, peer["events"]) for peer in peers]
            eventually(lambda: len(heard) == 20_000, 20)
            assert heard == list(range(20_000))
        assert all(events["fired"] == fired for fired, events in seen)
        assert sum(seen[-1][1]["lost"].values()) > 0


@pytest.mark.slow
def test_a_slow_program_stops_the_board_and_not_the_line(lines: Starts, native: Starts, workshop: Workshop) -> None:
    count = 80_000  # more than fits the queues of a local link
    line = lines()
    native(workshop.firmware("native", MTU=246, SLOTS=8), on=line.b)
    go_on = threading.Event()
    limits = sig.Limits(max_outbox=16 * 1024, stall=60.0)
    with served(line.port, "local://slow", limits=limits) as server, ExitStack() as stack:
        client = stack.enter_context(sig.ClientRouter("local://slow", "json"))
        stack.callback(go_on.set)
        heard: list[int] = []

        def hear(info: sig.Info, data: Any) -> None:
            go_on.wait(within(60))
            heard.append(data["n"])

        eventually(lambda: server.has_sender("native"), 20)
        client.add_remote_listener(hear, "native", "#changed")
        server.request("native", "burst", count)
        eventually(lambda: board_of(server)["held"], 20)
        go_on.set()
        eventually(lambda: len(heard) == count, 60)
        assert heard == list(range(count))


def board_of(server: sig.ServerRouter) -> dict[str, Any]:
    """What the server tells of its only board."""
    (found,) = (peer for peer in server.stats()["peers"] if peer.get("codec") == "cbor-board")
    return found


@pytest.mark.slow
def test_twenty_boards_and_a_hundred_programs(lines: Starts, native: Starts, workshop: Workshop) -> None:
    firmware = workshop.firmware("native", **SMALL)
    ends = [lines() for _ in range(20)]
    for number, end in enumerate(ends):
        native(firmware, on=end.b, name=f"board{number}")
    with served(*(end.port for end in ends), TCP) as server, ExitStack() as stack:
        programs = [stack.enter_context(sig.ClientRouter(server.addresses[-1], "json")) for _ in range(100)]
        heard: list[list[Any]] = [[] for _ in programs]
        for program, mine in zip(programs, heard, strict=True):
            program.add_remote_listener(_noting(mine), event="#changed")
        names = [f"board{number}" for number in range(20)]
        for name in names:
            eventually(lambda name=name: server.has_sender(name), 30)
        ends[0].stall("to_b")
        ends[1].deafen("to_b")
        for name in names[2:]:
            assert server.request(name, "burst", 50, timeout=within(30)) == 50
        eventually(lambda: all(len(mine) == 18 * 50 for mine in heard), 60)
        for mine in heard:
            for name in names[2:]:
                assert [number for sender, number in mine if sender == name] == list(range(50))


def _noting(mine: list[Any]) -> Callable[[sig.Info, Any], None]:
    return lambda info, data: mine.append((info["sender"], data["n"]))
