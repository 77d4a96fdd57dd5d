"""Playing in virtual time, and to servers that do not take it."""

from __future__ import annotations

from pathlib import Path

import pytest

import sig_core as sig
from sig_core.recording import Player, RecordingWriter
from tests.support import eventually

BEGIN = 1_700_000_000 * 10**9


class VirtualTime:
    """Passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(round(seconds, 6))


def recording(file: Path, senders: tuple[str, ...] = ("temp",)) -> Path:
    writer = RecordingWriter(file)
    for number, millis in enumerate([0, 1, 250, 3_600_000]):
        for sender in senders:
            writer.put(BEGIN + millis * 10**6, sender, "#changed", "json", b"%d" % number)
    writer.close()
    return file


def test_the_spacing_is_the_original_one(tmp_path: Path) -> None:
    virtual, came = VirtualTime(), []
    player = Player(recording(tmp_path / "a.mcap"), clock=virtual.clock, sleep=virtual.sleep)
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_listener(lambda info, data: came.append(data), "temp", "#changed")
        assert player.play(server.addresses[0]) == 4
        eventually(lambda: came == [0, 1, 2, 3])
    assert virtual.slept == [0.001, 0.249, 3599.75]


def test_it_is_played_in_another_codec(tmp_path: Path) -> None:
    came: list[object] = []
    with sig.ServerRouter("tcp://127.0.0.1:0", codecs=["msgpack"]) as server:
        server.add_listener(lambda info, data: came.append(data), "temp", "#changed")
        Player(recording(tmp_path / "a.mcap"), speed=0).play(server.addresses[0], codec="msgpack")
        eventually(lambda: came == [0, 1, 2, 3])


def test_it_can_be_played_again(tmp_path: Path) -> None:
    came: list[object] = []
    player = Player(recording(tmp_path / "a.mcap"), speed=0)
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_listener(lambda info, data: came.append(data), "temp", "#changed")
        for _ in range(2):
            assert player.play(server.addresses[0]) == 4
            eventually(lambda: not server.has_sender("temp"))
        eventually(lambda: came == [0, 1, 2, 3] * 2)


def test_a_name_for_several_senders_says_where_theirs_goes(tmp_path: Path) -> None:
    file = recording(tmp_path / "a.mcap", ("temp", "hall"))
    with pytest.raises(sig.ConfigError, match="can't be the name of 2 senders: put %s into it, or play only one"):
        Player(file, name="x")
    assert Player(file, name="x", only=("hall", None)).recording.events["hall"] == ["#changed"]


def test_a_server_that_goes_away_ends_it(tmp_path: Path) -> None:
    server = sig.ServerRouter("tcp://127.0.0.1:0")
    virtual = VirtualTime()

    def sleep(seconds: float) -> None:
        server.stop()
        virtual.sleep(seconds)

    player = Player(recording(tmp_path / "a.mcap"), clock=virtual.clock, sleep=sleep, loop=True)
    with server, pytest.raises(sig.SigError):
        player.play(server.addresses[0])
    assert player.played >= 1


def test_a_name_that_is_taken_is_the_error_of_the_server(tmp_path: Path) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_sender("temp", ["e"])
        with pytest.raises(sig.SigError, match="'temp'"):
            Player(recording(tmp_path / "a.mcap"), speed=0).play(server.addresses[0])
