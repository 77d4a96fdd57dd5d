"""What is recorded, played, and recorded again is equal, byte for byte of payload."""

from __future__ import annotations

from pathlib import Path

import pytest

import sig_core as sig
from sig_core.recording import Player, Recorded, Recorder, Recording
from tests.support import eventually

CODECS = ["json", "msgpack", "cbor"]


class Noted(sig.Signal):
    """Adds to the info of each event."""

    def trigger(self, data: object = None, confirm: object = None) -> object:
        self.event_info["number"] = data
        return super().trigger(data, confirm)


def essence(file: Path) -> list[tuple[object, ...]]:
    """All but the times."""
    return [tuple(entry)[1:] for entry in Recording(file).entries()]


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_played_and_recorded_again_is_equal(tmp_path: Path, codec: str) -> None:
    first, second = tmp_path / "first.mcap", tmp_path / "second.mcap"
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, Recorder(first, server.addresses[0], codec) as recorder:
        with sig.ClientRouter(server.addresses[0], codec) as client:
            plain = client.add_remote_sender("plain", ["#changed", 7])
            for number in range(200):
                plain.get_signal("#changed").trigger({"b": [number, 1.5, None, "ä"], "a": True})
                plain.get_signal(7).trigger(number)
        with sig.ClientRouter(server.addresses[0], codec, class_signal=Noted) as client:
            noted = client.add_remote_sender(5, ["e"])
            for number in range(3):
                noted.get_signal("e").trigger(number)
        eventually(lambda: recorder.stats()["recorded"] == 2 + 400 + 2 + 3)
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        with Recorder(second, server.addresses[0], codec) as recorder:
            assert Player(first, speed=0).play(server.addresses[0]) == 403
            eventually(lambda: recorder.stats()["recorded"] == 407)
    assert essence(first) == essence(second)
    assert recorder.stats()["lost"] == 0
    entries = [entry for entry in Recording(first).entries() if entry.event == "e"]
    assert all(entry.additions for entry in entries) and len(entries) == 3
    assert all(isinstance(entry, Recorded) and entry.codec == codec for entry in entries)
