"""Every kind of board as a peer of a server: what it can do, and what its reset does. Cases 16 and 21 of README.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import sig_core as sig
from tests.support import ROOT, eventually, within
from tests.support.rig import Board, Splice, Workshop, compile_sketch, tools
from tests.support.traffic import Traffic, heard_by_host, served

Starts = Callable[..., Any]
KINDS = [
    pytest.param("native", marks=pytest.mark.serial),
    pytest.param("uno", marks=pytest.mark.avr),
    pytest.param("full", marks=pytest.mark.avr),
    pytest.param("cortex", marks=pytest.mark.qemu),
    pytest.param("mp", marks=pytest.mark.micropython),
]
WITH_REQUESTS = {"native", "full", "cortex", "mp"}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def board(kind: str, request: pytest.FixtureRequest) -> Board:
    """One of each kind."""
    workshop: Workshop = request.getfixturevalue("workshop")
    if kind in ("uno", "full"):
        avr = request.getfixturevalue("avr")
        made: Board = avr(workshop.firmware("avr" if kind == "uno" else "avr-full"))
    elif kind == "mp":
        made = request.getfixturevalue("micropython")()
    else:
        made = request.getfixturevalue(kind)(workshop.firmware(kind))
    return made


@pytest.fixture
def traffic(board: Board, kind: str) -> Iterator[Traffic]:
    with heard_by_host("uno" if kind == "full" else kind, board.port) as traffic:
        traffic.wait_in()
        yield traffic


def test_everything_that_it_can_do(traffic: Traffic, kind: str) -> None:
    server, name = traffic.server, traffic.name
    assert traffic.ask("led.set", 7) == 7
    for value in (None, True, -5, 2**32 - 1, 1.5, "Grüße", [1, [2]], {"a": {"b": 1}}):
        assert traffic.ask("echo", value) == value
    with pytest.raises(sig.ProtocolError):
        traffic.ask("led.set", "bright")
    with pytest.raises(sig.RemoteError, match="failed"):
        traffic.ask("fail")
    with pytest.raises(sig.UnknownMethod):
        traffic.ask("nothing")
    with pytest.raises(sig.MessageTooBig, match=r"request 'echo' of sender '.*': 5\d{3} bytes, .* takes \d+"):
        traffic.ask("echo", "x" * 5000)
    if kind in WITH_REQUESTS:
        answers: list[Any] = []
        server.add_listener(lambda info, data: answers.append(data), name, "answer")
        traffic.ask("ask", 5)
        eventually(lambda: answers == [[0, ["12:00", 5]]], 20)
    traffic.exchange(100, 20, 60)
    after = traffic.stats()
    assert (after.disordered, after.damaged) == (0, 0)  # a busy machine may well double


def test_its_reset(traffic: Traffic, board: Board) -> None:
    traffic.exchange(20, 5, 30)
    board.reset()
    traffic.wait_in(times=2)
    assert traffic.presence == ["#connect", "#disconnect", "#connect"]
    traffic.ask("burst", 10**5)
    traffic.wait(lambda: len(traffic.numbers) > 60, 20, "the burst")
    board.reset()
    traffic.wait_in(times=3)
    traffic.exchange(20, 5, 30)


def test_a_line_that_is_away_for_a_while(board: Board, kind: str, lines: Starts, running: ExitStack) -> None:
    line = lines()
    running.enter_context(Splice(board.port, line.b))
    with heard_by_host("uno" if kind == "full" else kind, line.port) as traffic:
        server = traffic.server
        traffic.wait_in()
        traffic.ask("burst", 300)
        traffic.tick(30)
        traffic.wait(lambda: len(traffic.numbers) > 20, 20, "the burst")
        line.cut("a")
        eventually(lambda: not any(peer for peer in server.peers), 20)
        line.plug("a")
        traffic.wait(lambda: len(traffic.numbers) >= 300, 30, "the rest of the burst")
        assert traffic.numbers == list(range(300))
        assert (traffic.stats().heard, traffic.stats().disordered) == (30, 0)
        assert traffic.presence == ["#connect"]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_a_bootloader(seconds: float, avr: Starts, workshop: Workshop) -> None:
    board = avr(workshop.firmware("avr"), bootloader=seconds)
    with heard_by_host("uno", board.port) as traffic:
        traffic.wait_in()
        traffic.exchange(20, 5, 30)
        board.reset()
        traffic.wait_in(times=2)
        traffic.exchange(20, 5, 30)


def test_the_sketch_of_the_library(avr: Starts, workshop: Workshop) -> None:
    tools.need(tools.ARDUINO)
    heard: list[float] = []
    board = avr(compile_sketch(workshop, ROOT / "boards/c/examples/Thermometer/Thermometer.ino"))
    with served(board.port) as server:
        server.add_listener(lambda info, data: heard.append(data["celsius"]), "thermometer", "#changed")
        eventually(lambda: len(heard) >= 2, 30)
        assert all(-60 < celsius < 460 for celsius in heard)


def test_the_lamp_of_the_library(avr: Starts, workshop: Workshop) -> None:
    tools.need(tools.ARDUINO)
    board = avr(compile_sketch(workshop, ROOT / "boards/c/examples/Led/Led.ino"))
    with served(f"{board.port}&name=lamp") as server:
        eventually(lambda: server.has_sender("lamp"), 20)
        ask = lambda method, params=None: server.request("lamp", method, params, timeout=within(20))  # noqa: E731
        assert (ask("get"), ask("set", True), ask("get")) == (False, None, True)
        ask("set", False)
        door = server.add_sender("door", ["#alarm"])
        door.get_signal("#alarm").trigger("open")
        eventually(lambda: ask("get") is True, 20)


def test_cortex_on_a_pty(cortex: Starts, workshop: Workshop) -> None:
    with heard_by_host("cortex", cortex(workshop.firmware("cortex"), on="pty").port) as traffic:
        traffic.wait_in()
        traffic.exchange(50, 10, 30)


@pytest.mark.parametrize("kind", ["native", "cortex", "micropython"])
def test_boards_with_a_network(kind: str, request: pytest.FixtureRequest, workshop: Workshop) -> None:
    start = request.getfixturevalue(kind)
    with served("tcp://127.0.0.1:0") as server:
        on = server.addresses[0]
        board = start(on=on) if kind == "micropython" else start(workshop.firmware(kind), on=on)
        traffic = Traffic(server, "mp" if kind == "micropython" else kind)
        traffic.wait_in()
        traffic.exchange(100, 20, 60)
        board.reset()
        traffic.wait_in(times=2)
        traffic.exchange(20, 5, 30)
